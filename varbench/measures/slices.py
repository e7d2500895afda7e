"""Straight lines and planes through the weights of runs: where a slice of the loss surface is taken."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Plane(NamedTuple):
    """The plane through three weight vectors, with a frame of orthonormal axes in units of weight distance.

    Attributes:
        origin: The first run's weights.
        axes: Two orthonormal directions: toward the second run, and toward the third as far as that is another one.
        places: Coordinates of the three runs: (0, 0), (‖b − a‖, 0), and where the third lies.
    """

    origin: Float[np.ndarray, " P"]
    axes: Float[np.ndarray, "2 P"]
    places: Float[np.ndarray, "3 2"]


def line(
    first: Float[np.ndarray, " P"], second: Float[np.ndarray, " P"], positions: Float[np.ndarray, " A"]
) -> Float[np.ndarray, "A P"]:
    """(1 − α) first + α second at every position α: 0 is the first run, 1 the second, exactly."""
    alpha = positions[:, None]
    return ((1.0 - alpha) * first.astype(np.float64) + alpha * second.astype(np.float64)).astype(np.float32)


def plane_through(
    first: Float[np.ndarray, " P"], second: Float[np.ndarray, " P"], third: Float[np.ndarray, " P"]
) -> Plane | None:
    """The plane that three runs span, or None where they lie on one line (equal runs, for instance).

    Source: Garipov et al. 2018, arXiv 1802.10026, appendix A.1 (the same frame).
    """
    origin = first.astype(np.float64)
    toward, across = second - origin, third - origin
    length = np.linalg.norm(toward)
    if length == 0:
        return None
    one = toward / length
    along = float(one @ across)
    rest = across - along * one
    height = np.linalg.norm(rest)
    if height <= 1e-6 * np.linalg.norm(across):
        return None
    places = np.array([[0.0, 0.0], [length, 0.0], [along, height]])
    return Plane(origin, np.stack([one, rest / height]), places)


def plane_ticks(plane: Plane, *, points: int, margin: float) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Evenly spaced coordinates along both axes that hold the three runs with a margin around.

    Args:
        plane: The plane.
        points: Along each axis.
        margin: As a fraction of the runs' extent along each axis.
    """
    low, high = plane.places.min(0), plane.places.max(0)
    room = margin * (high - low)
    x, y = (np.linspace(low[i] - room[i], high[i] + room[i], points) for i in (0, 1))
    return x, y


def plane_points(plane: Plane, places: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n P"]:
    """The weights at coordinates in the plane."""
    return (plane.origin + places @ plane.axes).astype(np.float32)


def plane_places(plane: Plane, weights: Float[np.ndarray, "n P"]) -> Float[np.ndarray, "n 2"]:
    """Coordinates of the point of the plane that is nearest to each of some weights: their own for points in it."""
    return (weights.astype(np.float64) - plane.origin) @ plane.axes.T
