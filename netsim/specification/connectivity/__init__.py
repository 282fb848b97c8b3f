"""Connectivity: the protocol, and one module for each rule.

Neurons of maps are numbered row by row, channels last, as in an array of shape (height, width, channels).
"""

from netsim.specification.connectivity._per_synapse import PerSynapse
from netsim.specification.connectivity._protocol import Connections, Connectivity, Sized, Window
from netsim.specification.connectivity.convolution import Convolution
from netsim.specification.connectivity.dense import Dense
from netsim.specification.connectivity.distance import Distance
from netsim.specification.connectivity.edge_list import EdgeList
from netsim.specification.connectivity.locally_connected import LocallyConnected
from netsim.specification.connectivity.one_to_one import OneToOne
from netsim.specification.connectivity.pooling import Pooling
from netsim.specification.connectivity.random import Random
