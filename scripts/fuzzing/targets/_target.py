"""What a reader is to the fuzzer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fuzzing.parts import Parts, joined


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes
    ----------
    seeds : callable
        Gives whole files, in parts.
    wrap : callable
        Makes a file's content of its parts.
    read : callable
        Reads a file, and checks what it has read with assertions.
    name : str
        How the file is called.
    """

    seeds: Callable[[], list[Parts]]
    read: Callable[[Path], object]
    name: str = "file"
    wrap: Callable[[Parts], bytes] = joined

    def write(self, parts: Parts, folder: Path) -> Path:
        """Write a file made of parts."""
        path = folder / self.name
        path.write_bytes(self.wrap(parts))
        return path


@dataclass(frozen=True)
class FolderTarget(Target):
    """A reader of a folder, whose files are the parts."""

    def write(self, parts: Parts, folder: Path) -> Path:
        """Write a folder of files, and nothing else."""
        path = folder / self.name
        path.mkdir(exist_ok=True)
        for file in path.iterdir():
            file.unlink()
        for name, content in parts.items():
            (path / name).write_bytes(content)
        return path
