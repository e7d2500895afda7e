"""Reports: one folder of page, tables and figures from one `analysis.json`."""

from varbench.report.render import render

__all__ = ["render"]
