"""A postsynaptic potential and a regime from elsewhere: simulated, written, read and described by what they say."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import netsim
from netsim.description.neurons import neurons_table
from netsim.errors import FormerWarning, SpecificationError
from netsim.seams import families, psps, regimes
from netsim.specification import PSP, Dense, Family, IntensityEncoder, Layer, Network, Neurons, PSPShape, Rates, Regime


@dataclasses.dataclass(frozen=True, repr=False)
class Trapezoid(PSPShape):
    """It rises, stays and falls."""

    step: float = 3.0

    @property
    def kernel(self) -> tuple[tuple[float, float], ...]:
        """In three steps."""
        return ((0.0, 1.0), (self.step, -1.0), (2 * self.step, -1.0), (3 * self.step, 1.0))


class Delayed(Regime):
    """Fires from the onset on, without a drive."""

    has_onset = True


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    psps.add("trapezoid", Trapezoid, __name__)
    regimes.add("delayed", Delayed, __name__)
    yield
    for registry, name in ((psps, "trapezoid"), (regimes, "delayed")):
        del registry._entries[name], registry._modules[name]


def _network(dt: float = 0.0) -> Network:
    layer = Layer("output", Dense(5), Neurons("delayed", 0.5, tau=4.0, onset=9.0), PSP("trapezoid", step=4.0))
    training = netsim.Training(dt=dt)
    return Network.chain("own", IntensityEncoder((2, 3, 1), 8.0), [layer], 30.0, training=training)


def test_a_class_of_earlier_versions_is_a_shape_still() -> None:
    base: Any = netsim.PSP
    with pytest.warns(FormerWarning, match="inherit from netsim.PSPShape") as caught:

        class Former(base):
            kernel = ((0.0, 1.0), (2.0, -1.0))

    assert caught[0].filename == __file__
    assert Former.__mro__[1] is PSPShape
    assert dataclasses.dataclass(Former)().potential(np.array([1.0, 5.0])).tolist() == [1.0, 2.0]


def test_engines_agree() -> None:
    network = _network(0.5)
    stimuli = np.random.default_rng(1).integers(0, 16, (20, 2, 3, 1)) / 2
    weights = {"output.kernel": np.random.default_rng(2).normal(0.2, 0.3, (6, 5))}
    exact, stepped = (
        netsim.make_engine(name, network, dt=0.5).present(netsim.Batch(stimuli, weights))["output"]
        for name in ("event", "brian2")
    )
    np.testing.assert_array_equal(exact, stepped)
    assert 0 < np.isfinite(exact).mean() < 1
    assert exact.min() >= 9.0


def test_toml_keeps_all_parameters_of_entries_from_elsewhere() -> None:
    network = _network()
    table = netsim.network_to_dict(network)
    assert table["layers"][0]["psp"] == {"shape": "trapezoid", "step": 4.0}
    assert netsim.network_from_dict(table) == network
    table["layers"][0]["psp"]["rise"] = 1.0
    with pytest.raises(SpecificationError, match=r"layers\.output\.psp\.rise: is not a key here"):
        netsim.network_from_dict(table)


def test_the_description_follows_from_flags_and_breakpoints() -> None:
    rows = {row[0]: row[1] for row in neurons_table(_network()).rows}
    assert rows["Membrane potential"] == r"$\tau v_j'(t) = I_j(t)$, $v_j(0) = 0$"
    assert "drive" not in rows["Regime"]
    assert "trapezoid: $(d_k, c_k)$ = $(0, 1)$, $(4, -1)$, $(8, -1)$, $(12, 1)$" in rows["Postsynaptic potential"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PSP("trapezoid", 0.0), "psp.step: the shape trapezoid needs a positive time in ms, not 0.0"),
        (lambda: PSP("trapezoid", 1.0, 2.0), "psp: has 2 values; the shape trapezoid takes 1"),
        (lambda: Neurons("delayed", drive=1.0), "neurons.drive: is 0 in the regime delayed"),
    ],
)
def test_mistakes_are_named(make: object, message: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        make()  # type: ignore[operator]
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("made", [(0.1, 0.2), Rates(-0.1, 0.2), Rates(0.1, np.nan)])
def test_rates_of_a_family_are_checked(made: Any, registered: Callable[..., None]) -> None:
    class Odd(Family):
        """A family with these rates."""

        @classmethod
        def rates(cls, neurons: Any) -> Any:
            return made

    registered(families, "odd", Odd)
    with pytest.raises(SpecificationError, match=r"^family 'odd': rates must return netsim\.specification\.Rates of"):
        Neurons(family="odd")


def test_ratios_are_written_as_fractions_and_numbers_to_the_last_digit() -> None:
    assert PSP("triangle", 8.0, 12.0).written_kernel() == [("0", "1"), ("8", "-5 / 3"), ("20", "2 / 3")]
    assert PSP("triangle", 5.2, 9.1).written_kernel()[2][0] == "14.3"
    odd = 0.30000000000000004
    assert PSP("breakpoints", breakpoints=((0.123456789012345, 1.0),)).written_kernel()[0][0] == "0.123456789012345"
    assert PSP("plateau", rise=odd).written_kernel()[1][0] == "0.3"
