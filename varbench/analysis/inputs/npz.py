"""Results as arrays in an `.npz` file."""

from __future__ import annotations

from pathlib import Path

from varbench.analysis.inputs.names import ignored_names
from varbench.analysis.inputs.raw import SCORES, Raw
from varbench.data.archive import opened, refuse_beyond_memory
from varbench.errors import InputError
from varbench.keys import SOURCES

ARRAYS = ("labels", *SCORES, "weights", "initial_weights", "condition", "example_id", "classes")


def read_npz(path: Path) -> Raw:
    """The arrays of a file that `numpy.savez` wrote; nothing is unpickled.

    `labels` [E]; one of `predictions` int [R, E], `logits` [R, E, K] and `probabilities` [R, E, K]; optional
    `weights` and `initial_weights` [R, P], `condition` str [R], `example_id` [E], `classes` (their number, or
    names [K]), and the integer levels [R] of any source of randomness under its name.

    Raises:
        InputError: If the file is not sound, an array is missing or misspelt, or they would not fit into memory.
    """
    with opened(path) as archive:
        names = archive.names
        ignored = ignored_names(names, known=(*ARRAYS, *SOURCES), path=path, what="array")
        held = ", ".join(names[:10]) or "nothing"
        if "labels" not in names:
            raise InputError(f"{path} has no array 'labels' (it holds {held}): give the right class of every example")
        scores = [name for name in SCORES if name in names]
        if len(scores) != 1:
            found = " and ".join(scores) or f"none of them (it holds {held})"
            raise InputError(f"{path} must hold one of predictions, logits and probabilities, but has {found}")
        wanted = [name for name in names if name not in ignored]
        total = sum(archive.header(name).n_bytes for name in wanted)
        refuse_beyond_memory(total, what=str(path))
        arrays = {name: archive.array(name) for name in wanted}
    return Raw(
        arrays={name: array for name, array in arrays.items() if name in ARRAYS},
        levels={source: arrays[source] for source in SOURCES if source in arrays},
        where=lambda name, index: f"{name}[{', '.join(map(str, index))}]",
        ignored=ignored,
        form="arrays of an .npz file",
    )
