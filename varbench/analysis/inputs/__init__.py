"""Results of others: predictions of any models, from a file to one population for each condition."""

from varbench.analysis.inputs.results import Results, read_results

__all__ = ["Results", "read_results"]
