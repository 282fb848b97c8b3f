"""How a network learns: which weights feed forward, the learner, the training."""

from dataclasses import dataclass
from typing import Any, Literal

from netsim.registry import Registry
from netsim.reprs import short_repr
from netsim.seams import engines, learners, optimizers, schedules, targets
from netsim.specification.checks import check_choice, check_numbers, check_size, check_types, require

MOST_EPOCHS = 1_000_000


@dataclass(frozen=True)
class Weighting:
    """Which weights feed forward.

    Parameters
    ----------
    kind : {"real", "binary"}
        ``binary``: the signs of latent, real-valued weights times a scale; the latent weights are updated.
    scale : {"channel", "layer"}
        Whether a scale is shared by an output channel or a layer.
    scale_rate : float
        Binary weights: learning rate of the logarithms of the scales, over ``learning.rate``. With 0 they are not
        learned: a scale is the mean absolute latent weight.

    Examples
    --------
    >>> import netsim
    >>> netsim.Weighting(kind="binary", scale="layer")
    Weighting(kind='binary', scale='layer')
    """

    kind: Literal["real", "binary"] = "real"
    scale: Literal["channel", "layer"] = "channel"
    scale_rate: float = 0.0

    __repr__ = short_repr

    def __post_init__(self) -> None:
        check_types(self, "weighting")
        check_numbers(self, "weighting", ["scale_rate"], ">= 0")
        for name, default in (("scale", "channel"), ("scale_rate", 0.0)):
            unused = 'has a meaning for binary weights only; leave it out, or say kind = "binary"'
            require(self.is_binary or getattr(self, name) == default, f"weighting.{name}", unused)

    @property
    def is_binary(self) -> bool:
        """Whether signs times a scale feed forward, and latent weights lie behind them."""
        return self.kind == "binary"

    @property
    def shares_scale(self) -> bool:
        """Whether all weights of a layer have one scale."""
        return self.scale == "layer"

    @property
    def learns_scales(self) -> bool:
        """Whether training changes the scales of plastic weights."""
        return self.is_binary and self.scale_rate > 0


@dataclass(frozen=True)
class Learning:
    """How gradients are found, and what becomes of them.

    Learner, targets, optimizer and schedule are names in the registries of `netsim.seams`.

    Parameters
    ----------
    targets : {"softmax", "relative"}, or another name
        Where the displacement of the output neurons comes from.
    sharpness : float
        Softmax targets: factor on the negative latency, counted in encoding windows.
    label_smoothing : float
        Softmax targets: share of the target that all labels share.
    margin : float
        Relative targets: how much later than the winner the other neurons should fire (ms).
    derivative : {"linear", "exact"}
        Derivative of the latency with respect to the potential: constant per layer, or the slope at the spike.
    propagation : {"slope", "causal"}
        What weighs a displacement on its way down: the slope of the PSP at the postsynaptic spike, or
        only whether the presynaptic spike came first.
    normalised : bool
        Scale the displacements of each layer and presentation to unit length (times the encoding window).
    activity : float
        Price of hidden spikes, the higher the earlier they come; silent neurons pay nothing. Each spike that can move
        is displaced by so many encoding windows more, so that those that the loss gains little by come late or not at
        all. In [0, 1); 1e-7 to 1e-2, less for large networks and for a large sharpness.
    optimizer : {"adam", "sgd", "weight-norm"}, or another name
        ``weight-norm`` is Adam on the norm and the direction, with a mean of zero, of the incoming weights of each
        hidden map or neuron: for real weights that are drawn, without ``weight_decay`` and ``revive_below``.
    rate : float
        Peak learning rate.
    momentum : float
        Momentum (sgd) or decay of the first moment (the others).
    schedule : {"constant", "cosine", "one-cycle"}, or another name
        Learning rate over the training.
    weight_decay : float
        Decoupled decay of weights (not biases) per unit of learning rate.
    clip : float
        Binary weights: bound on the latent weights, in standard deviations of the initial draw.
    balanced : bool
        After each step, shift the (latent) incoming weights of each map or dense neuron to a mean of zero, so
        that excitation and inhibition balance; fewer neurons fall silent for good.
    centred_outputs : bool
        After each step, shift the weights of each presynaptic neuron onto the output, and the biases there, to the mean
        they began with: what moves all outputs alike decides nothing, and cannot drift out of their window. For
        projections onto all outputs.
    averaging : float
        How much of the exponential moving average (EMA) of the weights is kept at each step, at most; it is what is
        validated, if anything is, and kept. 0 keeps the weights of the last step themselves.
    revive_below : float
        Maps and dense neurons, with plastic weights, that fire in less than this fraction of an epoch's
        presentations are redrawn; 0 switches it off.
    learner : {"stidi-bp"}, or another name
        From latencies and labels to gradients.
    fitted : bool
        Fit initial weights and learning rates to the network before the first step. Drawn weights are scaled and biases
        are set so that the neurons of each population fire within their window. The rate of the weights onto a
        population is scaled so that a step moves all potentials by a similar share of threshold or window. An `initial`
        that a projection specifies stays as it is.
    edges : {"stop", "pass"}
        ``stop``: an output at its onset is not moved earlier, and a silent one is not moved later, because neither can
        move. This keeps outputs from piling up at the edges of their window. ``pass``: they are moved in any case.

    Examples
    --------
    >>> import netsim
    >>> netsim.Learning(targets="relative", margin=4.0)
    Learning(targets='relative', margin=4.0)
    """

    targets: str = "softmax"
    sharpness: float = 8.0
    label_smoothing: float = 0.0
    margin: float = 8.0
    derivative: Literal["linear", "exact"] = "linear"
    propagation: Literal["slope", "causal"] = "slope"
    normalised: bool = False
    activity: float = 0.0
    optimizer: str = "adam"
    rate: float = 0.001
    momentum: float = 0.9
    schedule: str = "one-cycle"
    weight_decay: float = 0.0
    clip: float = 3.0
    balanced: bool = False
    centred_outputs: bool = False
    averaging: float = 0.0
    revive_below: float = 0.0
    learner: str = "stidi-bp"
    fitted: bool = True
    edges: Literal["stop", "pass"] = "stop"

    __repr__ = short_repr

    def __post_init__(self) -> None:
        check_types(self, "learning")
        gone = "lazy-adam is no longer part of netsim; use adam, which learns as well"
        require(self.optimizer != "lazy-adam" or "lazy-adam" in optimizers, "learning.optimizer", gone)
        registries: dict[str, Registry[Any]] = {
            "targets": targets,
            "optimizer": optimizers,
            "schedule": schedules,
            "learner": learners,
        }
        for name, registry in registries.items():
            check_choice(getattr(self, name), registry, f"learning.{name}")
        check_numbers(self, "learning", ("sharpness", "margin", "rate", "clip"), "positive")
        shares = ("label_smoothing", "momentum", "averaging", "revive_below", "activity")
        check_numbers(self, "learning", shares, "in [0, 1)")
        check_numbers(self, "learning", ["weight_decay"], ">= 0")


@dataclass(frozen=True)
class Training:
    """How long and on what a network is trained.

    Parameters
    ----------
    dataset : str
        Name of a known data set, by default ``digits``, ``tonic:`` and the name of an event data set of the library
        tonic, or the path of a file of `netsim.write_dataset` or of a folder of IDX files.
    engine : str
        ``event``, ``brian2``, or another that is registered in `netsim.seams.engines`.
    dt : float
        Time grid (ms); 0 means exact times (event engine only). Engine and learner count in whole steps of it.
    precision : {"single", "double"}
        Arithmetic of the event engine during training; evaluation is always in double precision.
    pretrained : str
        A trained network whose weights the training begins with, a preset or a run folder; empty draws them.
    epochs, batch : int
        Passes over the training images; presentations between two weight updates.
    validation : int
        Number of training stimuli set aside to choose the epoch whose weights are kept. With 0 all are learned from,
        and the weights of the last epoch are kept. Of a data set with validation stimuli of its own none are set aside.
    flips : bool
        Mirror half of the stimuli from left to right.
    shift : int
        Move each stimulus by up to this many pixels.
    occlusion : int
        Silence a square of so many pixels a side at a random place of each stimulus.
    jitter : float
        Standard deviation of normal jitter of the times of all stimulus spikes (ms); none comes before 0 ms.

    Examples
    --------
    >>> import netsim
    >>> netsim.Training(dataset="digits", epochs=5)
    Training(epochs=5)
    """

    dataset: str = "digits"
    engine: str = "event"
    dt: float = 0.0
    precision: Literal["single", "double"] = "single"
    pretrained: str = ""
    epochs: int = 10
    batch: int = 100
    validation: int = 5000
    flips: bool = False
    shift: int = 0
    occlusion: int = 0
    jitter: float = 0.0

    __repr__ = short_repr

    def __post_init__(self) -> None:
        check_choice(self.engine, engines, "training.engine")
        check_types(self, "training")
        check_numbers(self, "training", ["dt", "jitter"], "a time >= 0 ms")
        remedy = f"the engine {self.engine} needs a time step; give dt in ms, for example 1.0"
        require(self.dt > 0 or engines[self.engine].exact, "training.dt", remedy)
        for name in ("epochs", "batch"):
            check_size(getattr(self, name), f"training.{name}")
        require(self.epochs <= MOST_EPOCHS, "training.epochs", f"must be at most {MOST_EPOCHS:,}, not {self.epochs:,}")
        for name in ("validation", "shift", "occlusion"):
            check_size(getattr(self, name), f"training.{name}", least=0)
