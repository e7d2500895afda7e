"""Races against what a user would otherwise run: `python -m benchmarks.speed`."""
