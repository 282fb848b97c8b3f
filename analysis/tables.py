"""Names of `netsim.spikes` that `netsim.analysis` offers too."""

from netsim.spikes import LayerSpikes as LayerSpikes
from netsim.spikes import Spikes as Spikes
from netsim.spikes.files import write_table as write_table
from netsim.spikes.table import potential_table as potential_table
from netsim.spikes.table import spike_table as spike_table
