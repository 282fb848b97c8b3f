"""Feedback weights, which carry displacements back: the protocol, and one module for each kind."""

from netsim.specification.feedback._protocol import Feedback
from netsim.specification.feedback.direct import DirectFeedback
from netsim.specification.feedback.random import RandomFeedback
from netsim.specification.feedback.sign import SignFeedback
