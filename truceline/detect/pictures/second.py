"""A second look at what may be a person in a thermal picture, by a small network that does nothing else.

It sees each candidate with the ground around it and was taught on windows, lamps and gaps between trees,
which the finder takes for persons on days that it does not know. A tenth of its odds counts: more
brings more on a date that neither has learnt from, but costs where the finder knows better.
"""

import numpy as np

from truceline.detect.pictures.finder import FILL, GROUPS, Found, Picture, session

SIDE_PX = 64
WEIGHT = 0.1
EVEN = 1.0  # odds, as logarithm, that leave a score as it is: the chances of `chance.py` then stay right
MOST = 200  # candidates of a picture
_LEAST = 1e-4  # scores are kept off 0 and 1


def look_again(picture: Picture, found: Found) -> Found:
    """Weigh the persons among the boxes of a picture anew; other boxes stay as they are.

    Parameters
    ----------
    picture
        Grey, white-hot, (h, w, 1).
    found
        Best first; so is what comes back.
    """
    rows = np.flatnonzero(found.groups == GROUPS.index("person"))[:MOST]
    if not len(rows):
        return found
    (odds,) = session("second").run(None, {"cuts": _cuts(picture, found.boxes[rows])})
    score = np.clip(found.scores[rows].astype(float), _LEAST, 1 - _LEAST)
    raised = np.log(score / (1 - score)) + WEIGHT * (odds.astype(float) - EVEN)
    scores = found.scores.copy()
    scores[rows] = 1 / (1 + np.exp(-raised))
    found = found._replace(scores=scores)
    return found.keep(np.argsort(-found.scores, kind="stable"))


def _cuts(picture: Picture, boxes: np.ndarray) -> Picture:
    """Cut squares around the middles of boxes: (n, side, side)."""
    padded = np.pad(picture[..., 0], SIDE_PX, constant_values=FILL)
    middle = np.clip((boxes[:, :2] + boxes[:, 2:]) / 2, 0, [picture.shape[1] - 1, picture.shape[0] - 1])
    corners = np.round(middle).astype(int) + SIDE_PX // 2
    return np.stack([padded[y : y + SIDE_PX, x : x + SIDE_PX] for x, y in corners.tolist()])
