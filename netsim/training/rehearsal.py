"""Compile the loops of a training in a second process."""

import contextlib
import dataclasses
import itertools

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch
from netsim.engines.event.engine import FEW, MOST, REHEARSED, SOME, EventEngine, made_up_latencies, rehearse_engine
from netsim.specification import Network
from netsim.training.callbacks import Callbacks
from netsim.training.loop import training_conversation
from netsim.training.starting import start_training


def rehearse_training(network: Network, training: Stimuli, validation: Stimuli) -> None:
    """Rehearse the engine, and learn from made-up spikes."""
    settings = dataclasses.replace(network.training, epochs=1)
    network = dataclasses.replace(network, training=settings)
    state = start_training(network, 0)
    state.to_fit = False  # the fit needs real spikes
    quiet = Callbacks(on_warning=lambda text: None)
    conversation = training_conversation(network, training, validation, state, 0, callbacks=quiet)
    batch = next(conversation)
    shown = (validation if len(validation) else training).first(REHEARSED)
    shown_batch = Batch(shown.latencies(np.arange(len(shown))), batch.weights)

    def present() -> None:
        rehearse_engine(network, settings.dt, settings.precision, shown_batch, (MOST, SOME, FEW))

    def learn() -> None:
        engine, count = EventEngine(network, settings.dt, settings.precision), len(batch.stimuli)
        with contextlib.suppress(StopIteration):
            for share in itertools.cycle((MOST, FEW)):
                count = len(conversation.send(made_up_latencies(engine, count, share)).stimuli)

    # the first process compiles a recurrent component for so long that learning can come first
    recurrent = any(map(network.is_recurrent, network.projections))
    for rehearse in (learn, present) if recurrent else (present, learn):
        rehearse()
