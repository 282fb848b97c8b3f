"""Population code of tables: several neurons with overlapping receptive fields encode each number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from netsim.errors import DataError
from netsim.reprs import short_repr
from netsim.seams import encoders
from netsim.specification.checks import check_numbers, check_unitless, check_unmasked, require, whole
from netsim.specification.encoders._protocol import Encoder, Shape
from netsim.specification.phrases import GAP, T_MAX, counted, in_ms, number


@encoders.register("population")
@dataclass(frozen=True)
class PopulationEncoder(Encoder):
    """Latency code of tables by Gaussian receptive fields.

    The ``m`` neurons of a column have their centres at ``low + (k - 1/2)·(high - low)/(m - 2)``, ``k = 0, ..., m - 1``.
    One centre lies beyond either end of the range, and the others lie within it. The response of a neuron to the value
    ``x`` is ``a = exp(-(x - centre)²/(2 s²))`` with ``s = (high - low)/(width·(m - 2))``. Its latency is ``(1 -
    a)·t_max``. The neuron is silent if ``a < cutoff``.

    Parameters
    ----------
    shape : (1, columns, neurons)
        Columns of the table, and at least three neurons per column.
    t_max : float
        Length of the encoding window (ms).
    low, high : tuple of float
        Range of each column. Values outside the range are encoded too.
    width : float
        Distance of neighbouring centres in standard deviations of a receptive field.
    cutoff : float
        Response below which a neuron is silent.

    References
    ----------
    Bohte, Kok and La Poutré (2002), Error-backpropagation in temporally encoded networks of spiking neurons,
    Neurocomputing 48:17-37, doi:10.1016/S0925-2312(01)00658-0.

    Examples
    --------
    >>> import numpy as np
    >>> table = np.array([[0.0, 10.0], [1.0, 30.0], [0.5, 20.0]])
    >>> encoder = PopulationEncoder.of(table, neurons=4, t_max=10.0)
    >>> encoder.shape, encoder.low, encoder.high
    ((1, 2, 4), (0.0, 10.0), (1.0, 30.0))
    >>> encoder.latencies(encoder.prepare([[0.25, 10.0]]), None).round(2)[0, 0]
    array([[6.75, 0.  , 6.75,  inf],
           [2.45, 2.45,  inf,  inf]])
    """

    samples: ClassVar[str] = "tables"
    order: ClassVar[int] = 3
    noun: ClassVar[str] = "rows"
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    width: float = 1.5
    cutoff: float = 0.1

    __repr__ = short_repr

    def __post_init__(self) -> None:
        super().__post_init__()
        height, columns, neurons = self.coded_shape
        require(height == 1 and neurons >= 3, "encoder.shape", "needs [1, columns, neurons], with 3 neurons or more")
        for name in ("low", "high"):
            given = len(getattr(self, name))
            require(given == columns, f"encoder.{name}", f"has {given} numbers for {counted(columns, 'column')}")
        fits = all(np.isfinite((low, high)).all() and low < high for low, high in zip(self.low, self.high, strict=True))
        require(fits, "encoder.high", "must be above encoder.low in every column, and both finite")
        check_numbers(self, "encoder", ["width"], "positive")
        require(0 < self.cutoff < 1, "encoder.cutoff", f"must lie between 0 and 1, not {self.cutoff}")

    @classmethod
    def of(cls, table: Any, neurons: int = 8, t_max: float = 64.0, **settings: Any) -> PopulationEncoder:
        """Make an encoder with the ranges of the columns of a table, for example of the training data.

        A constant column has a range of length 1 around its value (more above 4·10¹⁵).

        Parameters
        ----------
        table : array_like, shape (rows, columns)
        neurons : int
            Neurons per column.
        t_max : float
            Length of the encoding window (ms).
        **settings : float
            The parameters `width` and `cutoff`.

        Returns
        -------
        PopulationEncoder

        Raises
        ------
        DataError
            If the table is not a table of finite numbers.
        """
        check_unmasked(table, "table:")
        check_unitless(table, "table:")
        try:
            array = np.asarray(table, dtype=np.float64)
        except (ValueError, TypeError) as error:
            raise DataError(f"table: must contain only numbers ({error}); leave out columns of text") from error
        if array.ndim != 2 or not array.size:
            raise DataError(f"table: must have the shape (rows, columns), not {array.shape}")
        if not np.isfinite(array).all():
            row, column = np.argwhere(~np.isfinite(array))[0].tolist()
            where = f"row {row}, column {getattr(table, 'columns', range(array.shape[1]))[column]!r}"
            raise DataError(f"table: {where} contains NaN or infinity; fill or leave out such rows")
        low, high = array.min(axis=0), array.max(axis=0)
        with np.errstate(over="ignore"):
            half = np.where(low == high, np.maximum(0.5, np.spacing(np.abs(low))), 0.0)
        low, high = low - half, high + half
        shape = (1, array.shape[1], whole(neurons, "neurons", least=3))
        return cls(shape, t_max, tuple(low.tolist()), tuple(high.tolist()), **settings)

    @property
    def sample_shape(self) -> Shape:
        """Shape of a row of the table, (1, columns, 1)."""
        return (*self.coded_shape[:2], 1)

    def latencies(self, samples: np.ndarray, intensity_max: float | None = None) -> np.ndarray:
        """Return the latencies of rows, shape ``(presentations, 1, columns, neurons)``."""
        if intensity_max is not None:
            raise DataError(
                "images: the encoder takes rows of tables, which have no intensities; leave out intensity_max"
            )
        rows = np.asarray(self.prepare(samples), dtype=np.float64)
        if not np.isfinite(rows).all():
            raise DataError("tables: contain NaN or infinity; fill or leave out such rows")
        low, high = np.array(self.low)[:, None], np.array(self.high)[:, None]
        spacing = (high - low) / (self.coded_shape[2] - 2)
        centres = low + (np.arange(self.coded_shape[2]) - 0.5) * spacing
        response = np.exp(-0.5 * ((rows - centres) * self.width / spacing) ** 2)
        return np.where(response >= self.cutoff, (1 - response) * self.t_max, np.inf)

    def stimuli_text(self) -> str:
        """Return columns and neurons."""
        _, columns, neurons = self.coded_shape
        return f"rows of {counted(columns, 'column')}; {counted(neurons, 'stimulus neuron')} for each column"

    def code_text(self) -> str:
        """Return the receptive fields."""
        spaces = self.coded_shape[2] - 2
        ranges = (f"${number(low)}$ to ${number(high)}$" for low, high in zip(self.low, self.high, strict=True))
        return (
            rf"Gaussian receptive fields: $t_i = (1 - a_i){GAP}{T_MAX}$ with $a_i = \exp(-(x - c_i)^2 / (2 s^2))$,"
            rf" silent if $a_i < {number(self.cutoff)}$; ${T_MAX} = {in_ms(self.t_max)}$. Of a column with the range"
            rf" $l$ to $h$, $c_i = l + (i - 1/2) (h - l) / {spaces}$ for $i = 0, \dots, {self.coded_shape[2] - 1}$, and"
            rf" $s = (h - l) / {number(self.width * spaces)}$. Ranges: {', '.join(ranges)}"
        )
