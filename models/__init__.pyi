from .model import NetworkModel as NetworkModel
from .network import build_network as build_network
