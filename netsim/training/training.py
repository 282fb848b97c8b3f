"""Training in one call."""

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
        New run folder; by default ``runs/NETWORK-seedN``.
    seed : int
        Seed of every random draw.
    epochs : int, optional
        By default as the network's ``training`` says.
    limit : int, optional
        Train on the first stimuli only, and validate on up to a fifth of that.
    data : Dataset, optional
        Data of your own, see `netsim.make_dataset`; by default the data set that the network names.
    data_dir : str, optional
        Where the data set lies.
    resume : bool
        Whether to continue the run at `out`, if there is one.
    callbacks : Callbacks, optional
    interrupted : callable
        Asked after each batch whether to stop there.

    Returns
    -------
    Model
        With the weights of the epoch that validated best.

    Raises
    ------
    RunError
        If the run folder exists already, or the run to resume was started with other options.
    SpecificationError, DataError
        If the network, the settings or the data do not fit.
    TrainingError
        If the training diverges.
    KeyboardInterrupt
        If it was interrupted; a checkpoint is written first.

    See Also
    --------
    netsim.open_training : with learners, optimizers, engines or constraints of your own.

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
