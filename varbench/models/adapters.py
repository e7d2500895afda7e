"""From a Flax NNX factory, a Flax Linen module or a pure pair of functions to a `Model`."""

from __future__ import annotations

import inspect
import zlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen, nnx

from varbench.models.model import Model
from varbench.models.recording import Recording
from varbench.parameters import PermutationGroup
from varbench.types import ActivationsFn, ApplyFn, InitFn


def from_nnx(
    factory: Callable[[nnx.Rngs], nnx.Module],
    *,
    permutations: Sequence[PermutationGroup] = (),
    examplewise: bool = False,
) -> Model:
    """A model from a function that builds an NNX module, e.g. `lambda rngs: MyNet(40, 10, rngs=rngs)`.

    The module is called as `module(x)`; one whose `__call__` also takes `record` is asked for its activations with
    `module(x, record=record)`, and calls `h = record("name", h)` after every layer but the last, whose output it
    returns (see `varbench.models.recording`). Dropout layers draw from the stream named `dropout`; each layer gets a
    key of its own, so that two layers of one shape never share a mask.

    Args:
        factory: Takes `nnx.Rngs`, returns the module.
        permutations: Permutation groups of the network, if known.
        examplewise: As in `Model`.
    """
    template = nnx.eval_shape(lambda: factory(nnx.Rngs(params=0, dropout=0)))
    structure, params_template, state_template, noise_template = _split(template)

    def init(key: jax.Array) -> tuple[Any, Any]:
        _, params, state, _ = _split(factory(nnx.Rngs(params=key, dropout=0)))
        return nnx.to_pure_dict(params), nnx.to_pure_dict(state)

    def merged(params: Any, state: Any) -> Any:
        return nnx.merge(
            structure,
            _filled(params_template, params),
            _filled(state_template, state),
            jax.tree.map(_blank, noise_template),
            copy=True,
        )

    def apply(params: Any, state: Any, x: jax.Array, key: jax.Array, train: bool) -> tuple[jax.Array, Any]:
        module = merged(params, state)
        if train:
            module.train()
            nnx.reseed(module, dropout=key, policy=_key_of_layer)
        else:
            module.eval()
        logits = module(x)
        _, _, after, _ = _split(module)
        return logits.astype(jnp.float32), nnx.to_pure_dict(after)

    def activations(params: Any, state: Any, x: jax.Array) -> OrderedDict[str, jax.Array]:
        module, recording = merged(params, state), Recording()
        module.eval()
        return recording.finished(module(x, record=recording))

    records = "record" in inspect.signature(type(template).__call__).parameters
    return Model(init, apply, tuple(permutations), activations if records else None, examplewise)


def from_linen(
    module: Any, example: Any, *, permutations: Sequence[PermutationGroup] = (), examplewise: bool = False
) -> Model:
    """A model from a Flax Linen module whose `__call__` takes `(x, train)` or `(x)`.

    Its activations are what its submodules return, by their paths, before whatever it does with them afterwards.

    Args:
        module: A `flax.linen.Module`. Dropout uses the `dropout` collection of keys.
        example: Array or `ShapeDtypeStruct` [B, *shape] from which the parameters' shapes follow.
        permutations: Permutation groups of the network, if known.
        examplewise: As in `Model`.
    """
    extra = {"train"} & set(inspect.signature(type(module).__call__).parameters)
    dummy = jnp.zeros(example.shape, example.dtype)

    def flags(train: bool) -> dict[str, bool]:
        return {"train": train} if extra else {}

    def init(key: jax.Array) -> tuple[Any, Any]:
        variables = module.init({"params": key}, dummy, **flags(False))
        return variables["params"], {name: tree for name, tree in variables.items() if name != "params"}

    def apply(params: Any, state: Any, x: jax.Array, key: jax.Array, train: bool) -> tuple[jax.Array, Any]:
        variables = {"params": params, **state}
        if not train:
            return module.apply(variables, x, **flags(False)).astype(jnp.float32), state
        logits, after = module.apply(variables, x, rngs={"dropout": key}, mutable=list(state), **flags(True))
        return logits.astype(jnp.float32), dict(after)

    def activations(params: Any, state: Any, x: jax.Array) -> OrderedDict[str, jax.Array]:
        recording = Recording()

        def keep(call: Callable[..., Any], args: Any, kwargs: Any, context: linen.module.InterceptorContext) -> Any:
            value, path = call(*args, **kwargs), "/".join(context.module.path)
            if path and context.method_name == "__call__" and isinstance(value, jax.Array):
                recording(path, value)
            return value

        with linen.intercept_methods(keep):
            return recording.finished(module.apply({"params": params, **state}, x, **flags(False)))

    return Model(init, apply, tuple(permutations), activations, examplewise)


def from_functions(
    init: InitFn,
    apply: ApplyFn,
    *,
    permutations: Sequence[PermutationGroup] = (),
    activations: ActivationsFn | None = None,
    examplewise: bool = False,
) -> Model:
    """A model from pure functions that already follow the contract of `Model`."""
    return Model(init, apply, tuple(permutations), activations, examplewise)


def _split(module: nnx.Module) -> tuple[Any, Any, Any, Any]:
    return nnx.split(module, nnx.Param, nnx.Not(nnx.RngState), ...)


def _filled(template: Any, values: dict[Any, Any]) -> Any:
    state = jax.tree.map(lambda leaf: leaf, template)
    nnx.replace_by_pure_dict(state, values)
    return state


def _blank(leaf: jax.ShapeDtypeStruct) -> jax.Array:
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.key(0)
    return jnp.zeros(leaf.shape, leaf.dtype)


def _key_of_layer(path: tuple[Any, ...], key: jax.Array, _shape: tuple[int, ...]) -> jax.Array:
    return jax.random.fold_in(key, zlib.crc32("/".join(map(str, path)).encode()))
