"""What networks do: decisions, evaluation, single presentations, engines compared; on one process or many."""
