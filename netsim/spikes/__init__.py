"""First spikes: the arrays of an engine, the labelled `Spikes`, and the tidy table.

Measures, studies, analyses, figures and exports all read `Spikes`.
"""

from netsim.spikes.columns import LayerSpikes
from netsim.spikes.spikes import Conditions, Progress, Spikes, no_progress
