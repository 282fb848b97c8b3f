"""The questions of the page, one per module."""
