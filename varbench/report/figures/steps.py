"""A logarithmic axis of training steps with a place for step 0."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from varbench.report.figures.style import SOFT
from varbench.report.figures.text import log_number

ZERO = -0.7  # where step 0 stands, in decades left of step 1


def step_axis(axes: Axes, steps: Float[np.ndarray, " S"], *, labels: bool) -> Float[np.ndarray, " S"]:
    """Positions of the steps on the horizontal axis, which gets its limits, ticks and name."""
    places = np.where(steps > 0, np.log10(np.maximum(steps, 1.0)), ZERO)
    last = float(places.max())
    first = float(places.min())
    room = 0.04 * max(last - first, 0.5)
    axes.set_xlim(first - room, last + room)
    decades = np.arange(0, np.floor(last + 1e-9) + 1)
    axes.xaxis.set_major_locator(FixedLocator([*([ZERO] if first < 0 else []), *decades]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: "0" if x < 0 else log_number(10.0**x)))
    axes.tick_params(axis="x", labelbottom=labels)
    if labels:
        axes.set_xlabel("step", color=SOFT)
    return places
