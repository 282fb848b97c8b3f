"""Types of the entries. They stand in a stub, because the rooms that define them are above `netsim.seams`."""

from collections.abc import Callable
from typing import Any

from netsim.analysis.analyses import Analysis
from netsim.analysis.gallery import Plot
from netsim.data.source import Source
from netsim.engines.protocol import EngineEntry
from netsim.exchange.formats import NetworkFormat, SpikeFormat
from netsim.experiments.experiment import Experiment
from netsim.learning import Constraint, Learner, Optimizer, Targets
from netsim.measuring.read_outs import ReadOut
from netsim.registry import Registry
from netsim.specification import Connectivity, Encoder, Family, Feedback, PSPShape, Regime, Winners
from netsim.studies.study import Study

connectivities: Registry[type[Connectivity]]
regimes: Registry[type[Regime]]
families: Registry[type[Family]]
psps: Registry[type[PSPShape]]
scopes: Registry[type[Winners]]
encoders: Registry[type[Encoder]]
engines: Registry[EngineEntry]
datasets: Registry[Source]
feedbacks: Registry[type[Feedback]]
learners: Registry[type[Learner]]
targets: Registry[type[Targets]]
optimizers: Registry[type[Optimizer]]
constraints: Registry[type[Constraint]]
schedules: Registry[Callable[[float], float]]
read_outs: Registry[ReadOut]
studies: Registry[Study]
figures: Registry[Plot]
analyses: Registry[Analysis]
experiments: Registry[type[Experiment]]
spike_formats: Registry[SpikeFormat]
network_formats: Registry[NetworkFormat]

SEAMS: tuple[Registry[Any], ...]
