"""Tidy tables of the structure of a network."""

import pandas as pd

from netsim.specification import STIMULUS, Network, Projection


def projection_table(network: Network) -> pd.DataFrame:
    """Tabulate the projections of a network: source, target, rule, sign and delay.

    Parameters
    ----------
    network : Network

    Returns
    -------
    pandas.DataFrame
        One row per projection, in the order of computation, with the columns

        ==============  ====  ===================================================================
        projection      str   name
        source, target  str   names of the populations
        source_shape,   str   such as ``28×28×1``
        target_shape
        source_level,   int   largest number of projections from the stimulus to the population;
        target_level          the populations of a loop share one level
        rule            str   connectivity, with formulas in TeX
        synapses        int   number of synapses
        sign            str   ``any``, ``excitatory``, ``inhibitory``, or ``both`` if each weight
                              has a fixed sign
        delay           str   ``none``, a time such as ``2 ms``, ``drawn`` or ``learned``
        recurrent       bool  the projection is part of a loop
        ==============  ====  ===================================================================

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
            "projection": each.name,
            "source": each.source,
            "target": each.target,
            "source_shape": shapes[each.source],
            "target_shape": shapes[each.target],
            "source_level": levels[each.source],
            "target_level": levels[each.target],
            "rule": each.connectivity.pattern(),
            "synapses": network.synapse_count(each),
            "sign": _sign(network, each),
            "delay": _delay(each),
            "recurrent": network.is_recurrent(each),
        }
        for population in network.in_order
        for each in network.incoming(population.name)
    )


def _levels(network: Network) -> dict[str, int]:
    """Return the largest number of projections from the stimulus to each population. Loops share one level."""
    levels = {STIMULUS: 0}
    for component in network.components:
        incoming = [each for population in component for each in network.incoming(population.name)]
        level = 1 + max(levels[each.source] for each in incoming if not network.is_recurrent(each))
        levels |= {population.name: level for population in component}
    return levels


def _sign(network: Network, projection: Projection) -> str:
    signs = network.weight_signs(projection) if network.population(projection.target).integrates else None
    if signs is None or not signs.all():
        return "any"
    return "excitatory" if signs.min() > 0 else "inhibitory" if signs.max() < 0 else "both"


def _delay(projection: Projection) -> str:
    if projection.delays is None:
        return f"{projection.delay:g} ms" if projection.delay else "none"
    return "learned" if projection.delays.learned else "drawn"
