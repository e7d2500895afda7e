"""The recipe: everything that identical pipelines hold identical."""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import inspect
import itertools
import json
import math
import textwrap
import tomllib
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from varbench.errors import InputError
from varbench.training.fields import field_meant

POSITIVE = ("lr", "clip")
"""Fields that must be greater than 0."""


@dataclass(frozen=True)
class Recipe:
    """One training pipeline, complete but for the levels of its sources of randomness."""

    data: str = "mnist1d"
    """Data set: a name of `varbench list`, or the path of an .npz file."""
    model: str = "mlp"
    """Model: a name of `varbench list`."""
    hidden: tuple[int, ...] | None = None
    """Hidden layer sizes, or channels; the model's own default if not given."""
    blocks: int | None = None
    """Residual blocks per stage (resnet)."""
    norm: Literal["group", "batch"] | None = None
    """Normalization (resnet)."""
    dropout: float = 0.0
    """Dropout rate, in [0, 1)."""
    optimizer: str = "adam"
    """sgd, adam, adamw, or any other optimizer of optax that takes a learning rate."""
    lr: float = 1e-3
    """Peak learning rate."""
    momentum: float = 0.9
    """Momentum of sgd."""
    nesterov: bool = False
    """Nesterov momentum for sgd."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """Learning rate after the warm-up: constant, or a cosine to zero."""
    warmup: int = 0
    """Steps of linear warm-up."""
    weight_decay: float = 0.0
    """Decoupled for adamw, otherwise added to the gradient (L2)."""
    clip: float | None = None
    """Largest global norm of the gradient."""
    batch_size: int = 100
    """Examples per step."""
    steps: int | None = None
    """Optimizer steps; give either steps or epochs."""
    epochs: int | None = None
    """Passes over the training set; each drops the last incomplete batch."""
    shift: int = 0
    """Augmentation: random shift by up to so many pixels (or positions of a curve)."""
    flip: bool = False
    """Augmentation: mirror left and right with probability one half."""
    label_smoothing: float = 0.0
    """Probability mass spread evenly over all classes, in [0, 1)."""
    label_noise: float = 0.0
    """Fraction of the training labels replaced by another class, in [0, 1]."""
    resample: Literal["none", "bootstrap", "subset"] = "none"
    """Which examples are drawn: all, as many with replacement, or half of them without."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the model; parameters and optimizer stay float32."""

    def __post_init__(self) -> None:
        for field, hint in _hints().items():
            object.__setattr__(self, field, _typed(field, getattr(self, field), hint))
        if self.steps is None and self.epochs is None:
            object.__setattr__(self, "steps", 2000)
        _check(self)

    def canonical(self) -> str:
        """The recipe as JSON with sorted keys and no spaces: equal recipes give equal text."""
        return json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"))

    def hash(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:12]

    def as_dict(self) -> dict[str, Any]:
        """Field names and values; tuples become lists."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}

    def toml(self) -> str:
        """The recipe as a TOML file that `recipe_from_toml` reads back; fields that are None are left out."""
        return "".join(f"{k} = {json.dumps(v)}\n" for k, v in self.as_dict().items() if v is not None)

    def replace(self, **changes: Any) -> Recipe:
        """The recipe with some fields changed; a change of steps takes epochs away, and the reverse."""
        if changes.get("steps") is not None:
            changes.setdefault("epochs", None)
        elif changes.get("epochs") is not None:
            changes.setdefault("steps", None)
        return recipe_from_dict({**self.as_dict(), **changes}, where="recipe")

    def total_steps(self, n_train: int) -> int:
        """Optimizer steps on a training set of `n_train` examples."""
        return self.steps if self.steps is not None else self.epochs * self.steps_per_epoch(n_train)  # type: ignore[operator]

    def steps_per_epoch(self, n_train: int) -> int:
        """Full batches in one pass.

        Raises:
            InputError: If one batch is larger than the training set.
        """
        drawn = self.drawn_examples(n_train)
        if self.batch_size > drawn:
            raise InputError(
                f"recipe.batch_size = {self.batch_size}: the training set of {self.data} "
                f"has only {drawn} examples to draw from; give a smaller batch"
            )
        return drawn // self.batch_size

    def drawn_examples(self, n_train: int) -> int:
        """Examples that one run trains on."""
        return n_train // 2 if self.resample == "subset" else n_train

    def active_sources(self) -> tuple[str, ...]:
        """The sources of randomness that this recipe has; `ulp` and `width` can always be studied."""
        active = ["init", "order"]
        active += ["augment"] if self.shift or self.flip else []
        active += ["dropout"] if self.dropout else []
        active += ["data"] if self.resample != "none" else []
        active += ["label_noise"] if self.label_noise else []
        return tuple(active)


WHAT_ACTIVATES = {
    "augment": "recipe.shift or recipe.flip",
    "dropout": "recipe.dropout",
    "data": "recipe.resample",
    "label_noise": "recipe.label_noise",
}
"""The field that gives a recipe a source it does not have by itself."""


def recipe_from_dict(fields: dict[str, Any], *, where: str) -> Recipe:
    """A recipe from names and values; unknown names and wrong types are refused.

    Args:
        fields: Field names and values; missing fields take their defaults.
        where: What the fields came from, for the message.

    Raises:
        InputError: With the offending field and, for a typo, the name that was probably meant.
    """
    known = [field.name for field in dataclasses.fields(Recipe)]
    for name in fields:
        if name not in known:
            meant = field_meant(str(name), known)
            hint = f"did you mean {meant!r}? " if meant else ""
            raise InputError(f"{where}: a recipe has no field {name!r}: {hint}known are {', '.join(known)}")
    return Recipe(**fields)


def recipe_from_toml(path: Path) -> Recipe:
    """A recipe from a TOML file with the recipe's fields at top level or in a table `[recipe]`.

    Raises:
        InputError: If the file is missing, is not TOML, or does not hold a recipe.
    """
    try:
        fields = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"no recipe file at {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a TOML file: {error}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    table = fields.pop("recipe", fields)
    if not isinstance(table, dict):
        raise InputError(f"{path}: recipe = {table!r}: a table [recipe] with the recipe's fields was expected")
    if fields is not table and fields:
        raise InputError(f"{path}: {', '.join(fields)} beside the table [recipe]: put every field into the table")
    return recipe_from_dict(table, where=str(path))


def field_meanings() -> dict[str, str]:
    """What every field means: the text under it in the source of `Recipe`."""
    body = ast.parse(textwrap.dedent(inspect.getsource(Recipe))).body[0].body  # type: ignore[attr-defined]
    return {
        field.target.id: text.value.value
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


@functools.cache
def _hints() -> dict[str, Any]:
    return typing.get_type_hints(Recipe)


def _typed(field: str, value: Any, hint: Any) -> Any:
    """The value as its field's type: an int becomes a float where one is wanted; anything else is refused."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (types.UnionType, typing.Union) else (hint,)
    for option in options:
        if option is type(None):
            if value is None:
                return None
        elif typing.get_origin(option) is Literal:
            if value in typing.get_args(option):
                return value
        elif typing.get_origin(option) is tuple:
            if isinstance(value, list | tuple) and all(type(v) is int for v in value):
                return tuple(value)
        elif option is float:
            if type(value) is float or (type(value) is int and abs(value) < 2**53):
                return value + 0.0  # also turns -0.0, which is another text, into 0.0
        elif type(value) is option:
            return value
    choices = [repr(c) for o in options if typing.get_origin(o) is Literal for c in typing.get_args(o)]
    wanted = f"one of {', '.join(choices)}" if choices else str(hint).replace("<class '", "").replace("'>", "")
    raise InputError(f"recipe.{field} = {value!r}: {wanted} was expected")


def _check(recipe: Recipe) -> None:
    if recipe.steps is not None and recipe.epochs is not None:
        raise InputError("recipe: give either steps or epochs, not both")
    ranges: dict[str, tuple[float, float, bool]] = {
        "dropout": (0, 1, False),
        "label_smoothing": (0, 1, False),
        "label_noise": (0, 1, True),
        "momentum": (0, 1, False),
        "lr": (0, math.inf, False),
        "weight_decay": (0, math.inf, False),
        "clip": (0, math.inf, False),
    }
    for field, (low, high, closed) in ranges.items():
        value = getattr(recipe, field)
        if value is None:
            continue
        above = value > low if field in POSITIVE else value >= low
        if not (above and (value < high or (closed and value == high))):
            opening, closing = "(" if field in POSITIVE else "[", "]" if closed else ")"
            raise InputError(f"recipe.{field} = {value}: a number in {opening}{low:g}, {high:g}{closing} was expected")
    least: dict[str, int] = {"batch_size": 1, "steps": 1, "epochs": 1, "blocks": 1, "warmup": 0, "shift": 0}
    for field, minimum in least.items():
        value = getattr(recipe, field)
        if value is not None and value < minimum:
            raise InputError(f"recipe.{field} = {value}: at least {minimum} was expected")
        if value is not None and value >= 2**31:
            raise InputError(f"recipe.{field} = {value}: less than 2³¹ was expected")
    if recipe.hidden is not None and (not recipe.hidden or min(recipe.hidden) < 1):
        raise InputError(f"recipe.hidden = {list(recipe.hidden)}: one or more sizes of at least 1 were expected")
