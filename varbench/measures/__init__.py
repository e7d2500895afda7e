"""Measures: arrays in, arrays out, run axis first; no intervals, no files, no names."""
