"""Fixtures of the engine tests."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """The module ``tests/oracle.py``: the neuron equation solved without the engines."""
    spec = importlib.util.spec_from_file_location("netsim_oracle", Path(__file__).parents[1] / "oracle.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
