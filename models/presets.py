"""The networks that come with netsim: specifications as TOML, and weights of trained networks."""

from pathlib import Path

from netsim.errors import SpecificationError, nearest
from netsim.specification import Network
from netsim.specification.toml import read_network

_FOLDER = Path(__file__).parent


def preset_names() -> list[str]:
    """Return the names of all presets, in alphabetical order.

    Returns
    -------
    list of str

    Examples
    --------
    >>> import netsim
    >>> "rcsnn-mnist" in netsim.preset_names()
    True
    """
    return sorted(path.stem for path in (_FOLDER / "presets").glob("*.toml"))


def load_preset(name: str) -> Network:
    """Load the specification of a preset.

    Parameters
    ----------
    name : str
        A name in `preset_names`.

    Returns
    -------
    Network

    Raises
    ------
    SpecificationError
        If the preset does not exist. The message suggests the nearest name.

    Examples
    --------
    >>> load_preset("digits").shapes
    {'stimulus': (8, 8, 1), 'hidden': (200,), 'output': (10,)}
    """
    return read_network(preset_file(name))


def preset_file(name: str) -> Path:
    """Return the TOML file of a preset, or raise SpecificationError, which suggests the nearest name."""
    names = preset_names()
    if name not in names:
        raise SpecificationError(f"preset {name!r}", f"does not exist{nearest(name, names)}")
    return _FOLDER / "presets" / f"{name}.toml"


def trained_weights_file(name: str) -> Path | None:
    """Return the trained weights of a preset, or None."""
    path = _FOLDER / "trained" / f"{name}.npz"
    return path if path.is_file() else None
