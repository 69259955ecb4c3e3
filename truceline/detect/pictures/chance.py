"""One scale of scores: how likely a box is right, whatever network drew it and however it looked.

A network's score tells an order, not a chance, and three looks that agree give other numbers than one. Each
way of looking has a logistic map (Platt 1999) from its score to the share of such boxes that lay on a marked
thing of that kind (IoU 0.5), fitted by ``benchmarks/drone_scores.py`` on pictures held back from training.
The order of boxes within one way of looking stays as it is.
"""

from typing import NamedTuple

import numpy as np

from truceline.detect.pictures.finder import Found


class Map(NamedTuple):
    """The logarithm of the odds to be right is ``slope`` times that of the score, plus ``shift``."""

    slope: float
    shift: float


# By network and way of looking: vehicles, persons, bicycles. Thermal: fitted on twins that have not learnt
# from the two dates judged. Still daylight pictures come from places unlike those marked: slabs and pipes on
# empty ground reach .75 there, which is made even odds (-1.30 was fitted).
MAPS = {
    ("visible", "still"): (Map(3.24, -3.56), Map(3.00, -3.56), Map(3.24, -3.56)),
    ("visible", "frame"): (Map(3.05, 0.16), Map(2.79, -1.65), Map(3.05, 0.16)),
    ("thermal", "still"): (Map(1.77, 1.12), Map(2.59, -1.00), Map(1.78, -0.39)),
    ("thermal", "frame"): (Map(1.41, 0.71), Map(2.87, -0.47), Map(1.42, -1.00)),
}
_LEAST = 1e-4  # scores are kept off 0 and 1


def score_for(name: str, how: str, chance: float) -> float:
    """Give the lowest score that any kind needs for a chance: what is below need not be looked at."""
    wanted = np.log(chance / (1 - chance))
    odds = min((wanted - one.shift) / one.slope for one in MAPS[name, how])
    return float(1 / (1 + np.exp(-odds)))


def chances(name: str, how: str, found: Found) -> Found:
    """Turn the scores of boxes into chances to be right.

    Parameters
    ----------
    name
        Network: ``visible`` or ``thermal``.
    how
        ``still``: several looks that agree; ``frame``: one look.
    found
        Boxes with the scores of that way of looking.
    """
    score = np.clip(found.scores.astype(float), _LEAST, 1 - _LEAST)
    maps = MAPS[name, how]
    slope, shift = (np.array(column)[found.groups] for column in zip(*maps, strict=True))
    odds = slope * np.log(score / (1 - score)) + shift
    return found._replace(scores=(1 / (1 + np.exp(-odds))).astype(np.float32))
