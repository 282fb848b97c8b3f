"""The state before the first batch: initial weights, fitted to the network, and checks of the settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Engine
from netsim.errors import RunError, warn_user
from netsim.learning import Constraint, Learner, Optimizer
from netsim.numerics.draws import Purpose, generator_for
from netsim.registry import Registry
from netsim.runs.folder import RunFolder
from netsim.runs.names import find_run, network_file
from netsim.runs.pretraining import Pretrained, load_pretrained
from netsim.seams import learners, optimizers, targets
from netsim.specification import Learning, Network
from netsim.specification.checks import require
from netsim.specification.keys import read_with_settings, with_settings
from netsim.specification.traits import has_bias
from netsim.training import checkpoint
from netsim.training.checkpoint import TrainingState
from netsim.training.fitting import Fitted, fit
from netsim.training.measured_rates import STIMULI
from netsim.weights.binary import with_log_scales
from netsim.weights.initial import check_memory, initial_weights
from netsim.weights.layout import Weights

_CONSIDERABLE = 0.01  # relative change of an array


def start_training(
    network: Network, seed: int, optimizer: Optimizer | None = None, pretrained: Pretrained | None = None
) -> TrainingState:
    """Return the state before the first batch. Equal seeds produce bit-identical trainings.

    Parameters
    ----------
    network : Network
    seed : int
        Seed of the initial weights.
    optimizer : Optimizer, optional
        The default is the optimizer of the network's settings.
    pretrained : Pretrained, optional
        The default is the pretrained weights of the network's settings, if any.

    Returns
    -------
    TrainingState

    Raises
    ------
    SpecificationError, RunError, DataError
        If the pretrained weights cannot be loaded or do not fit.

    Examples
    --------
    >>> import netsim
    >>> state = netsim.start_training(netsim.load_preset("digits"), seed=3)
    >>> state.weights["hidden.kernel"].shape
    (64, 200)
    """
    check_training_memory(network)
    if pretrained is None and (pretrained := load_pretrained(network)) is not None:
        pretrained.check_unseen(network)
    first = initial_weights(network, seed) if pretrained is None else pretrained.weights
    dtype = np.float32 if network.training.precision == "single" else np.float64
    weights = with_log_scales(network, {name: np.array(array, dtype, order="C") for name, array in first.items()})
    mean = {name: array.copy() for name, array in weights.items()} if network.learning.averaging else None
    optimizer = optimizer or optimizers[network.learning.optimizer].from_network(network)
    optimizer.begin(weights)
    to_fit = pretrained is None and network.learning.fitted and not network.weighting.is_binary
    return TrainingState(weights, optimizer, mean, to_fit=to_fit)


def check_training_memory(network: Network) -> None:
    """Raise SpecificationError if weights, their moments and a batch exceed the memory of this machine."""
    training = network.training
    moments = len(getattr(optimizers[network.learning.optimizer], "moments", ()))
    # latent and best weights, moments and average; initial weights are copied from double precision
    kept = 2 + moments + (network.learning.averaging > 0)
    check_memory(network, 1 + kept * (0.5 if training.precision == "single" else 1.0), training.batch)


def resume_training(
    network: Network,
    run: RunFolder,
    seed: int,
    warn: Callable[[str], None] = warn_user,
    optimizer: Optimizer | None = None,
    pretrained: Pretrained | None = None,
) -> TrainingState:
    """Return the state of a run (see `resume_state`), or a new state without a checkpoint."""
    return checkpoint.resume_state(network, run, warn, optimizer) or start_training(
        network, seed, optimizer, pretrained
    )


def fit_state(
    engine: Engine,
    network: Network,
    constraints: Sequence[Constraint],
    training: Stimuli,
    state: TrainingState,
    seed: int,
) -> Fitted:
    """Fit drawn weights and learning rates to the network with some training stimuli."""
    some = np.sort(generator_for(Purpose.FITTING, seed).permutation(len(training))[:STIMULI])
    stimuli = training.pick(some)
    fitted = fit(engine, network, state.weights, stimuli.latencies(np.arange(len(stimuli))))
    fitted.apply(state.weights)
    for constraint in constraints:
        constraint.enforce(state.weights)
    state.optimizer.begin(state.weights)
    if state.mean is not None:
        state.mean = {name: array.copy() for name, array in state.weights.items()}
    biases = {name: float(bias.mean()) for name, bias in fitted.biases.items()}
    state.fitted = {"scales": fitted.scales, "rates": fitted.rates, "biases": biases}
    state.to_fit = False
    return fitted


def changed_at_once(constraints: Sequence[Constraint], weights: Weights) -> list[str]:
    """Return which weights, such as pretrained ones, the constraints change considerably before anything is learned."""
    kept, found = {name: array.copy() for name, array in weights.items()}, []
    for constraint in constraints:
        before = {name: array.copy() for name, array in kept.items()}
        constraint.enforce(kept)
        for name, array in kept.items():
            share = np.linalg.norm(array - before[name]) / (np.linalg.norm(before[name]) or np.inf)
            if share > _CONSIDERABLE:
                rule = f"the constraint {type(constraint).__name__.lower()} changes {name} by {share:.0%}"
                found.append(f"{rule} at the first step; leave out its setting to keep the weights")
    return found


def _settings(registry: Registry[Any], without: str = "") -> set[str]:
    """Return the keys of `Learning` that only one entry uses, of all entries but one."""
    others = (entry for name, entry in registry.items() if name != without)
    return {key for entry in others for key in getattr(entry, "settings", ())}


def _of_others(registry: Registry[Any], chosen: str, what: str) -> dict[str, str]:
    """Return the settings of the other entries, and why they have no effect. An entry of the user may use any."""
    return dict.fromkeys(_settings(registry, chosen), f"with the {what} {chosen}") if registry.is_own(chosen) else {}


def without_effect(network: Network) -> list[str]:
    """Return the settings of learning that were changed but have no effect, each with the reason."""
    learning = network.learning
    found = _of_others(targets, learning.targets, "targets") | _of_others(learners, learning.learner, "learner")
    if not getattr(learners[learning.learner], "supervised", True):
        found |= dict.fromkeys(_settings(targets), f"with the learner {learning.learner}")
    if not network.weighting.is_binary:
        found["clip"] = "on real weights"
    default = Learning()
    changed = [key for key in sorted(found) if getattr(learning, key) != getattr(default, key)]
    slopes = [
        f"neurons.crossing_slope of {name} has no effect in {neurons.regime}, where the drive determines the slope"
        for name, neurons in ((population.name, population.dynamics) for population in network.integrating)
        if neurons.gated and neurons.crossing_slope is not None
    ]
    return [f"learning.{key} has no effect {found[key]}" for key in changed] + slopes


def check_settings(network: Network, learner: Learner | None) -> None:
    """Refuse a training that cannot learn, before it starts.

    Examples are a network without parameters that netsim's learner changes, and augmentation that erases stimuli or
    does not apply to them. A custom `learner` may change any parameter.
    """
    training, (height, width, _) = network.training, network.encoder.shape
    for name in ("flips", "shift", "occlusion") if network.encoder.samples == "tables" else ():
        none = "has no meaning for rows of a table, whose columns are no places of an image; remove it"
        require(not getattr(training, name), f"training.{name}", none)
    largest, pixels = min(height, width) - 1, f"all {height} x {width} pixels"
    far = f"of {training.shift} moves {pixels} out of sight; {f'take at most {largest}' if largest else 'remove it'}"
    require(training.shift <= largest, "training.shift", far)
    covers = training.occlusion >= 2 * max(height, width) - 1
    whole = f"of {training.occlusion} covers {pixels} wherever it is; take less"
    require(not (training.occlusion and covers), "training.occlusion", whole)
    if learner is None and learners.is_own(network.learning.learner):
        plastic = any(projection.plastic for projection in network.weighted) or any(
            projection.learns_delays for projection in network.projections
        )
        nothing = "are all static, no delay is learned and there is no bias, so that nothing is to be learned"
        require(plastic or has_bias(network), "projections", f"{nothing}; remove a plastic = false")


@dataclass(frozen=True)
class Beginning:
    """A network, and what the training takes over from a run unless the user says otherwise."""

    network: Network
    path: Path | None = None
    """Folder of the training; None for the usual place."""
    seed: int = 0
    limit: int | None = None
    data_dir: str | None = None
    parent: Path | None = None
    """The run whose weights a new run begins with."""


def beginning_of(name: str, settings: Mapping[str, Any] | None = None, resume: bool = False) -> Beginning:
    """Return what a training of a preset, a TOML file or a run begins with.

    Parameters
    ----------
    name : str
        A run is resumed in its folder with `resume`. Otherwise a new run begins with the run's best weights.
    settings : mapping, optional
        Values in place of the network's own, by dotted keys.
    resume : bool

    Raises
    ------
    SpecificationError, RunError
        If there is no such network or run, or a setting does not exist.
    """
    settings = settings or {}
    run = find_run(name)
    if run is None:
        file = network_file(name)
        return Beginning(read_with_settings(file, settings))
    network, record = run.network(), run.record()
    data_dir = run.data_dir()
    if resume:
        if settings:
            first = next(iter(settings))
            new = f"leave out --resume to train a new run that begins with the weights of {name}"
            remedy = "--epochs extends it" if first == "training.epochs" else new
            raise RunError(f"{name}: cannot be resumed with another {first}; {remedy}")
        return Beginning(network, run.path, record["seed"], record.get("limit"), data_dir)
    if Path(name).name in ("", ".."):  # such as the current folder, which has no name to append to
        name = str(Path(name).resolve())
    own_data, network = network.training.dataset, with_settings(network, settings)
    if network.training.dataset != own_data:
        data_dir = None  # the folder of the run's own data
    if "training.pretrained" not in settings:
        network = dataclasses.replace(network, training=dataclasses.replace(network.training, pretrained=name))
    parent = run.path if network.training.pretrained == name else None
    path = Path(f"{Path(name)}-continued")
    return Beginning(network, path, 0, record.get("limit"), data_dir, parent)
