"""The catalogue: every measure by name, from population arrays to estimates with intervals.

To add a measure: one function decorated with `@measure(...)` in a file of this package, the file's name in
`FAMILIES`, and one test.
"""

from importlib import import_module

from varbench.analysis.catalogue.measure import MEASURES, At, Estimator, Measure, estimates, measure, unavailable

FAMILIES = (
    "level",
    "spread",
    "components",
    "sources",
    "equivalence",
    "predictions",
    "distributions",
    "ensembles",
    "soups",
    "weights",
    "pca",
    "paths",
    "separation",
    "landscape",
    "representations",
    "attributions",
    "controls",
    "churn",
)
"""Files that register measures, in the order in which reports list them."""

for family in FAMILIES:
    import_module(f"{__name__}.{family}")

__all__ = ["FAMILIES", "MEASURES", "At", "Estimator", "Measure", "estimates", "measure", "unavailable"]
