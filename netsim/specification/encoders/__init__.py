"""Latency codes: the protocol of an encoder, and one module for each.

An encoder turns images or recordings of events into the first-spike latencies of the stimulus.
"""

from netsim.specification.encoders._protocol import Encoder
from netsim.specification.encoders.events import EventEncoder
from netsim.specification.encoders.intensity import IntensityEncoder
from netsim.specification.encoders.latencies import LatencyEncoder
from netsim.specification.encoders.mel import MelEncoder
from netsim.specification.encoders.on_off import OnOffEncoder
from netsim.specification.encoders.population import PopulationEncoder
