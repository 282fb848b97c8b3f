"""Measures: decisions, evaluation, costs, and comparison of engines."""
