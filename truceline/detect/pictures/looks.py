"""How a picture is looked at: thermal ones enlarged, daylight ones at the scale that fits their cars.

A still picture does not say how large a car is in it, and a network is good at one size only. So it is
looked at coarsely at three scales; the length that the cars found there agree on, sure ones before many, is
that of a car, and the picture is looked at again with cars of that size.
"""

import numpy as np

from truceline.detect.pictures.chance import chances
from truceline.detect.pictures.finder import GROUPS, Found, Hot, Picture, agreed, find, joined
from truceline.detect.pictures.second import look_again

# Network, scale, mirrored. Persons, 12 x 19 pixels, are those of "thermal" alone: it tells them from lamps.
THERMAL_LOOKS = (("plain", 1.0, False), ("plain", 1.3, True), ("thermal", 1.6, False))
PERSON = GROUPS.index("person")
OVERLAP = 0.45
LEAST_SCORE = 0.05
THERMAL_LEAST = np.array([0.02, 0.05, 0.02])  # vehicles, persons, bicycles: cold cars are seen faintly
COARSE = (1.0, 0.5, 0.25)
SURE = 0.3
KNOWN_PX = (13.0, 90.0)  # lengths of cars the network was trained on
ALIKE = 0.2  # lengths within a fifth of each other speak for each other
SURER = 3  # power of a score: one sure car weighs more than several things that may be one
BEST_PX = 40.0
SCALES = (0.15, 2.0)
VISIBLE_LOOKS = ((0.85, False), (1.0, True), (1.2, False))  # share of the best scale, mirrored
MOST_PX = 2_200_000  # of a picture as it is looked at: bounds the time it takes
LEAST_CARS, MOST_CARS = 0.45, 5.0  # lengths of a car: what a vehicle may measure
UNLIKELY = 0.3
# Of the training pictures the darkest hundredth lies at 23 to 53 of 255, and 133 to 228 below the brightest.
HAZE_FROM, CLEAR_SPAN = 60.0, 130.0
CLEAR = (38.0, 172.0)  # darkest hundredth and span in the middle of the training pictures
MOST_GAIN = 4.0


def look_thermal(picture: Picture, hot: Hot = "white") -> Found:
    """Find persons, bicycles and vehicles in a thermal picture (h, w, 1); scores are chances to be right.

    Parameters
    ----------
    picture
        Grey.
    hot
        Which shade is warm. The network knows white-hot pictures and finds things in either: it cannot tell.
    """
    return chances("thermal", "still", raw_thermal(picture if hot == "white" else ~picture))


def raw_thermal(picture: Picture) -> Found:
    """Look at a thermal picture; scores as the network and the agreement of its looks give them."""
    least = float(THERMAL_LEAST.min()) / 2
    views = [(name, _look(name, picture, scale, mirrored, least)) for name, scale, mirrored in THERMAL_LOOKS]
    others = agreed([view.keep(view.groups != PERSON) for _, view in views], OVERLAP)
    persons = [view.keep(view.groups == PERSON) for name, view in views if name == "thermal"]
    found = look_again(picture, joined([agreed(persons, OVERLAP), others]))
    return found.keep(found.scores >= THERMAL_LEAST[found.groups])


def look_visible(picture: Picture, car_px: float | None = None) -> Found:
    """Find vehicles and persons in a daylight picture (h, w, 3); scores are chances to be right.

    Parameters
    ----------
    picture
        Red, green, blue.
    car_px
        Length of a car, where telemetry tells; None: it is estimated.
    """
    return chances("visible", "still", raw_visible(picture, car_px))


def raw_visible(picture: Picture, car_px: float | None = None) -> Found:
    """Look at a daylight picture; scores as the network and the agreement of its looks give them."""
    picture = cleared(picture)
    if car_px is None:
        car_px = estimate(picture)
    most = (MOST_PX / picture.shape[0] / picture.shape[1]) ** 0.5
    best = float(np.clip(BEST_PX / car_px, *SCALES))
    views = [_look("visible", picture, min(best * step, most), flip) for step, flip in VISIBLE_LOOKS]
    return _sure(_likely(agreed(views, OVERLAP), car_px))


def cleared(picture: Picture) -> Picture:
    """Take off the light that haze adds (Narasimhan and Nayar 2002, one depth); others stay as they are."""
    grey = picture[::4, ::4].mean(2)
    dark, bright = np.percentile(grey, (1, 99))
    if dark < HAZE_FROM or bright - dark > CLEAR_SPAN:
        return picture
    gain = min(CLEAR[1] / max(bright - dark, 1.0), MOST_GAIN)
    table = np.clip((np.arange(256) - dark) * gain + CLEAR[0], 0, 255).astype(np.uint8)
    return np.asarray(table[picture])


def estimate(picture: Picture) -> float:
    """Tell how long a car is in a picture, pixels: the length that most speaks for, whatever the scale."""
    lengths, weights = [], []
    for scale in COARSE:
        found = find("visible", picture, scale, SURE)
        found = found.keep((found.groups == 0) & (found.kinds == 0))
        length = (found.boxes[:, 2:] - found.boxes[:, :2]).max(1, initial=0.0)
        known = (length * scale >= KNOWN_PX[0]) & (length * scale <= KNOWN_PX[1])
        lengths.append(np.log(length[known]))
        weights.append(found.scores[known] ** SURER)
    told, weight = np.concatenate(lengths), np.concatenate(weights)
    if not len(told):
        return BEST_PX
    votes = (weight * np.exp(-0.5 * ((told[:, None] - told) / ALIKE) ** 2)).sum(1)
    near = np.abs(told - told[np.argmax(votes)]) < 2 * ALIKE
    return float(np.exp(_weighted_median(told[near], weight[near])))


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def _likely(found: Found, car_px: float) -> Found:
    """Believe less in vehicles that are far smaller or larger than the cars of the picture."""
    length = (found.boxes[:, 2:] - found.boxes[:, :2]).max(1, initial=0.0)
    odd = (found.groups == 0) & ((length < LEAST_CARS * car_px) | (length > MOST_CARS * car_px))
    return found._replace(scores=np.where(odd, UNLIKELY * found.scores, found.scores).astype(np.float32))


def _look(name: str, picture: Picture, scale: float, mirrored: bool, least: float = LEAST_SCORE / 2) -> Found:
    if not mirrored:
        return find(name, picture, scale, least)
    found = find(name, np.ascontiguousarray(picture[:, ::-1]), scale, least)
    boxes = found.boxes.copy()
    boxes[:, [0, 2]] = picture.shape[1] - boxes[:, [2, 0]]
    return found._replace(boxes=boxes)


def _sure(found: Found) -> Found:
    found = found.keep(found.scores >= LEAST_SCORE)
    return found.keep(np.argsort(-found.scores, kind="stable"))
