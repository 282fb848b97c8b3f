"""What lies in the current folder, in the environment and in the home folder, decides nothing that it must not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from netsim.analysis.style import theme
from netsim.data.places import cache_folder, data_folders
from netsim.errors import DataError

Netsim = Callable[..., Any]


def test_settings_of_matplotlib_change_no_figure_unless_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with theme():
        settings = dict(matplotlib.rcParams)
    changed: Any = {
        "text.usetex": True,
        "savefig.dpi": 7,
        "axes.labelsize": 40,
        "lines.linewidth": 9,
        "image.cmap": "jet",
    }
    monkeypatch.delenv("MATPLOTLIBRC", raising=False)
    with matplotlib.rc_context(changed), theme():
        assert dict(matplotlib.rcParams) == settings
    Path("matplotlibrc").write_text("axes.labelsize: 17\n", encoding="utf-8")
    for asked in ("matplotlibrc", "."):
        monkeypatch.setenv("MATPLOTLIBRC", asked)
        with theme():
            assert {name for name in settings if matplotlib.rcParams[name] != settings[name]} == {"axes.labelsize"}


def test_without_a_home_folder_there_is_no_cache_and_no_file_of_the_current_folder(
    netsim: Netsim, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_home(path: str) -> str:
        return path

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", no_home)
    monkeypatch.delenv("NETSIM_DATA", raising=False)
    with pytest.raises(DataError, match="no home folder; set XDG_CACHE_HOME"):
        cache_folder()
    assert data_folders(None) == []
    assert netsim("data").code == 0
    netsim("data", "mnist", "--fetch").refused("cache: this user has no home folder")


def test_brian2_takes_numpy_where_no_machine_code_can_be_kept() -> None:
    program = """
import os
from netsim.models.machine_code import code_object_class
import brian2
try:
    code_object_class("cython")
except Exception as error:
    print(error)
print(brian2.prefs.codegen.target, os.listdir())
"""
    cache = {"CYTHON_CACHE_DIR": "relative"}  # as of a user without a home folder
    command = [sys.executable, "-P", "-c", program]
    completed = subprocess.run(command, capture_output=True, text=True, env=os.environ | cache, timeout=120)
    assert completed.stdout.splitlines() == [
        "target: cython has no folder for machine code; set CYTHON_CACHE_DIR, or use numpy",
        "numpy []",
    ]
