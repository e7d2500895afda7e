"""varbench: how different is the model that comes out when the very same pipeline is trained again?

The names below load their modules when they are first used, so that `import varbench` costs next to nothing.
"""

from __future__ import annotations

from varbench.version import __version__ as __version__

TYPE_CHECKING = False  # as type checkers know it: typing itself is half of what this import would take
if TYPE_CHECKING:
    from typing import Any

    from varbench.analysis.catalogue import MEASURES as MEASURES
    from varbench.analysis.catalogue import estimates as estimates
    from varbench.analysis.population import PopulationArrays as PopulationArrays
    from varbench.api import compare as compare
    from varbench.api import judge as judge
    from varbench.api import plan as plan
    from varbench.api import run as run
    from varbench.api import train as train
    from varbench.api import verify as verify
    from varbench.api import write_report as write_report
    from varbench.data import Dataset as Dataset
    from varbench.data import load as load
    from varbench.errors import InputError as InputError
    from varbench.foreign import analyze as analyze
    from varbench.training.design import Design as Design
    from varbench.training.design import crossed as crossed
    from varbench.training.design import one_at_a_time as one_at_a_time
    from varbench.training.design import replicated as replicated
    from varbench.training.design import together as together
    from varbench.training.recipe import Recipe as Recipe

_HOMES = {
    "MEASURES": "analysis.catalogue",
    "estimates": "analysis.catalogue",
    "PopulationArrays": "analysis.population",
    "compare": "api",
    "judge": "api",
    "plan": "api",
    "run": "api",
    "train": "api",
    "verify": "api",
    "write_report": "api",
    "Dataset": "data",
    "load": "data",
    "InputError": "errors",
    "analyze": "foreign",
    "Design": "training.design",
    "crossed": "training.design",
    "one_at_a_time": "training.design",
    "replicated": "training.design",
    "together": "training.design",
    "Recipe": "training.recipe",
}

__all__ = sorted([*_HOMES, "__version__"])


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'varbench' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"varbench.{_HOMES[name]}"), name)
