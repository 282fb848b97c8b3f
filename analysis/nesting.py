"""Variance within and between networks, and intervals that include networks, draws and stimuli."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.analysis.networks import RELATIVE_ROUNDING, SHARES, include_stimuli, long_table, named

if TYPE_CHECKING:
    import pandas as pd


def nested_intervals(frame: pd.DataFrame) -> pd.DataFrame:
    r"""Split the variance of a table into networks, draws and stimuli, with an interval over them.

    A network :math:`i` has the value :math:`y_{ij} = \mu + a_i + b_{ij}` in draw :math:`j`. The variances of :math:`a`
    and :math:`b` are estimated by analysis of variance. For equal numbers of draws, these are the estimates of a mixed
    model with a random intercept for each network (REML), unless the estimate between networks is negative. Then
    ``sd_networks`` is 0. All networks and draws share their stimuli, so averages over networks do not average over
    stimuli. The intervals are Student's t with one degree of freedom less than networks. To the interval of a fraction
    of the presentations, the Wilson interval of the presentations is added in quadrature (Zou and Donner 2008, Stat Med
    27:1693-1702), so it is never narrower than either. Its variance is an upper bound, because networks agree on some
    stimuli. The intervals of other measures, such as latencies and changes, hold for these stimuli.

    Parameters
    ----------
    frame : pandas.DataFrame
        A table of `netsim.study` or `netsim.analyse` for several networks, with the column ``network``. The column
        ``seed`` distinguishes draws.

    Returns
    -------
    pandas.DataFrame
        With the key columns of the table, ``measure`` and ``networks`` as in `over_networks`, and

        ===========  =======  =====================================================================
        draws        int64    smallest number of draws of a network
        mean         float64  mean over networks
        sd_networks  float64  standard deviation between networks, without the part of draws
        sd_draws     float64  standard deviation between draws of a network; missing for one draw
        sd_stimuli   float64  standard deviation over other stimuli; missing if the measure is no
                              fraction of presentations
        low, high    float64  95 % confidence interval for other networks and draws, and for other
                              stimuli unless ``sd_stimuli`` is missing; missing for one network, and
                              if all values are equal
        ===========  =======  =====================================================================

    Raises
    ------
    DataError
        If the table has no column ``network``.

    Examples
    --------
    >>> import netsim
    >>> models = [netsim.load_model("digits", seed=seed) for seed in (0, 1, 2)]
    >>> table = netsim.study(models, "spike-deletion", levels=[0.5], seeds=[0, 1], limit=20)
    >>> int(netsim.analysis.nested_intervals(table)["draws"].max())
    2
    """
    import pandas as pd
    from scipy.special import stdtrit

    values, keys = long_table(frame, draws=True)
    presentations = frame.groupby("network")["presentations"].max().min() if "presentations" in frame else np.nan
    rows: list[dict[str, Any]] = []
    for group_keys, part in values.groupby([*keys, "of"], sort=False, dropna=False, observed=True):
        of_network = part.dropna(subset="value").groupby("network", observed=True)["value"]
        if not of_network.ngroups:
            continue
        means, counts = of_network.mean().to_numpy(), of_network.count().to_numpy()
        within = np.sqrt(of_network.var().mean()) if counts.min() > 1 else np.nan
        between = means.var(ddof=1) if len(means) > 1 else np.nan
        mean = float(means.mean())
        stimuli = np.sqrt(mean * (1 - mean) / presentations) if part["of"].iloc[0] in SHARES else np.nan
        inside = 0.0 if np.isnan(within) else within**2 * (1 / counts).mean()
        row = dict(zip([*keys, "of"], group_keys, strict=True))
        row |= {"networks": len(means), "draws": int(counts.min()), "mean": mean}
        row |= {"sd_networks": np.sqrt(max(between - inside, 0.0)) if len(means) > 1 else np.nan}
        row |= {"sd_draws": within, "sd_stimuli": stimuli, "low": np.nan, "high": np.nan}
        if len(means) > 1 and np.sqrt(between) > RELATIVE_ROUNDING * abs(mean):
            half = stdtrit(len(means) - 1, 0.975) * np.sqrt(between / len(means))
            bounds = (mean - half, mean + half)
            if part["of"].iloc[0] in SHARES:
                bounds = include_stimuli(mean, half, presentations if presentations > 0 else np.inf)
            row |= dict(zip(("low", "high"), bounds, strict=True))
        rows.append(row)
    return named(pd.DataFrame(rows))
