"""A learning rate that rises before it falls along half a cosine."""

from netsim.learning.schedules.cosine import cosine
from netsim.seams import schedules


@schedules.register("one-cycle")
def one_cycle(progress: float) -> float:
    r"""One cycle: $\eta = {peak} \times (0.04 + 0.96 \hspace{0.17em} z / 0.25)$ while $z < 0.25$, then
    $\eta = {peak} \times \frac{1}{2} (1 + \cos (\pi \hspace{0.17em} (z - 0.25) / 0.75))$; $z$: share of all
    updates that are done
    """
    if progress < 0.25:
        return 0.04 + (1 - 0.04) * progress / 0.25
    return cosine((progress - 0.25) / (1 - 0.25))
