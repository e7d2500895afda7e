"""Charts of every kind, as studies declare them."""

from __future__ import annotations

from typing import Any


def charts(study: str, *, labels: tuple[str, ...] = ("digits", "MNIST-1D")) -> list[dict[str, Any]]:
    """Lines with bands on logarithmic axes and a gap, rows with intervals, and a cloud."""
    band = {"low": [0.08, None, 0.3], "high": [0.2, None, 0.5]}
    lines = [
        {"label": labels[0], "x": [1, 10, 100], "y": [0.1, None, 0.4], **band},
        {"label": labels[1], "x": [1, 10, 100], "y": [0.5, 0.6, 0.7], "low": [], "high": []},
    ]
    rows = [{"label": "all", "x": ["one", "another"], "y": [0.25, 0.5], "low": [0.2, 0.4], "high": [0.3, 0.6]}]
    cloud = [{"label": f"seed {i}", "x": [0.0, 1.0 + i], "y": [1.0, 2.0], "low": [], "high": []} for i in range(7)]
    common = {"study": study, "x_label": "steps", "y_label": "accuracy", "unit": "fraction"}
    on_logs = {"log_x": True, "log_y": True, "reference": 0.1, "reference_label": "chance"}
    own: list[dict[str, Any]] = [
        {"name": "line", "title": "Along the steps", "kind": "lines", "series": lines, "caption": "Up.", **on_logs},
        {"name": "row", "title": "Row by row", "kind": "rows", "series": rows, "reference": 0.0, "caption": ""},
        {"name": "cloud", "title": "A cloud", "kind": "points", "series": cloud, "unit": "nats", "caption": "c"},
    ]
    return [{**common, **chart} for chart in own]
