"""Where netsim can be extended: every seam, its registry, and the package that holds the entries of netsim itself.

A registry knows the names of its entries without importing them. What an entry has to be, its protocol, stands in the
room that uses it; ``docs/extending.md`` shows one of each. The types of the entries are in ``seams.pyi``.

Examples
--------
>>> from netsim import seams
>>> "phased" in seams.regimes, "raster" in seams.figures
(True, True)
"""

from operator import attrgetter

from netsim.registry import Registry

connectivities = Registry("connectivity", "netsim.specification.connectivity")
"""`netsim.specification.Connectivity`: which neurons are connected."""
regimes = Registry("regime", "netsim.specification.regimes")
"""`netsim.specification.Regime`: when neurons integrate, and when they may fire."""
psps = Registry("psp", "netsim.specification.psps", first="ramp")
"""`netsim.specification.PSP`: what a spike does to a potential."""
scopes = Registry("scope", "netsim.specification.scopes")
"""`netsim.specification.Winners`: within what neurons compete to fire first."""
encoders = Registry("encoder", "netsim.specification.encoders", attrgetter("order"))
"""`netsim.specification.Encoder`: from what is presented to latencies."""
engines = Registry("engine", "netsim.engines", folders=True, first="event")
"""`netsim.engines.Engine`: from a batch to the latencies of all populations."""
datasets = Registry("data set", "netsim.data.datasets", attrgetter("order"))
"""`netsim.data.source.Source`: stimuli with labels, and where they lie."""
feedbacks = Registry("feedback", "netsim.specification.feedback")
"""`netsim.specification.Feedback`: by what weights displacements pass back through a projection."""
learners = Registry("learner", "netsim.learning.learners")
"""`netsim.learning.Learner`: from latencies and labels to gradients."""
targets = Registry("target", "netsim.learning.targets", first="softmax")
"""`netsim.learning.Targets`: from output latencies and labels to displacements."""
optimizers = Registry("optimizer", "netsim.learning.optimizers")
"""`netsim.learning.Optimizer`: from gradients to weights."""
constraints = Registry("constraint", "netsim.learning.constraints")
"""`netsim.learning.Constraint`: what holds for the weights after every step."""
schedules = Registry("schedule", "netsim.learning.schedules")
"""A function, see `netsim.learning.schedules`: the learning rate over a training."""
read_outs = Registry("read-out", "netsim.measuring.read_outs", first="strict")
"""`netsim.measuring.read_outs.ReadOut`: from what the outputs did to the decision."""
studies = Registry("study", "netsim.studies.kinds", attrgetter("order"))
"""`netsim.studies.study.Study`: what is disturbed, at which levels."""
figures = Registry("figure", "netsim.analysis.figures", attrgetter("order"))
"""`netsim.analysis.Plot`: what is drawn, from which table."""
analyses = Registry("analysis", "netsim.analysis.kinds", attrgetter("order"))
"""`netsim.analysis.Analysis`: what spikes say, as a table and a figure."""
experiments = Registry("experiment", "netsim.experiments.kinds", attrgetter("order"))
"""`netsim.experiments.experiment.Experiment`: a question, its conditions, and a published control."""
spike_formats = Registry("spike format", "netsim.exchange.spikes", attrgetter("order"))
"""`netsim.exchange.SpikeFormat`: files of spikes, out and in."""
network_formats = Registry("network format", "netsim.exchange.networks", attrgetter("order"))
"""`netsim.exchange.NetworkFormat`: files of networks, out and in."""

SEAMS = tuple(value for value in [*globals().values()] if isinstance(value, Registry))
"""All of them, in the order of the data: stimulus, latencies, weights, what is measured, what is written."""
