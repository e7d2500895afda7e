"""What was asked for: studies at a budget with the user's changes, and the record of it in the run directory."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from varbench.errors import InputError
from varbench.store import read_record
from varbench.store.files import sha256
from varbench.studies.labels import full_label_of, relabeled
from varbench.studies.study import Case, Experiment, PopulationPlan, Study
from varbench.training.design import check_against
from varbench.training.recipe import Recipe, recipe_from_dict

SCHEMA = 2
RECIPE_FILE = "recipe.toml"


@dataclass(frozen=True)
class Request:
    """What was asked for: studies at a budget, with what the user changed.

    Attributes:
        studies: The studies; populations that several ask for are trained once.
        budget: "smoke", "standard" or "full".
        runs: Runs per population, or None for the budget's number.
        recipe: A recipe of the user's own, in place of the studies'.
        overrides: Recipe fields to change in every recipe.
        strategy: Fields of the strategy to fix in place of the rule's: width, batching, convolution.
        probe: Whether to time a few widths and take the fastest.
    """

    studies: tuple[Study, ...]
    budget: str
    runs: int | None = None
    recipe: Recipe | None = None
    overrides: dict[str, Any] | None = None
    strategy: Mapping[str, Any] | None = None
    probe: bool = False

    def cases(self, study: Study) -> Sequence[Case]:
        """The recipes of a study with the user's changes, which the labels tell of; no two have the same label.

        Raises:
            InputError: If there are changes, and the study trains no recipes.
        """
        cases: Sequence[Case] = study.cases(self.budget)
        if not cases and (self.recipe is not None or self.overrides):
            raise InputError(f"the study {study.name!r} trains no recipe that could be changed: run it as it is, apart")
        if self.recipe is not None:
            cases = (Case(f"{_plain(self.recipe.data)}-{self.recipe.model}", full_label_of(self.recipe), self.recipe),)
        recipes = [case.recipe.replace(**(self.overrides or {})) for case in cases]
        labels = relabeled([case.label for case in cases], [case.recipe for case in cases], recipes)
        return [
            replace(case, recipe=recipe, label=label)
            for case, recipe, label in zip(cases, recipes, labels, strict=True)
        ]

    def plans(self, study: Study) -> tuple[PopulationPlan, ...]:
        """The populations of one study.

        Raises:
            InputError: If a field is wrong, or a design varies what a recipe does not have.
        """
        plans = study.plan(self.cases(study), self.budget, self.runs)
        for plan in plans:
            check_against(plan.design, plan.recipe)
        return plans

    def populations(self) -> tuple[PopulationPlan, ...]:
        """The populations of all studies, those of one name put together: they are one population.

        Raises:
            InputError: If a field is wrong, or two studies call different populations by one name.
        """
        found: dict[str, PopulationPlan] = {}
        for study in self.studies:
            for plan in self.plans(study):
                first = found.setdefault(plan.name, plan)
                if not first.trains_as(plan):
                    raise InputError(
                        f"the study {study.name!r} has a population {plan.name!r}, which is another one in a study "
                        "before it: give it another name, or run the studies apart"
                    )
                found[plan.name] = first.together_with(plan)
        return tuple(found.values())

    def experiments(self, study: Study) -> tuple[Experiment, ...]:
        """What a study measures beside its populations."""
        return study.experiments(self.cases(study), self.budget, self.runs)

    def as_dict(self) -> dict[str, Any]:
        """What identifies the request, for the run directory."""
        return {
            "studies": [study.name for study in self.studies],
            "sources": {study.name: sha256(study.source.encode()) for study in self.studies if study.source},
            "budget": self.budget,
            "recipe": self.recipe.as_dict() if self.recipe else None,
            "overrides": {k: list(v) if isinstance(v, tuple) else v for k, v in (self.overrides or {}).items()},
        }


def command_line(request: Request, out: Path) -> str:
    """The command that repeats a request; what is the user's own is read from its copy in the run directory."""
    words = ["varbench run"]
    words += [shlex.quote(str(source_file(out, s.name)) if s.source else s.name) for s in request.studies]
    words += [f"--budget {request.budget}"]
    words += [f"--runs {request.runs}"] if request.runs else []
    words += [f"--recipe-file {shlex.quote(str(out / RECIPE_FILE))}"] if request.recipe else []
    for name, value in (request.overrides or {}).items():
        text = " ".join(shlex.quote(str(v)) for v in (value if isinstance(value, tuple | list) else [value]))
        words.append(f"--recipe.{name.replace('_', '-')} {text}")
    words += [f"--strategy.{name} {value}" for name, value in (request.strategy or {}).items()]
    words += ["--strategy.probe"] if request.probe else []
    return " ".join([*words, f"--out {shlex.quote(str(out))}"])


def source_file(out: Path, study: str) -> Path:
    """Where a run directory keeps the file of a user's own study."""
    return out / "studies" / f"{study}.py"


def read_study(out: Path) -> dict[str, Any]:
    """What a run directory is for.

    Raises:
        InputError: If it is not a run directory, was edited, or is of another schema.
    """
    try:
        record = read_record(out / "study.json")
    except FileNotFoundError:
        raise InputError(f"{out} is not a run directory: there is no study.json in it") from None
    if record["schema"] > SCHEMA:
        raise InputError(f"{out} has schema {record['schema']}, newer than this varbench: upgrade varbench")
    if record["schema"] < SCHEMA:
        raise InputError(f"{out} has schema {record['schema']} of an older varbench, which this one does not read")
    return record


def broken_recipe_file(out: Path) -> tuple[str, ...]:
    """The copy of the user's own recipe, if it is missing or its bytes have changed; nothing otherwise.

    Raises:
        InputError: As `read_study`.
    """
    asked = read_study(out)["request"]["recipe"]
    if asked is None:
        return ()
    recipe = recipe_from_dict(asked, where=str(out / "study.json"))
    lines = [line for line in recipe.toml().splitlines(keepends=True) if line.split(" = ")[0] in asked]
    path = out / RECIPE_FILE
    sound = path.is_file() and path.read_bytes() == "".join(lines).encode()
    return () if sound else (RECIPE_FILE,)


def request_of(out: Path) -> Request:
    """The request that a run directory answers.

    Raises:
        InputError: As `read_study`, or if the file of a user's own study is gone or was edited.
    """
    from varbench.studies.registry import study

    record = read_study(out)
    asked = record["request"]
    recipe = recipe_from_dict(asked["recipe"], where=str(out / "study.json")) if asked["recipe"] else None
    studies = []
    for name in asked["studies"]:
        found = study(source_file(out, name) if name in asked["sources"] else name)
        if name in asked["sources"] and sha256(found.source.encode()) != asked["sources"][name]:
            raise InputError(f"{source_file(out, name)} was edited after the training: put it back, or train again")
        studies.append(found)
    return Request(tuple(studies), asked["budget"], record["runs"], recipe, asked["overrides"])


def _plain(name: str) -> str:
    return Path(name).stem if "/" in name or name.endswith(".npz") else name


def continued(command: str, folder: Path) -> str:
    """The recorded command, with the folder where the run directory lies now."""
    words = shlex.split(command)
    if "--out" in words[:-1]:
        before = words[words.index("--out") + 1]
        words = [f"{folder}{word.removeprefix(before)}" if _within(word, before) else word for word in words]
    return shlex.join(words)


def _within(word: str, folder: str) -> bool:
    return word == folder or word.startswith(f"{folder.rstrip('/')}/")
