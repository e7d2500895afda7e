"""From a Flax NNX factory, a Flax Linen module or a pure pair of functions to a `Model`."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from varbench.models.model import Model
from varbench.parameters import PermutationGroup
from varbench.types import ApplyFn, InitFn


def from_nnx(factory: Callable[[nnx.Rngs], nnx.Module], *, permutations: Sequence[PermutationGroup] = ()) -> Model:
    """A model from a function that builds an NNX module, e.g. `lambda rngs: MyNet(40, 10, rngs=rngs)`.

    The module is called as `module(x)`. Dropout layers draw from the stream named `dropout`; each layer gets a
    key of its own, so that two layers of one shape never share a mask.

    Args:
        factory: Takes `nnx.Rngs`, returns the module.
        permutations: Permutation groups of the network, if known.
    """
    template = nnx.eval_shape(lambda: factory(nnx.Rngs(params=0, dropout=0)))
    structure, params_template, state_template, noise_template = _split(template)

    def init(key: jax.Array) -> tuple[Any, Any]:
        _, params, state, _ = _split(factory(nnx.Rngs(params=key, dropout=0)))
        return nnx.to_pure_dict(params), nnx.to_pure_dict(state)

    def apply(params: Any, state: Any, x: jax.Array, key: jax.Array, train: bool) -> tuple[jax.Array, Any]:
        module = nnx.merge(
            structure,
            _filled(params_template, params),
            _filled(state_template, state),
            jax.tree.map(_blank, noise_template),
            copy=True,
        )
        if train:
            module.train()
            nnx.reseed(module, dropout=key, policy=_key_of_layer)
        else:
            module.eval()
        logits = module(x)
        _, _, after, _ = _split(module)
        return logits.astype(jnp.float32), nnx.to_pure_dict(after)

    return Model(init, apply, tuple(permutations))


def from_linen(module: Any, example: Any, *, permutations: Sequence[PermutationGroup] = ()) -> Model:
    """A model from a Flax Linen module whose `__call__` takes `(x, train)` or `(x)`.

    Args:
        module: A `flax.linen.Module`. Dropout uses the `dropout` collection of keys.
        example: Array or `ShapeDtypeStruct` [B, *shape] from which the parameters' shapes follow.
        permutations: Permutation groups of the network, if known.
    """
    import inspect

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

    return Model(init, apply, tuple(permutations))


def from_functions(init: InitFn, apply: ApplyFn, *, permutations: Sequence[PermutationGroup] = ()) -> Model:
    """A model from a pure pair of functions that already follow the contract of `Model`."""
    return Model(init, apply, tuple(permutations))


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
