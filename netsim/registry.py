"""Registries of extensions: the entries of a seam by name, from netsim and from other packages.

An entry of netsim is a module in the seam's package with the name of the entry. It is imported on first use. Another
package adds an entry with an entry point of the group ``netsim.<seam>``, or by registering it before its use::

    [project.entry-points."netsim.connectivity"]
    row-kernels = "mypackage.row_kernels"
"""

import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Generic, TypeVar, cast

from netsim.errors import SpecificationError, nearest
from netsim.reprs import WIDTH, limited

Entry = TypeVar("Entry")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Origin:
    """Source of an entry: the module that registered it, and the installed package of the module."""

    seam: str
    name: str
    module: str
    distribution: str | None
    version: str | None


class Registry(Mapping[str, Entry], Generic[Entry]):
    """Entries of a seam by name: a mapping whose values are imported on first use.

    Parameters
    ----------
    seam : str
        Kind of entry, for messages and for the entry points ``netsim.<seam>``. Spaces and hyphens become underscores
        there.
    package : str
        Package of netsim's entries. The module ``early_readout`` registers the entry ``early-readout``. Modules whose
        name begins with an underscore are not entries.
    order : callable, optional
        Sort key of entries in lists, which loads all entries. The default is the name.
    folders : bool
        Whether only subpackages are entries, not modules.
    first : str, optional
        Name of the usual entry, the first in lists.

    Examples
    --------
    >>> from netsim.registry import Registry
    >>> greetings = Registry("greeting", "netsim.numerics")
    >>> @greetings.register("hello")
    ... def hello():
    ...     return "hello"
    >>> greetings["hello"]()
    'hello'
    >>> greetings.origin("hello").seam
    'greeting'
    """

    def __init__(
        self,
        seam: str,
        package: str,
        order: Callable[[Entry], Any] | None = None,
        folders: bool = False,
        first: str | None = None,
    ) -> None:
        self.seam = seam
        self.package = package
        self._order = order
        self._folders = folders
        self._first = first
        self._entries: dict[str, Entry] = {}
        self._modules: dict[str, str] = {}

    def __repr__(self) -> str:
        names = ", ".join(sorted(self._names))
        return limited(textwrap.wrap(f"Registry({self.seam!r}: {names})", WIDTH, subsequent_indent="  "))

    def register(self, name: str) -> Callable[[Made], Made]:
        """Return a decorator that adds a class, a function or any other value under a name.

        The same module may register a name again, for example when it is reloaded.

        Parameters
        ----------
        name : str

        Returns
        -------
        callable

        Raises
        ------
        SpecificationError
            If netsim or another module has registered the name.
        """

        def add(entry: Made) -> Made:
            self.add(name, cast(Entry, entry), getattr(entry, "__module__", None) or type(entry).__module__)
            return entry

        return add

    def add(self, name: str, entry: Entry, module: str) -> None:
        """Register an entry (any value) for a module (its ``__name__``)."""
        if self._included.get(name, module) != module:
            reason = f"is an entry of netsim; choose another name in {module}"
            raise SpecificationError(f"{self.seam} {name!r}", reason)
        if lacking := sorted(getattr(entry, "__abstractmethods__", ())):
            raise SpecificationError(f"{self.seam} {name!r}", f"lacks {', '.join(lacking)}; define it in {module}")
        if self._order:
            try:
                self._order(entry)
            except AttributeError as error:
                reason = f"lacks {error.name}; in {module}, register an object of the type that netsim.seams names"
                raise SpecificationError(f"{self.seam} {name!r}", reason) from None
        former = self._modules.setdefault(name, module)
        if former != module:
            raise SpecificationError(
                f"{self.seam} {name!r}", f"is registered by {former} and by {module}; rename one of them"
            )
        self._entries[name] = entry

    def __getitem__(self, name: str) -> Entry:
        if isinstance(name, str) and name not in self._entries:
            self._load(name)
        if name not in self._entries:
            raise KeyError(name)
        return self._entries[name]

    def require(self, name: str, where: str = "") -> Entry:
        """Return an entry, or raise SpecificationError with the nearest name. `where` is the setting with the name."""
        try:
            return self[name]
        except (KeyError, TypeError):  # TypeError: the value cannot be a name
            hint = f"is not known{nearest(name, self)}"
            if where:
                raise SpecificationError(where, f"{name!r} {hint}") from None
            raise SpecificationError(f"{self.seam} {name!r}", hint) from None

    def name_of(self, entry: object) -> str:
        """Return the name of an entry, or raise KeyError."""
        for name, known in self._entries.items():
            if known is entry:
                return name
        raise KeyError(entry)

    def __iter__(self) -> Iterator[str]:
        order = self._order
        key = (lambda name: (order(self[name]), name)) if order else (lambda name: (name != self._first, name))
        return iter(sorted(self._names, key=key))

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(name in known for known in (self._entries, self._included, self._points))

    def origin(self, name: str) -> Origin:
        """Return the origin of an entry, or raise KeyError."""
        self[name]
        return self._origin(name, self._modules[name])

    def origin_of(self, made: object) -> Origin:
        """Return the origin of an object that replaces an entry, with the name of its class."""
        return self._origin(type(made).__qualname__, type(made).__module__)

    def is_own(self, name: str) -> bool:
        """True if netsim includes an entry. The entry is not imported."""
        return name in self._included

    @property
    def foreign(self) -> set[str]:
        """Names of the imported entries from outside netsim."""
        return {*self._entries} - {*self._included}

    @property
    def _names(self) -> set[str]:
        return {*self._entries, *self._included, *self._points}

    @cached_property
    def _included(self) -> dict[str, str]:
        """Modules of the package, by the names of their entries."""
        package = importlib.util.find_spec(self.package)
        assert package is not None
        modules = pkgutil.iter_modules(package.submodule_search_locations)
        names = [module.name for module in modules if module.ispkg or not self._folders]
        return {name.replace("_", "-"): f"{self.package}.{name}" for name in names if not name.startswith("_")}

    @cached_property
    def _points(self) -> dict[str, importlib.metadata.EntryPoint]:
        group = f"netsim.{self.seam.translate(str.maketrans(' -', '__'))}"
        return {point.name: point for point in importlib.metadata.entry_points(group=group)}

    def _load(self, name: str) -> None:
        """Import the module that registers an entry, if it exists."""
        if name in self._included:
            importlib.import_module(self._included[name])
            if name not in self._entries:
                raise SpecificationError(
                    f"{self.seam} {name!r}", "has a module that does not register it; register it there"
                )
        elif name in self._points:
            try:
                loaded = self._points[name].load()
            except Exception as error:
                reason = f"cannot be loaded ({type(error).__name__}: {error}); repair or uninstall its package"
                raise SpecificationError(f"{self.seam} {name!r}", reason) from error
            if name not in self._entries:
                self.add(name, loaded, self._points[name].module)

    def _origin(self, name: str, module: str) -> Origin:
        point = self._points.get(name)
        if point is not None and point.dist is not None:
            distributions = [point.dist.name]
        else:
            distributions = _distributions().get(module.partition(".")[0], [])
        for distribution in distributions:
            return Origin(self.seam, name, module, distribution, importlib.metadata.version(distribution))
        return Origin(self.seam, name, module, None, None)


def _distributions() -> Mapping[str, list[str]]:
    """Return the installed distributions of each top-level module. They are read again when a folder has changed."""
    return _distributions_in(tuple((folder, _changed(folder)) for folder in sys.path))


@lru_cache(maxsize=1)
def _distributions_in(folders: tuple[tuple[str, int], ...]) -> Mapping[str, list[str]]:
    """Return the same for folders and the times at which they changed. Reading all metadata takes long."""
    return importlib.metadata.packages_distributions()


def _changed(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return 0
