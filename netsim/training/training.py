"""Train a network in one call."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from netsim.data.dataset import Dataset
from netsim.data.source import OnProgress, ignore_progress
from netsim.runs.model import Model, load_model, with_training
from netsim.specification import Network
from netsim.specification.checks import check_function, check_kind, path_in, require
from netsim.specification.keys import with_settings
from netsim.training.callbacks import Callbacks
from netsim.training.opening import TrainingRun, open_training
from netsim.training.starting import Beginning, beginning_of


def train(
    network: Network | str | Path,
    out: str | Path | None = None,
    *,
    seed: int | None = None,
    epochs: int | None = None,
    settings: Mapping[str, Any] | None = None,
    dataset: str | None = None,
    engine: str | None = None,
    dt: float | None = None,
    limit: int | None = None,
    data: Dataset | None = None,
    data_dir: str | None = None,
    resume: bool = False,
    callbacks: Callbacks | None = None,
    interrupted: Callable[[], bool] = lambda: False,
    checkpoint_seconds: float = 60.0,
) -> Model:
    """Train a network into a run folder, and keep the weights of the epoch that validates best.

    The test stimuli are not used. With ``training.validation = 0`` no stimuli are set aside, and the weights of the
    last epoch are kept.

    Parameters
    ----------
    network : Network, str or Path
        A preset, a file with your own network, or a run, whose best weights a new run begins with. With `resume` and
        without `out`, the run itself continues.
    out : str or Path, optional
        New run folder; by default ``runs/NETWORK-seedN`` or ``RUN-continued``.
    seed : int, optional
        Seed of every random draw; by default 0. A run that is resumed by its name keeps its seed.
    epochs : int, optional
        Passes over the training stimuli; by default as in the preset. A larger number extends the run to resume.
    settings : mapping, optional
        A setting of the network by its dotted key, such as ``learning.rate=0.001`` or ``layers.hidden.size=50``.
    dataset, engine, dt : str, str, float, optional
        As for `netsim.load_model`.
    limit : int, optional
        Train on the first stimuli only, and validate on up to a fifth of this number; by default all, or the limit of
        the run whose weights the training begins with.
    data : Dataset, optional
        Your own data, see `netsim.make_dataset`. The default is the data set of the network.
    data_dir : str, optional
        Folder of the data set.
    resume : bool
        Continue the run folder where it stopped, if there is one.
    callbacks : Callbacks, optional
    interrupted : callable
        Called after each batch. The training stops if it returns True.
    checkpoint_seconds : float
        Longest time between two checkpoints (s).

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
    check_kind(callbacks if callbacks is not None else Callbacks(), Callbacks, "callbacks")
    check_function(interrupted, "interrupted", "nothing")
    how: dict[str, Any] = {"seed": seed, "epochs": epochs, "settings": settings, "limit": limit, "data": data}
    how |= {"dataset": dataset, "engine": engine, "dt": dt, "data_dir": data_dir, "resume": resume}
    run = open_named(network, out, **how)[0]
    run.train(callbacks, interrupted, checkpoint_seconds)
    return load_model(run.folder.path)


def open_named(
    network: Network | str | Path,
    out: str | Path | None = None,
    *,
    seed: int | None = None,
    epochs: int | None = None,
    settings: Mapping[str, Any] | None = None,
    dataset: str | None = None,
    engine: str | None = None,
    dt: float | None = None,
    limit: int | None = None,
    data: Dataset | None = None,
    data_dir: str | None = None,
    resume: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> tuple[TrainingRun, Beginning]:
    """Open the training that `train` runs, and return what it begins with."""
    check_kind(settings if settings is not None else {}, Mapping, "settings", 'such as {"learning.rate": 0.1}')
    given = dict(settings or {})
    options = {"dataset": dataset, "engine": engine, "dt": dt, "epochs": epochs}
    for option, value in options.items():
        if value is not None:
            require(f"training.{option}" not in given, option, "is given by the settings too; leave one out")
    if isinstance(network, Network):
        begins = Beginning(with_settings(network, given))
    else:
        begins = beginning_of(str(network), given, resume and (out is None or Path(out) == Path(network)))
    chosen = with_training(begins.network, dataset=dataset, engine=engine, dt=dt, epochs=epochs)
    seed, limit = begins.seed if seed is None else seed, begins.limit if limit is None else limit
    path = begins.path or Path("runs") / f"{chosen.name}-seed{seed}" if out is None else path_in(out, "out")
    data_dir = data_dir or (begins.data_dir if data is None and dataset is None else None)
    return open_training(path, chosen, seed, limit, data_dir, resume, on_progress, data=data), begins
