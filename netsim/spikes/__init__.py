"""First spikes: the one type that holds them, the one loop that presents stimuli, and the tidy table.

Everything that reads spikes reads `Spikes`: measures, studies, analyses, figures and exports.
"""

from netsim.spikes.columns import LayerSpikes
from netsim.spikes.presenting import present
from netsim.spikes.spikes import Conditions, Progress, Spikes, no_progress
