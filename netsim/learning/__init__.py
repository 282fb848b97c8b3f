"""Learning from first-spike latencies: learners, targets, optimizers, constraints. Nothing here knows an engine."""

from netsim.learning.protocol import BatchGradients as BatchGradients
from netsim.learning.protocol import Constraint as Constraint
from netsim.learning.protocol import Learner as Learner
from netsim.learning.protocol import Optimizer as Optimizer
from netsim.learning.protocol import OutputDisplacement as OutputDisplacement
from netsim.learning.protocol import Targets as Targets
