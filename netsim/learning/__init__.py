"""STiDi-BP: spike times in, weight steps out. Nothing here knows an engine."""

from netsim.learning.learner import Learner, Lesson
from netsim.learning.optimizers import Optimizer, learning_rate, move_mean

__all__ = ["Learner", "Lesson", "Optimizer", "learning_rate", "move_mean"]
