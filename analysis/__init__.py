"""Tidy tables and figures of what was simulated."""
