"""The networks that come with netsim, by name: specifications as TOML, and weights where they were trained."""

from pathlib import Path

from netsim.errors import SpecificationError, nearest
from netsim.specification import Network
from netsim.specification.toml import read_network

_FOLDER = Path(__file__).parent


def preset_names() -> list[str]:
    """Names of all presets, in alphabetical order.

    Examples
    --------
    >>> import netsim
    >>> "rcsnn-mnist" in netsim.preset_names()
    True
    """
    return sorted(path.stem for path in (_FOLDER / "presets").glob("*.toml"))


def load_preset(name: str) -> Network:
    """The specification of a preset.

    Raises
    ------
    SpecificationError
        If there is no such preset; the message names the nearest.

    Examples
    --------
    >>> load_preset("digits").shapes
    {'stimulus': (8, 8, 1), 'hidden': (200,), 'output': (10,)}
    """
    return read_network(preset_file(name))


def preset_file(name: str) -> Path:
    """The TOML file of a preset; if there is none, a SpecificationError names the nearest."""
    names = preset_names()
    if name not in names:
        raise SpecificationError(f"preset {name!r}", f"does not exist{nearest(name, names)}")
    return _FOLDER / "presets" / f"{name}.toml"


def trained_weights_file(name: str) -> Path | None:
    """The weights that come with a preset, or None."""
    path = _FOLDER / "trained" / f"{name}.npz"
    return path if path.is_file() else None
