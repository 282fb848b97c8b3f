"""Learning from first-spike latencies: learners, targets, optimizers and constraints, independent of engines."""

from netsim.learning.protocol import BatchGradients, Constraint, Learner, Optimizer, OutputDisplacement, Targets
