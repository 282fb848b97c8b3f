"""The command ``netsim check``, which examines a network before training."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netsim.cli import options
from netsim.cli.generating import Given
from netsim.cli.terminal import counting, data_progress, new_table, print_json, print_table
from netsim.errors import SpecificationError
from netsim.measuring.checking import NOTHING, Check
from netsim.measuring.metrics import latency_text, range_text
from netsim.runs.model import Model, with_training
from netsim.runs.names import find_run
from netsim.specification import Network
from netsim.specification.keys import parse_settings
from netsim.specification.phrases import names
from netsim.training.checking import check as check_network
from netsim.training.checking import training_stimuli
from netsim.training.starting import beginning_of
from netsim.weights.initial import projections_with_initial


def check(given: Given, model: str, settings: Sequence[str] = (), fix: bool = False, as_json: bool = False) -> None:
    """The advice says what to change.

    Parameters
    ----------
    fix : bool
        Propose initial weights for the TOML file.
    """
    changed = parse_settings(settings)
    if find_run(model) is None:
        network = given.call(with_training, network=beginning_of(model, changed).network)
        chosen = Model(network, {}, "initial", data_dir=given.get("data_dir"))  # the check draws its weights
    elif changed:
        raise SpecificationError("--set", f"has no meaning for {model}, a trained run; give a preset or TOML file")
    else:
        chosen = options.open_model(given, model)
    with data_progress() as on_progress:
        stimuli = training_stimuli(chosen, chosen.data_dir, on_progress)
    engine, subject = options.build(chosen), chosen if chosen.run else chosen.network
    with counting("checking", min(given.get("limit", 100), len(stimuli))) as advance:
        result = given.call(check_network, model=subject, stimuli=stimuli, engine=engine, progress=advance)
    if as_json:
        print_json({"subject": model, "weights": chosen.origin, **result.to_dict()})
    else:
        print_check(model, chosen.origin, result)
        if fix:
            print_proposal(result, chosen)


def print_proposal(result: Check, model: Model) -> None:
    """Show initial weights for a TOML file, or why there are none."""
    if not result.proposed:
        if model.origin != "initial":
            reason = "the weights are trained; check the preset or TOML file"
        else:
            reason = _why_not_fitted(model.network)
        print(f"no initial weights to propose: {reason}")
        return
    print("initial weights that fit; write them into the projection (or layer) of this name to keep them:")
    for name, initial in result.proposed.items():
        bias = f", bias = {initial.bias:g}" if initial.bias else ""
        print(f"{name}: initial = {{ spread = {initial.spread:g}{bias} }}")


def _why_not_fitted(network: Network) -> str:
    """Return why no initial weights of a network are fitted, with everything that has to be changed."""
    given = projections_with_initial(network, network.projections)
    keys = ["learning.fitted = false"] * (not network.learning.fitted)
    keys += [f"initial of {names(given)}"] if given else []
    if network.weighting.is_binary:
        return "binary weights are not fitted; choose initial yourself"
    if network.training.pretrained:
        return f"the training begins with the weights of {network.training.pretrained}"
    if keys:
        return f"remove {' and '.join(keys)}, then run --fix again"
    if any(network.weight_signs(each) is not None for each in network.weighted):
        return "weights with signs are balanced as they are drawn, so no distribution gives the fitted weights"
    return (
        "weights are static or listed, or the engine has neurons of its own, for which netsim.calibrate finds weights"
    )


def print_check(model: str, origin: str, result: Check) -> None:
    """Show a check as tables, and what to change."""
    grid = f"dt = {result.dt:g} ms" if result.dt else "exact times"
    weights = "initial weights" if origin == "initial" else "trained weights"
    print(f"{model}: {result.presentations:,} training stimuli, {weights}, {grid}")
    table = new_table("population", "silent>", "at onset>", "too late>", "median latency>", "quartiles>", fold=0)
    for health in result.populations:
        fires = not math.isnan(health.median_ms)
        quartiles = range_text(health.lower_quartile_ms, health.upper_quartile_ms)
        table.add_row(
            health.population,
            *(f"{share:.1%}" for share in (health.silent, health.at_onset, health.too_late)),
            *([latency_text(health.median_ms), quartiles] if fires else []),
        )
    print_table(table)
    table = new_table("weights onto", "excitation>", "inhibition>", "its neurons,\ninhibitory>", fold=0)
    for health in result.populations:
        share = "" if health.inhibitory is None else f"{health.inhibitory:.0%}"
        table.add_row(health.population, f"{health.excitation:.3g}", f"{health.inhibition:.3g}", share)
    print_table(table)
    table = new_table("projection", "from", "onto", "arrivals per presentation>", "too late>", fold=0)
    for each in result.projections:
        late = "" if math.isnan(each.too_late) else f"{each.too_late:.1%}"
        table.add_row(each.projection, each.source, each.target, f"{each.arrivals:,.0f}", late)
    print_table(table)
    print(
        f"outputs: tied in {result.tie_rate:.1%} of presentations, silent in {result.silent_rate:.1%},"
        f" decided at the onset of the window in {result.onset_rate:.1%}"
    )
    print(*(result.advice or [NOTHING]), sep="\n")
