"""Learning from first-spike latencies: learners, targets, optimizers, constraints. Nothing here knows an engine."""

from netsim.learning.protocol import BatchGradients, Constraint, Learner, Optimizer, OutputDisplacement, Targets
