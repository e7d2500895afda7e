"""Random keys: one stream per source of randomness, level and use, and nothing else.

A key is reached from one fixed root by `fold_in` over fixed integers: source, level, then whatever the source
counts (epoch, step). No arithmetic is done on levels or seeds, so level 1 at epoch 0 can never be level 0 at
epoch 1. Threefry is named explicitly because its streams are the same under `vmap` as alone.
"""

from __future__ import annotations

from typing import Any

SOURCES: dict[str, int] = {
    "init": 1,
    "order": 2,
    "augment": 3,
    "dropout": 4,
    "data": 5,
    "label_noise": 6,
    "ulp": 7,
    "width": 8,
}
"""Every channel of randomness with the integer that is folded into its keys. The integers never change."""

SOURCE_MEANINGS: dict[str, str] = {
    "init": "initial weights",
    "order": "order of the training examples in every epoch",
    "augment": "random shifts and flips of the training examples",
    "dropout": "which units are dropped at every step",
    "data": "which training examples were drawn (needs recipe.resample)",
    "label_noise": "which training labels are wrong, and how (needs recipe.label_noise)",
    "ulp": "level 0: untouched; level k: one initial weight moved by one unit in the last place",
    "width": "level 0: the strategy's own width; level k: k runs side by side in the compiled program",
}

_ROOT = 0x7661_7262


def source_key(source: str, level: Any, *counters: Any) -> Any:
    """The key of one source at one level, with counters such as the epoch or the step folded in.

    Args:
        source: A name in `SOURCES`.
        level: Integer level, Python or traced, 0 or greater.
        *counters: Integers folded in after the level, in order.

    Returns:
        A typed threefry key (scalar).

    Raises:
        KeyError: If the source is unknown.
    """
    import jax

    key = jax.random.fold_in(jax.random.key(_ROOT, impl="threefry2x32"), SOURCES[source])
    for integer in (level, *counters):
        key = jax.random.fold_in(key, integer)
    return key
