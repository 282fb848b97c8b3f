"""Run folders and models: a run, a preset or a specification, with weights."""
