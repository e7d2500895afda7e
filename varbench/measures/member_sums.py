"""Sums over the members of many ensembles, a chain of sizes at a time: an ensemble may go on from the one before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, Int

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Step(NamedTuple):
    """One link of a chain: S ensembles.

    Attributes:
        added: [S, R], 1 for the members that are not in the ensembles before; None where there are none.
        carried: Whether the ensembles begin with those before.
    """

    added: csr_array | None
    carried: bool


class MemberSums(NamedTuple):
    """Sums of S ensembles: over the members that came on top of the ensembles before, and over all of them."""

    added: Float[np.ndarray, "S K e"]
    total: Float[np.ndarray, "S K e"]


def chain_steps(chain: Sequence[Int[np.ndarray, "_ _"]], *, n_runs: int) -> tuple[Step, ...]:
    """What each link of a chain of ensembles adds to the one before; one that does not begin with it starts anew.

    Args:
        chain: Members [S, M] of the ensembles, distinct within each; S and M may differ from link to link.
        n_runs: R.
    """
    steps: list[Step] = []
    before: Int[np.ndarray, "T N"] | None = None
    for members in chain:
        start = 0 if before is None or not _begins_with(members, before) else before.shape[1]
        steps.append(Step(_ones(members[:, start:], n_runs=n_runs), start > 0))
        before = members
    return tuple(steps)


def member_sums(values: Float[np.ndarray, "R K e"], steps: Sequence[Step]) -> Iterator[MemberSums]:
    """The sums of every link of a chain, in float64 and in the order of the members.

    A sparse product takes S M K e additions, a dense one S R K e multiplications; where ensembles double and each
    begins with the one before, the chain up to M takes no more than the last link alone.

    Args:
        values: Finite values of the runs.
        steps: From `chain_steps`.
    """
    flat = values.reshape(len(values), -1)
    total = np.zeros((0, *values.shape[1:]))
    for step in steps:
        if step.added is None:
            yield MemberSums(np.broadcast_to(0.0, total.shape), total)
            continue
        added = (step.added @ flat).reshape(-1, *values.shape[1:])
        total = total + added if step.carried else added
        yield MemberSums(added, total)


def _begins_with(members: Int[np.ndarray, "S M"], before: Int[np.ndarray, "T N"]) -> bool:
    return np.array_equal(members[:, : before.shape[1]], before)


def _ones(members: Int[np.ndarray, "S M"], *, n_runs: int) -> csr_array | None:
    """A row for each ensemble, 1 at its members, which keep their order."""
    from scipy.sparse import csr_array

    count, size = members.shape
    if size == 0:
        return None
    starts = np.arange(0, count * size + 1, size, dtype=np.int32)
    return csr_array((np.ones(members.size), members.ravel().astype(np.int32), starts), shape=(count, n_runs))
