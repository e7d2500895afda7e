"""Planning: how many runs a goal needs, and what a number of runs can show, from a pilot or from a given spread."""
