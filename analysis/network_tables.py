"""Tidy tables of what a network is made of."""

import pandas as pd

from netsim.specification import STIMULUS, Network, Projection


def projection_table(network: Network) -> pd.DataFrame:
    """Every projection of a network: from where to where, by what rule, with what sign and delay.

    Parameters
    ----------
    network : Network

    Returns
    -------
    pandas.DataFrame
        One row per projection, in the order in which spikes pass, with the columns ``projection``, ``source``,
        ``target``, ``source_shape`` and ``target_shape`` (such as ``28×28×1``), ``source_level`` and ``target_level``
        (the most projections from the stimulus to there; populations that a loop joins have one level), ``rule`` (with
        formulas in TeX), ``synapses``, ``sign`` (``any``, ``excitatory``, ``inhibitory``, or ``both`` if each weight
        has one of the two), ``delay`` (``none``, ``fixed``, ``drawn`` or ``learned``) and ``recurrent``.

    Examples
    --------
    >>> import netsim
    >>> table = netsim.analysis.projection_table(netsim.load_preset("ei-mnist"))
    >>> table.loc[table["recurrent"], ["source", "target", "sign"]].to_numpy().tolist()
    [['inhibitory', 'excitatory', 'inhibitory'], ['excitatory', 'inhibitory', 'excitatory']]
    """
    levels = _levels(network)
    shapes = {name: "×".join(map(str, shape)) for name, shape in network.shapes.items()}
    return pd.DataFrame(
        {
            "projection": one.name,
            "source": one.source,
            "target": one.target,
            "source_shape": shapes[one.source],
            "target_shape": shapes[one.target],
            "source_level": levels[one.source],
            "target_level": levels[one.target],
            "rule": one.connectivity.pattern(),
            "synapses": network.synapse_count(one),
            "sign": _sign(network, one),
            "delay": _delay(one),
            "recurrent": network.is_recurrent(one),
        }
        for population in network.in_order
        for one in network.incoming(population.name)
    )


def _levels(network: Network) -> dict[str, int]:
    """The most projections from the stimulus to each population; those that a loop joins have the same."""
    levels = {STIMULUS: 0}
    for component in network.components:
        incoming = [one for population in component for one in network.incoming(population.name)]
        level = 1 + max(levels[one.source] for one in incoming if not network.is_recurrent(one))
        levels |= {population.name: level for population in component}
    return levels


def _sign(network: Network, projection: Projection) -> str:
    signs = network.weight_signs(projection) if network.population(projection.target).integrates else None
    if signs is None or not signs.all():
        return "any"
    return "excitatory" if signs.min() > 0 else "inhibitory" if signs.max() < 0 else "both"


def _delay(projection: Projection) -> str:
    if projection.delays is None:
        return "fixed" if projection.delay else "none"
    return "learned" if projection.delays.learned else "drawn"
