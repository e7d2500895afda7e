"""The page of `varbench --help`, which is written without importing any command; and each command's own."""

import inspect

import pytest

from varbench.cli import main
from varbench.cli.commands import COMMANDS, DESCRIPTION, function_of, help_text


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_command_is_summed_up_by_the_first_line_of_its_docstring(verb):
    assert (inspect.getdoc(function_of(verb)) or "").splitlines()[0] == COMMANDS[verb][1]


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_page_of_a_command_starts_with_the_same_sentence(verb, capsys):
    assert main([verb, "--help"]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert page.startswith(f"usage: varbench {verb} ")
    assert COMMANDS[verb][1] in page


@pytest.mark.parametrize("columns", [0, 60, 80, 200])
def test_the_page_holds_every_sentence_whole_within_the_columns(columns):
    page = help_text(columns)
    assert max(map(len, page.splitlines())) <= max(columns, 70)
    words = " ".join(page.split())
    for verb, (_, summary) in COMMANDS.items():
        assert f" {verb} {summary}" in words
    assert DESCRIPTION in words


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["-h", "run"]])
def test_help_is_asked_for_in_any_of_the_ways(words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(words) == 0
    assert capsys.readouterr().out == help_text(80) + "\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "a command is missing: run, report, "),
        (["rum"], "unknown command 'rum': did you mean 'run'? known are run, report, "),
        (["--json"], "unknown command '--json': known are run, report, "),
        ([""], "unknown command '': known are run, report, "),
    ],
)
def test_what_is_no_command_is_refused_with_those_that_are(words, told, capsys):
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(f"varbench: {told}")
