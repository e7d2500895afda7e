"""Figures: one file a kind, one registry."""
