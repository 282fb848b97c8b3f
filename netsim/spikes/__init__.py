"""First spikes: the `Spikes` type, the loop that presents stimuli, and the tidy table.

Measures, studies, analyses, figures and exports all read `Spikes`.
"""

from netsim.spikes.columns import LayerSpikes
from netsim.spikes.presenting import present
from netsim.spikes.spikes import Conditions, Progress, Spikes, no_progress
