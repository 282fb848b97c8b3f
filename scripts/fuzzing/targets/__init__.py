"""The readers, what they read when all is well, and what must hold of what they have read: a module for each group.

Each module has its `TARGETS`, by the names of the readers; modules that begin with an underscore have none.
"""

from __future__ import annotations

import importlib
import pkgutil

from fuzzing.targets._target import FolderTarget, Target

__all__ = ["TARGETS", "FolderTarget", "Target"]

_GROUPS = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
TARGETS: dict[str, Target] = {
    name: target for group in _GROUPS for name, target in getattr(group, "TARGETS", {}).items()
}
