"""Seams: the extension points of netsim, each with a registry of entries.

A registry knows the names of its entries without importing them. The comment on each seam names the interface of its
entries, and ``seams.pyi`` their types. ``docs/contribute/extending.md`` has examples.

Examples
--------
>>> from netsim import seams
>>> "phased" in seams.regimes, "raster" in seams.figures
(True, True)
"""

from operator import attrgetter

from netsim.registry import Registry

connectivities = Registry("connectivity", "netsim.specification.connectivity")
"""`netsim.specification.Connectivity`: connections between neurons."""
regimes = Registry("regime", "netsim.specification.regimes")
"""`netsim.specification.Regime`: times when neurons integrate and may fire."""
families = Registry("family", "netsim.specification.families", first="piecewise-linear")
"""`netsim.specification.Family`: how a potential moves between events."""
psps = Registry("psp", "netsim.specification.psps", first="ramp")
"""`netsim.specification.PSPShape`: effect of a spike on a potential."""
scopes = Registry("scope", "netsim.specification.scopes")
"""`netsim.specification.Winners`: groups of neurons that compete to fire first."""
encoders = Registry("encoder", "netsim.specification.encoders", attrgetter("order"))
"""`netsim.specification.Encoder`: from samples to latencies."""
engines = Registry("engine", "netsim.engines", folders=True, first="event")
"""`netsim.engines.Engine`: from a batch to the latencies of all populations."""
datasets = Registry("data set", "netsim.data.datasets", attrgetter("order"))
"""`netsim.data.source.Source`: labelled stimuli and their location."""
feedbacks = Registry("feedback", "netsim.specification.feedback")
"""`netsim.specification.Feedback`: weights that pass displacements backwards through a projection."""
learners = Registry("learner", "netsim.learning.learners")
"""`netsim.learning.Learner`: from latencies and labels to gradients."""
targets = Registry("target", "netsim.learning.targets", first="softmax")
"""`netsim.learning.Targets`: from output latencies and labels to displacements."""
optimizers = Registry("optimizer", "netsim.learning.optimizers")
"""`netsim.learning.Optimizer`: from gradients to weights."""
constraints = Registry("constraint", "netsim.learning.constraints")
"""`netsim.learning.Constraint`: conditions on the weights after every step."""
schedules = Registry("schedule", "netsim.learning.schedules")
"""A function of `netsim.learning.schedules`: the learning rate over a training."""
read_outs = Registry("read-out", "netsim.measuring.read_outs", first="strict")
"""`netsim.measuring.read_outs.ReadOut`: from output spikes to the decision."""
studies = Registry("study", "netsim.studies.kinds", attrgetter("order"))
"""`netsim.studies.study.Study`: a disturbance and its levels."""
figures = Registry("figure", "netsim.analysis.figures", attrgetter("order"))
"""`netsim.analysis.Plot`: a figure and its table."""
analyses = Registry("analysis", "netsim.analysis.kinds", attrgetter("order"))
"""`netsim.analysis.Analysis`: a table and a figure from spikes."""
experiments = Registry("experiment", "netsim.experiments.kinds", attrgetter("order"))
"""`netsim.experiments.experiment.Experiment`: a question, its conditions, and a published control."""
spike_formats = Registry("spike format", "netsim.exchange.spikes", attrgetter("order"))
"""`netsim.exchange.SpikeFormat`: spike files to export and import."""
network_formats = Registry("network format", "netsim.exchange.networks", attrgetter("order"))
"""`netsim.exchange.NetworkFormat`: network files to export and import."""

SEAMS = tuple(value for value in [*globals().values()] if isinstance(value, Registry))
"""All registries, in the order of the data: stimuli, latencies, weights, measures, files."""
