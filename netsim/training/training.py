"""Train a network in one call."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from netsim.data.dataset import Dataset
from netsim.runs.model import Model, load_model
from netsim.specification import Network
from netsim.specification.checks import check_function, check_kind, path_in, require
from netsim.specification.keys import with_settings
from netsim.training.beginnings import Beginning, beginning_of
from netsim.training.callbacks import Callbacks
from netsim.training.opening import open_training


def train(
    network: Network | str | Path,
    out: str | Path | None = None,
    *,
    seed: int | None = None,
    epochs: int | None = None,
    settings: Mapping[str, Any] | None = None,
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
        A network, or the name of a preset or TOML file. The name of a run trains a new run that begins with its best
        weights, or continues the run itself with `resume` and no `out`.
    out : str or Path, optional
        New run folder; by default ``runs/NETWORK-seedN``, or ``RUN-continued``.
    seed : int, optional
        Seed of every random draw; by default 0. A run that is resumed by its name keeps its seed.
    epochs : int, optional
        By default as the network's ``training`` says. A larger number than that of the run to resume extends the run.
    settings : mapping, optional
        Values in place of the network's own, by dotted keys such as ``learning.rate``.
    limit : int, optional
        Number of training stimuli, from the first. Validation uses up to a fifth of this number. The default is all,
        or the limit of the run whose weights the training begins with.
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
    check_kind(settings if settings is not None else {}, Mapping, "settings", 'such as {"learning.rate": 0.1}')
    given = dict(settings or {})
    check_kind(callbacks if callbacks is not None else Callbacks(), Callbacks, "callbacks")
    check_function(interrupted, "interrupted", "nothing")
    if epochs is not None:
        require("training.epochs" not in given, "epochs", "is given by settings too; leave one out")
    if isinstance(network, Network):
        begins = Beginning(with_settings(network, given))
    else:
        begins = beginning_of(str(network), given, resume and (out is None or Path(out) == Path(network)))
    chosen = begins.network
    if epochs is not None:
        chosen = dataclasses.replace(chosen, training=dataclasses.replace(chosen.training, epochs=epochs))
    seed, limit = begins.seed if seed is None else seed, begins.limit if limit is None else limit
    path = begins.path or Path("runs") / f"{chosen.name}-seed{seed}" if out is None else path_in(out, "out")
    data_dir = data_dir or (begins.data_dir if data is None else None)
    run = open_training(path, chosen, seed, limit, data_dir, resume, data=data)
    run.train(callbacks, interrupted)
    return load_model(path)
