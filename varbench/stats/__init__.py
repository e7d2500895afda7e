"""Statistics: arrays (and a key) in, estimates with intervals out. What is resampled is always said."""
