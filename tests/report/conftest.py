"""One made-up document, its report (rendered once), and a quick way to render others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from varbench.report import render
from varbench.report.figures.write import drawing

from .synthetic import POPULATIONS, build

Document = dict[str, Any]


@pytest.fixture
def style() -> Iterator[None]:
    """Figures are drawn as in reports."""
    with drawing():
        yield


@pytest.fixture(scope="session")
def _document() -> Document:
    return build(runs=8, examples=60, checkpoints=4, diverged=1)


@pytest.fixture
def document(_document: Document) -> Document:
    """A fresh copy: three populations with controls; the first has one diverged run."""
    return json.loads(json.dumps(_document))


@pytest.fixture
def small() -> Document:
    """One population with its controls."""
    return build(populations=POPULATIONS[:1], runs=6, examples=30, checkpoints=3)


@pytest.fixture(scope="session")
def report(_document: Document, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the rendered document, without PDFs, which take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("varbench.report.figures.write.figures_pdf", lambda figures: b"")
        return render(_document, tmp_path_factory.mktemp("report") / "out").parent


@pytest.fixture
def quick_render(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Document], Path]:
    """Render without PDFs and return the folder."""
    monkeypatch.setattr("varbench.report.figures.write.figures_pdf", lambda figures: b"")
    return lambda document: render(document, tmp_path / "quick").parent


@pytest.fixture
def minimal() -> Document:
    """Only the keys that must be there."""
    return {"schema": 1, "id": "0" * 16, "name": "least", "title": "Least", "estimates": [], "manifest": {}}
