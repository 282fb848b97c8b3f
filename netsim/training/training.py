"""Train a network in one call."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from netsim.data.dataset import Dataset
from netsim.data.stimuli import Stimuli
from netsim.deprecation import former
from netsim.engines import Conversation
from netsim.runs.model import Model, load_model, load_network
from netsim.specification import Network
from netsim.specification.checks import path_in
from netsim.training.checkpoint import TrainingState
from netsim.training.loop import Callbacks, training_conversation
from netsim.training.opening import open_training


def _former(*args: Any, **kwargs: Any) -> Conversation[TrainingState]:
    return training_conversation(*args, **kwargs)


@former(
    lambda *args: len(args) > 1 and isinstance(args[1], Stimuli),
    _former,
    "netsim.training_conversation(network, ...), or netsim.train(network)",
)
def train(
    network: Network | str | Path,
    out: str | Path | None = None,
    *,
    seed: int = 0,
    epochs: int | None = None,
    limit: int | None = None,
    data: Dataset | None = None,
    data_dir: str | None = None,
    resume: bool = False,
    callbacks: Callbacks | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Model:
    """Train a network into a run folder, and return the model with the best weights.

    Parameters
    ----------
    network : Network, str or Path
        A network, or the name of a preset or TOML file.
    out : str or Path, optional
        New run folder, by default ``runs/NETWORK-seedN``.
    seed : int
        Seed of every random draw.
    epochs : int, optional
        The default is the number in the network's ``training``.
    limit : int, optional
        Number of training stimuli, from the first. Validation uses up to a fifth of this number.
    data : Dataset, optional
        Your own data, see `netsim.make_dataset`. The default is the data set of the network.
    data_dir : str, optional
        Folder of the data set.
    resume : bool
        Whether to continue the run at `out`, if it exists.
    callbacks : Callbacks, optional
    interrupted : callable
        Called after each batch. The training stops if it returns True.

    Returns
    -------
    Model
        With the weights of the epoch with the best validation.

    Raises
    ------
    RunError
        If the run folder exists already, or the run to resume was started with other options.
    SpecificationError, DataError
        If the network, the settings or the data do not fit.
    TrainingError
        If the training diverges.
    KeyboardInterrupt
        If the training was interrupted, after a checkpoint.

    See Also
    --------
    netsim.open_training : Train with custom learners, optimizers, engines or constraints.

    Examples
    --------
    >>> import netsim, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model = netsim.train("digits", f"{folder}/run", epochs=1, limit=100)
    ...     model.origin, model.epoch
    ('run', 1)
    """
    chosen = network if isinstance(network, Network) else load_network(str(network))
    if epochs is not None:
        chosen = dataclasses.replace(chosen, training=dataclasses.replace(chosen.training, epochs=epochs))
    path = path_in(out, "out") if out is not None else Path("runs") / f"{chosen.name}-seed{seed}"
    run = open_training(path, chosen, seed, limit, data_dir, resume, data=data)
    run.train(callbacks, interrupted)
    return load_model(path)
