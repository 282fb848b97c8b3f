"""Settings of weights, learning and training."""

from dataclasses import dataclass, field
from typing import Any, Literal

from netsim.registry import Registry
from netsim.reprs import SHOWN, short_repr
from netsim.seams import engines, learners, optimizers, schedules, targets
from netsim.specification.checks import check_choice, check_magnitudes, check_numbers, check_size, check_types, require

MOST_EPOCHS = 1_000_000


@dataclass(frozen=True)
class Weighting:
    """The weights of the forward pass.

    Parameters
    ----------
    kind : {"real", "binary"}
        ``binary``: the signs of latent, real-valued weights times a scale. Learning updates the latent weights.
    scale : {"channel", "layer"}
        Whether each output channel or each layer has one scale.
    scale_rate : float
        Binary weights: learning rate of the logarithms of the scales, relative to ``learning.rate``. With 0 scales are
        not learned, and a scale is the mean absolute latent weight.

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
        check_magnitudes(self, "weighting", ["scale_rate"])
        for name, default in (("scale", "channel"), ("scale_rate", 0.0)):
            unused = 'has a meaning for binary weights only; leave it out, or say kind = "binary"'
            require(self.is_binary or getattr(self, name) == default, f"weighting.{name}", unused)

    @property
    def is_binary(self) -> bool:
        """Whether the forward pass uses signs of latent weights times a scale."""
        return self.kind == "binary"

    @property
    def shares_scale(self) -> bool:
        """Whether all weights of a layer share a scale."""
        return self.scale == "layer"

    @property
    def learns_scales(self) -> bool:
        """Whether training changes the scales of plastic weights."""
        return self.is_binary and self.scale_rate > 0


@dataclass(frozen=True)
class Learning:
    """How netsim computes gradients and applies them.

    `learner`, `targets`, `optimizer` and `schedule` are names in the registries of `netsim.seams`.

    Parameters
    ----------
    targets : {"softmax", "relative"}, or another name
        Source of the displacements of the output neurons.
    sharpness : float
        Softmax targets: factor of the negative latency (in encoding windows).
    label_smoothing : float
        Softmax targets: share of the target that is distributed over all labels.
    margin : float
        Relative targets: minimum lag of the other neurons behind the winner (ms).
    derivative : {"linear", "exact"}
        Derivative of the latency with respect to the potential, from an assumed slope at threshold or from the slope at
        the spike. Networks with loops need the exact one in the regimes ``free`` and ``staggered``.
    propagation : {"slope", "causal"}
        Factor of a displacement in the backward pass: the slope of the PSP at the postsynaptic spike, or 1 if the
        presynaptic spike came first and 0 otherwise.
    normalised : bool
        Scale the displacements of each layer and presentation to a norm of one encoding window.
    activity : float
        Price of hidden spikes, higher for earlier spikes. Silent neurons cost nothing. The displacement of each movable
        spike increases by this many encoding windows. Spikes that hardly reduce the loss become late or disappear. In
        [0, 1). Useful values are 1e-7 to 1e-2, smaller for large networks and for a large sharpness.
    optimizer : {"adam", "sgd", "weight-norm"}, or another name
        ``weight-norm`` applies Adam to the norm and the direction of the incoming weights of each hidden map or neuron.
        The direction has a mean of zero. It requires drawn real weights, and excludes ``weight_decay`` and
        ``revive_below``.
    rate : float
        Peak learning rate.
    momentum : float
        Momentum (sgd) or decay of the first moment (other optimizers).
    schedule : {"constant", "cosine", "one-cycle"}, or another name
        Course of the learning rate during training.
    weight_decay : float
        Decoupled decay of weights per unit of learning rate. Biases do not decay.
    clip : float
        Binary weights: bound on the latent weights, in standard deviations of the initial draw beyond its mean.
    balanced : bool
        After each step, shift the (latent) incoming weights of each map or dense neuron to a mean of zero. Excitation
        and inhibition then balance, and fewer neurons fall silent forever.
    centred_outputs : bool
        After each step, shift the weights of each presynaptic neuron onto the output to their initial mean, and the
        biases of the output likewise. A common shift of all outputs does not affect the decision. Without this setting
        it can move the outputs out of their window. Applies to projections onto all outputs.
    averaging : float
        Largest share of the exponential moving average (EMA) of the weights that each step keeps. Training validates
        and stores the average. 0 stores the weights of the last step.
    revive_below : float
        Redraw maps and dense neurons with plastic weights if they fire in less than this fraction of the presentations
        of an epoch. 0 disables it.
    learner : {"stidi-bp", "stdp"}, or another name
        Computes gradients from latencies and labels.
    fitted : bool
        Fit initial weights and learning rates to the network before the first step. Drawn weights are scaled and biases
        are set so that the neurons of each population fire within their window. The rate of the weights onto a
        population is scaled so that a step moves all potentials by a similar share of threshold or window. An `initial`
        that a projection specifies stays as it is.
    edges : {"return", "stop", "pass"}
        Displacements of neurons at an edge of their window: silent, or above threshold at the onset.
        ``stop``: outputs at their onset are not displaced to earlier times, and silent outputs not to later times,
        because they cannot move further. This prevents outputs from accumulating at the edges of their window.
        Hidden neurons at an edge are not displaced.
        ``return``: as ``stop``, but hidden neurons at an edge are displaced into their window. Silent neurons learn as
        if they had fired with the latest spike of their population, but in time for their targets. This prevents
        populations from falling silent.
        ``pass``: displacements of outputs are always applied. Hidden neurons at an edge are not displaced.

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
    derivative: Literal["linear", "exact"] = "exact"
    propagation: Literal["slope", "causal"] = "slope"
    normalised: bool = False
    activity: float = 0.0
    optimizer: str = "adam"
    rate: float = 0.002
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
    edges: Literal["return", "stop", "pass"] = "return"

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
        check_magnitudes(self, "learning", ("sharpness", "margin", "rate", "clip", "weight_decay"))


@dataclass(frozen=True)
class Training:
    """Data, engine and length of a training.

    Parameters
    ----------
    dataset : str
        Name of a known data set (default ``digits``), or ``tonic:`` and the name of an event data set of the library
        tonic. Or the path of a file from `netsim.write_dataset`, of a folder of WAV files, or of a folder of
        IDX files.
    engine : str
        ``event``, ``brian2``, or another name registered in `netsim.seams.engines`.
    dt : float
        Time step of the grid (ms). 0 means exact times (event engine only). Engine and learner count in whole steps.
    precision : {"single", "double"}
        Precision of the event engine during training. Evaluation always uses double precision.
    pretrained : str
        Preset or run folder whose trained weights initialise the training. Empty draws weights.
    epochs, batch : int
        Passes over the training stimuli, and presentations per weight update.
    validation : int or float
        Training stimuli reserved to choose the best epoch, whose weights are stored: their number, or below 1 their
        share (default 0.1). With 0, training uses all stimuli and stores the weights of the last epoch. A data set
        with its own validation stimuli needs no reservation.
    flips : bool
        Mirror half of the stimuli from left to right.
    shift : int
        Move each stimulus by up to this many pixels.
    occlusion : int
        Side (pixels) of a square that is silenced at a random position of each stimulus.
    jitter : float
        Standard deviation of the normal jitter of all stimulus spikes (ms). No spike moves before 0 ms.

    Examples
    --------
    >>> import netsim
    >>> netsim.Training(epochs=5)
    Training(dataset='digits', epochs=5, validation=0.1)
    """

    dataset: str = field(default="digits", metadata=SHOWN)
    engine: str = "event"
    dt: float = 0.0
    precision: Literal["single", "double"] = "single"
    pretrained: str = ""
    epochs: int = 10
    batch: int = 100
    validation: float = field(default=0.1, metadata=SHOWN)
    flips: bool = False
    shift: int = 0
    occlusion: int = 0
    jitter: float = 0.0

    __repr__ = short_repr

    def __post_init__(self) -> None:
        check_choice(self.engine, engines, "training.engine")
        check_types(self, "training")
        require(self.dataset.strip() != "", "training.dataset", "must name a data set, a file or a folder")
        check_numbers(self, "training", ["dt", "jitter"], "a time >= 0 ms")
        remedy = f"the engine {self.engine} needs a time step; give dt in ms, for example 1.0"
        require(self.dt > 0 or engines[self.engine].exact, "training.dt", remedy)
        for name in ("epochs", "batch"):
            check_size(getattr(self, name), f"training.{name}")
        require(self.epochs <= MOST_EPOCHS, "training.epochs", f"must be at most {MOST_EPOCHS:,}, not {self.epochs:,}")
        for name in ("shift", "occlusion"):
            check_size(getattr(self, name), f"training.{name}", least=0)
        check_numbers(self, "training", ["validation"], ">= 0")
        if self.validation >= 1 or self.validation == 0:
            wanted = f"must be a whole number, or a share below 1, not {self.validation}"
            require(int(self.validation) == self.validation, "training.validation", wanted)
            object.__setattr__(self, "validation", int(self.validation))

    def set_aside(self, stimuli: int) -> int:
        """Return the number of stimuli that are reserved for validation, of all training stimuli."""
        return round(self.validation * stimuli) if self.validation < 1 else int(self.validation)
