"""The definition of a network, which engines, learners and analyses share.

Times are in ms. Potentials and weights are dimensionless. Times count from the start of the presentation. Neurons of
the default family, ``piecewise-linear``, follow the equation ::

    v' = (I(t)·[t < gate] + (R(t) + drive)·[t >= onset]) / tau,     v(0) = 0
    I(t) = bias + Σ_i w_i Σ_k c_k·[t >= t_i + d_k]

and fires once, at the first ``t`` in ``[onset, end)`` at which ``v >= threshold``. The pairs ``(d_k, c_k)`` are the
breakpoints of the postsynaptic potential (`PSP`). ``R`` is the same sum over the projections that are part of a loop
(lateral, recurrent). ``I`` leaves these projections out. A spike changes only slopes. Simultaneous spikes therefore do
not influence each other. On a grid, spikes of the same step do not either. Other families have other equations
(`netsim.specification.families`).
"""

from netsim.specification.connectivity import (
    Connections,
    Connectivity,
    Convolution,
    Dense,
    Distance,
    EdgeList,
    LocallyConnected,
    OneToOne,
    PerSynapse,
    Pooling,
    Random,
    Sized,
    Window,
)
from netsim.specification.encoders import (
    Encoder,
    EventEncoder,
    IntensityEncoder,
    LatencyEncoder,
    MelEncoder,
    OnOffEncoder,
    PopulationEncoder,
)
from netsim.specification.families import Family, Rates
from netsim.specification.feedback import DirectFeedback, Feedback, RandomFeedback, SignFeedback
from netsim.specification.network import Network
from netsim.specification.neurons import Neurons, Scale
from netsim.specification.populations import STIMULUS, Delays, InitialWeights, Layer, Population, Projection, Shape
from netsim.specification.psps import PSP, PSPShape
from netsim.specification.regimes import Regime
from netsim.specification.scopes import (
    MapWinners,
    NeighbourhoodWinners,
    PopulationWinners,
    PositionWinners,
    Winners,
)
from netsim.specification.settings import Learning, Training, Weighting
