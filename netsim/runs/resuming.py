"""Resume a run with the options that it was started with, or extend it to more epochs."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from netsim.errors import RunError
from netsim.runs.folder import RunFolder
from netsim.runs.plugins import Plugin, changed_plugins, names_of
from netsim.seams import schedules
from netsim.specification import Network
from netsim.specification.keys import differences, extends, flat_settings


def resumable(
    folder: RunFolder,
    network: Network,
    options: Mapping[str, Any],
    plugins: Sequence[Plugin],
    begun_with: Mapping[str, Any],
) -> Network:
    """Return the network of a run. Refuse another network, other options, plug-ins or pretrained weights.

    More epochs are accepted, see `extend`.
    """
    path, known = folder.path, folder.record()
    if "imported" in known:
        raise RunError(f"{path}: was imported, not trained; train {folder.network_file} and choose another --out")
    recorded = known.get("plugins", [])
    begun_plugins, now_plugins, changed = names_of(recorded), names_of(plugins), changed_plugins(recorded)
    before, former = {"seed": known["seed"], "limit": known.get("limit")}, folder.network()
    if before != options or (former != network and not extends(former, network)):
        others = differences(before | flat_settings(former), {**options} | flat_settings(network))
        latest = known.get("extended", [])
        command = latest[-1]["command"] if latest else known.get("command", [])
        raise RunError(f"{path}: was started with other options{others}; {_way_on(command, path)}")
    if begun_plugins != now_plugins:
        raise RunError(f"{path}: was started with {begun_plugins or 'no plug-ins'}; resume it with the same in Python")
    if changed:
        raise RunError(f"{path}: {changed}; restore it, or choose another --out")
    if {key: known.get(key) for key in begun_with} != begun_with:
        raise RunError(f"{path}: {network.training.pretrained} has other weights by now; choose another --out")
    return former


def extend(
    folder: RunFolder, former: Network, network: Network, stimuli: int, finished: int, on_warning: Callable[[str], None]
) -> None:
    """Extend a run with some finished epochs to the epochs of a network.

    Warn if a training of this length from the start had other rates.
    """
    path, epochs = folder.path, network.training.epochs
    exact = not folder.checkpoint.exists() or _rates_agree(former, network, stimuli)
    if not exact:
        depends = f"{path}: its schedule {network.learning.schedule} depends on the"
        if finished < former.training.epochs:
            first = f"finish its {former.training.epochs} epochs with --resume before you extend it"
            raise RunError(f"{depends} epochs; {first}")
        differ = f"so the weights will differ from those of {epochs} epochs from the start"
        on_warning(f"{depends} number of epochs, {differ}")
    with folder.lock():
        folder.extend(former, network, exact)


def _rates_agree(former: Network, network: Network, stimuli: int) -> bool:
    """Whether both networks have the same learning rates in all steps of the former training."""
    steps = -(-stimuli // former.training.batch)
    before, now = former.training.epochs * steps, network.training.epochs * steps
    schedule = schedules[network.learning.schedule]
    return all(schedule(step / before) == schedule(step / now) for step in range(before))


def resuming(command: Sequence[str]) -> str:
    """Return the command that resumes the work of `command`."""
    return shlex.join([*command, *(["--resume"] if "--resume" not in command else [])])


def _way_on(command: Sequence[str], path: Path) -> str:
    """Return how to resume the training of `command` in a folder that may have moved.

    For a custom program, the text is general.
    """
    if command[:2] == ["netsim", "train"]:
        kept = [
            word
            for before, word in pairwise(["", *command])
            if "--out" not in (before, word) and not word.startswith("--out=")
        ]
        return f"continue with: {resuming([*kept, '--out', str(path)])}"
    if command[:1] == ["netsim"]:
        return f"continue with: {resuming(command)}"
    return "resume it with its original network, seed and limit (netsim.open_training(..., resume=True))"
