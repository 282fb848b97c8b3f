"""Seams: the entries of one sort by name, those of netsim and those that other packages add.

An entry of netsim is a module of the seam's own package, called like the entry: nothing lists it elsewhere, and it is
imported when it is first asked for. Another package adds one by an entry point of the group ``netsim.<seam>``, or by
registering it before it is used::

    [project.entry-points."netsim.connectivity"]
    row-kernels = "mypackage.row_kernels"
"""

import importlib
import importlib.metadata
import importlib.util
import pkgutil
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from netsim.errors import SpecificationError, nearest
from netsim.reprs import WIDTH, limited

Entry = TypeVar("Entry")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Origin:
    """Where an entry comes from: the module that registered it, and the installed package that this belongs to."""

    seam: str
    name: str
    module: str
    distribution: str | None
    version: str | None


class Registry(Mapping[str, Entry], Generic[Entry]):
    """The entries of a seam by name; a mapping whose values are imported when they are first asked for.

    Parameters
    ----------
    seam : str
        What an entry is, for messages and for the entry points ``netsim.<seam>``; spaces and hyphens become
        underscores.
    package : str
        The package whose modules are the entries that come with netsim. A module ``early_readout`` registers the entry
        ``early-readout``; those whose name begins with an underscore are none.
    order : callable, optional
        By what entries are sorted where they are listed, for which all are loaded; by default by name.
    folders : bool
        Whether each entry of the package is a folder, and the modules beside them are none.
    first : str, optional
        Name of the usual entry, which lists begin with.

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
        """A decorator that adds a class, a function or any other value under a name.

        Registering the same name again is for a module that is loaded anew; of two modules the second is refused.

        Raises
        ------
        SpecificationError
            If another module has registered the name, or it is that of an entry of netsim.
        """

        def add(entry: Made) -> Made:
            self.add(name, cast(Entry, entry), getattr(entry, "__module__", None) or type(entry).__module__)
            return entry

        return add

    def add(self, name: str, entry: Entry, module: str) -> None:
        """Register an entry, any value, as that of a module (its ``__name__``)."""
        if self._own.get(name, module) != module:
            reason = f"comes with netsim; what {module} registers needs another name"
            raise SpecificationError(f"{self.seam} {name!r}", reason)
        former = self._modules.setdefault(name, module)
        if former != module:
            raise SpecificationError(
                f"{self.seam} {name!r}", f"is registered by {former} and by {module}; one of them needs another name"
            )
        self._entries[name] = entry

    def __getitem__(self, name: str) -> Entry:
        if isinstance(name, str) and name not in self._entries:
            self._load(name)
        if name not in self._entries:
            raise KeyError(name)
        return self._entries[name]

    def require(self, name: str, where: str = "") -> Entry:
        """The entry of a name, which is asked for `where`; if there is none, a SpecificationError names the nearest."""
        try:
            return self[name]
        except (KeyError, TypeError):  # or what no name can be
            hint = f"is not known{nearest(name, self)}"
            if where:
                raise SpecificationError(where, f"{name!r} {hint}") from None
            raise SpecificationError(f"{self.seam} {name!r}", hint) from None

    def name_of(self, entry: object) -> str:
        """The name that an entry is registered under; a KeyError, if it is not."""
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
        return isinstance(name, str) and any(name in known for known in (self._entries, self._own, self._points))

    def origin(self, name: str) -> Origin:
        """Where the entry of a name comes from; a KeyError, if there is none."""
        self[name]
        return self._origin(name, self._modules[name])

    def origin_of(self, made: object) -> Origin:
        """Where an object comes from that stands in place of an entry; its name is that of its class."""
        return self._origin(type(made).__qualname__, type(made).__module__)

    def is_own(self, name: str) -> bool:
        """Whether an entry comes with netsim; one that does is not imported for it."""
        return name in self._own

    @property
    def _names(self) -> set[str]:
        return {*self._entries, *self._own, *self._points}

    @cached_property
    def _own(self) -> dict[str, str]:
        """The modules of the package, by the names of their entries."""
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
        """Import the module that registers an entry, if there is one."""
        if name in self._own:
            importlib.import_module(self._own[name])
            if name not in self._entries:
                raise SpecificationError(f"{self.seam} {name!r}", "is announced, but its module does not register it")
        elif name in self._points:
            try:
                loaded = self._points[name].load()
            except Exception as error:
                reason = f"cannot be loaded ({type(error).__name__}: {error}); mend or uninstall its package"
                raise SpecificationError(f"{self.seam} {name!r}", reason) from error
            if name not in self._entries:
                self.add(name, loaded, self._points[name].module)

    def _origin(self, name: str, module: str) -> Origin:
        point = self._points.get(name)
        if point is not None and point.dist is not None:
            distributions = [point.dist.name]
        else:
            distributions = importlib.metadata.packages_distributions().get(module.partition(".")[0], [])
        for distribution in distributions:
            return Origin(self.seam, name, module, distribution, importlib.metadata.version(distribution))
        return Origin(self.seam, name, module, None, None)
