"""Makes a plan cheaper: some tasks near one another are let go and given teams anew, over and over.

Ruin and recreate (Schrimpf et al., 2000). Each plan in between is legal, so the search may be stopped
after any round; the same seed and number of rounds give the same plan.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from truceline.dispatch.draft import Draft

_ROUNDS_PER_TASK = 30
_MOST_ROUNDS = 2000
_MOST_AT_ONCE = 6  # tasks that are let go in one round
_MOST_LEFT = 3  # tasks without a team that are tried again in one round
_SEEKS = 0.5  # share of the rounds that begin at one of them


def improve(draft: Draft, seed: int, in_time: Callable[[], bool]) -> Draft:
    """Look for a cheaper plan.

    Parameters
    ----------
    draft
        Where to begin; it is left as it is.
    seed
        Of the lots that are drawn.
    in_time
        Asked before each round.
    """
    tasks = draft.pairs.instance.tasks
    if len(tasks) < 2:
        return draft
    lots = np.random.default_rng(seed)
    places = {node.id: node.x_m for node in draft.pairs.instance.nodes}
    x_m = np.array([places[task.node] for task in tasks], float)
    best, least = draft, draft.total()
    for _ in range(min(_MOST_ROUNDS, _ROUNDS_PER_TASK * len(tasks))):
        if not in_time():
            break
        tried = best.copy()
        again = _let_go(tried, x_m, lots)
        tried.price_reserve()
        for task in again:
            tried.insert(task)
        tried.add_looks()
        total = tried.total()
        if total < least:  # an order that is as good as another stays
            best, least = tried, total
    return best


def _let_go(draft: Draft, x_m: npt.NDArray[np.float64], lots: np.random.Generator) -> list[int]:
    """Draw a place, let go of tasks near it, and give these and some without a team, in a drawn order."""
    left = [task for task in range(len(x_m)) if task not in draft.teams]
    seek = bool(left) and lots.random() < _SEEKS
    first = int(lots.choice(left)) if seek else int(lots.integers(len(x_m)))
    # Near, but not always the very nearest.
    far = np.abs(x_m - x_m[first]) * lots.uniform(0.5, 2.0, len(x_m))
    gone = sorted(draft.teams, key=lambda task: far[task])[: int(lots.integers(1, _MOST_AT_ONCE + 1))]
    for task in gone:
        draft.remove(task)
    again = [*sorted(left, key=lambda task: far[task])[:_MOST_LEFT], *gone]
    return [again[place] for place in lots.permutation(len(again))]
