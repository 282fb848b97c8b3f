"""Scopes in which neurons compete to fire first, one module each."""

from netsim.specification.scopes._protocol import Winners
from netsim.specification.scopes.map import MapWinners
from netsim.specification.scopes.neighbourhood import NeighbourhoodWinners
from netsim.specification.scopes.population import PopulationWinners
from netsim.specification.scopes.position import PositionWinners
