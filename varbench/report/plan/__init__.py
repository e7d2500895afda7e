"""A plan as a document, in words, as a figure and as a small page."""
