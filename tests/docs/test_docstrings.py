"""Docstrings of public names are numpydoc, and reStructuredText without a fault."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import netsim
import netsim.analysis
import netsim.models
from netsim import seams
from netsim.registry import Registry

pytest.importorskip("numpydoc")
from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles
from docutils.utils import Reporter
from numpydoc.docscrape_sphinx import get_doc_object

_ROLES = ("obj", "class", "func", "meth", "mod", "ref", "doc", "py:obj")
_OPTIONS = {
    "default_role": "obj",
    "report_level": Reporter.WARNING_LEVEL,
    "halt_level": Reporter.SEVERE_LEVEL + 1,
    "warning_stream": False,
}


class _Nested(Directive):
    """A directive of Sphinx, read as its content alone."""

    has_content = True
    optional_arguments = 9
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        node = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, node)
        return node.children


def _faults(documented: object) -> list[str]:
    """Return what numpydoc and docutils find wrong with a docstring."""
    for name in _ROLES:
        roles.register_local_role(name, roles.GenericRole(name, nodes.literal))
    for name in ("seealso", "only", "index", "py:attribute", "autosummary", "deprecated"):
        directives.register_directive(name, _Nested)
    with warnings.catch_warnings(record=True) as unknown:
        warnings.simplefilter("always")
        text = str(get_doc_object(documented, config={"show_class_members": False, "use_blockquotes": False}))
    document = publish_doctree(text, settings_overrides=_OPTIONS)
    return [str(each.message) for each in unknown] + [
        message.astext() for message in document.findall(nodes.system_message)
    ]


def _public(passed: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield what the reference documents: public names, types that they take or return, and entries of registries."""
    named = {
        f"{module.__name__}.{name}": getattr(module, name)
        for module in (netsim, netsim.analysis, netsim.models)
        for name in module.__all__
    }
    entries = (registry.values() for registry in vars(seams).values() if isinstance(registry, Registry))
    for each in (entry for group in entries for entry in group):
        documented = each if inspect.isclass(each) or inspect.isfunction(each) else type(each)
        named[f"{documented.__module__}.{documented.__qualname__}"] = documented
    for name in passed:
        module, _, last = name.rpartition(".")
        named[name] = getattr(importlib.import_module(module), last)
    for name, value in named.items():
        yield name, value
        for member, method in vars(value).items() if inspect.isclass(value) else ():
            function = getattr(method, "__func__", method)
            if not member.startswith("_") and inspect.getdoc(function) and callable(function):
                yield f"{name}.{member}", function


def test_every_public_docstring_is_read_without_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "docs" / "_extensions"))
    from public_reference import PASSED

    documented = dict(_public(PASSED))
    assert {"netsim.analysis.spike_train_distances", "netsim.engines.protocol.Engine"} <= documented.keys()
    assert {name: faults for name, each in documented.items() if (faults := _faults(each))} == {}


def test_a_malformed_table_and_an_unknown_section_are_found() -> None:
    def table() -> None:
        """Return a table.

        Returns
        -------
        str

            ====  ====
            a     text
                 more
            ====  ====
        """

    def section() -> None:
        """Return nothing.

        Wrongs
        ------
        None
        """

    assert "Text in column margin" in _faults(table)[0]
    assert "Wrongs" in " ".join(_faults(section))
