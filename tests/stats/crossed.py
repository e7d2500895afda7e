"""Crossed designs with planted components."""

from __future__ import annotations

import numpy as np


def planted(rng, shape, components, *, width=1, draw=None):
    """Values [A, B(, C), n, width]: independent effects of the given variance for each set of axes."""
    draw = draw or rng.standard_normal
    values = np.zeros((*shape, width))
    for term, variance in components.items():
        size = [n if axis in term else 1 for axis, n in enumerate(shape)]
        values += np.sqrt(variance) * draw(size=(*size, width))
    return values


def rows_of(shape):
    """The row of each run where rows follow the cells."""
    return np.arange(np.prod(shape)).reshape(shape)
