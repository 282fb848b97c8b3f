"""Run folders, and what a command opens: a run, a preset or a specification, with weights."""
