"""Facts about the model, which the page asks for when it opens."""

from __future__ import annotations

import math
from typing import Any

from netsim.errors import SpecificationError
from netsim.exploring.asking import questions
from netsim.exploring.explorer import Explorer
from netsim.exploring.view import View, disturbs_stimulus
from netsim.seams import regimes, studies
from netsim.specification import STIMULUS
from netsim.studies.study import ImageStudy


@questions.register("about")
def about(explorer: Explorer) -> dict[str, Any]:
    """Return populations, stimuli, studies, regimes and colours."""
    from netsim.analysis.style import PALETTE

    network, stimuli = explorer.network, explorer.stimuli
    populations = [
        {
            "name": name,
            "shape": list(shape),
            "relay": name != STIMULUS and not network.population(name).integrates,
            "maps": shape[-1] if len(shape) == 3 and math.prod(shape[:-1]) > 1 else 0,
        }
        for name, shape in network.shapes.items()
    ]
    return {
        "name": explorer.name,
        "description": network.description,
        "weights": explorer.model.origin,
        "populations": populations,
        "duration": network.duration,
        "dt": network.training.dt,
        "window": network.encoder.t_max,
        "regimes": _regimes(explorer),
        "brian2": explorer.offers_brian2,
        "threshold": network.neurons(network.output.name).threshold,
        "count": len(stimuli),
        "labels": stimuli.labels.tolist(),
        "classes": list(stimuli.classes or map(str, range(network.outputs))),
        "sample": list(network.encoder.sample_shape) if stimuli.intensity_max is not None else None,
        "plane": explorer.has_plane,
        "studies": _sliders(explorer),
        "colours": list(PALETTE),
    }


def _sliders(explorer: Explorer) -> list[dict[str, Any]]:
    """Return the studies that a slider can set, and that the stimuli and the network suit.

    A slider disturbs latencies, so it cannot set studies of images.
    """
    network, sliders = explorer.network, []
    for name, study in studies.items():
        if study.of_simulation or isinstance(study, ImageStudy):
            continue
        if study.neutral is None or not study.levels:
            continue
        try:
            curves = study.curves(network, None)
        except SpecificationError:  # the network lacks such layers, or its stimuli have no rows
            continue
        if len(curves) != 1:  # such as degrade, whose degradation must be chosen
            continue
        most = float(max(study.levels) * (network.encoder.t_max if study.in_windows else 1.0))
        slider = {"name": name, "level": study.level, "summary": study.summary, "most": most}
        sliders.append(slider | {"stimulus": disturbs_stimulus(name)})
    return sliders


def _regimes(explorer: Explorer) -> list[str]:
    """Return the regimes that the network can have."""
    possible = []
    for name in regimes:
        try:
            View(regime=name).network(explorer.network)
        except SpecificationError:  # without a drive
            continue
        possible.append(name)
    return possible
