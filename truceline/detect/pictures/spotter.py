"""Objects in the frames of a clip: the networks at the scale that the telemetry tells."""

from typing import Any, NamedTuple

import numpy as np

from truceline.detect.pictures.chance import chances, score_for
from truceline.detect.pictures.finder import VERSION, Found, Hot, Picture, agreed, find
from truceline.detect.pictures.frames import to_colour
from truceline.detect.pictures.looks import cleared, estimate
from truceline.detect.pictures.motion import Hit
from truceline.detect.pictures.pixels import Poses
from truceline.detect.pictures.reading import is_grey

CAR_M = 4.4
BEST_PX = {"visible": 34.0, "thermal": 75.0}  # length of a car that a network knows best
SCALES = (0.1, 2.0)
SURE = 0.1  # one box in ten of that score is right: tracks and fusion sort out the rest
LIKELY = 0.2  # chance of what is reported
LIKELY_M = {0: (2.0, 25.0), 1: (0.2, 2.0), 2: (0.7, 3.5)}  # what vehicles, persons and bicycles measure
TOLERANCE = 1.5  # boxes and ranges are not exact
MOST_PX = 400_000  # of a frame as the network sees it: two cores look at ten a second
LEAST_STEP_S = 0.095  # and more than ten a second show nothing else
LEAST_CAR_PX = 16.0  # unless cars would become smaller than this
ESTIMATE_S = 2.0  # time for which an estimated scale holds
COVERED = 0.3
LARGER = 2.0  # of the second look: the network knows cars of that size too
APART, SAME = 0.5, 0.4  # overlap from which boxes of one look, of two looks are one thing
LEAST_RAW = 0.1  # of a network's score: what is lower is noise and costs time


class Spotted(NamedTuple):
    """A box in one frame with its category and the model that drew it."""

    hit: Hit
    category: str
    model: str


class Spotter:
    """Looks at frames of one clip, in order of time.

    Parameters
    ----------
    poses
        Of the clip: metres per pixel are taken from them where they are known, else estimated.
    least_score
        Boxes with a lower score are left out.
    hot
        Which shade of thermal frames is warm.
    """

    def __init__(self, poses: Poses, least_score: float = SURE, hot: Hot = "white") -> None:
        self.poses = poses
        self.least_score = least_score
        self.hot = hot
        self.spotted: list[Spotted] = []
        self._last_s = -np.inf
        self._estimate = (-np.inf, np.nan)  # when, metres per pixel

    def __call__(self, number: int, pts_s: float, frame: Any) -> None:
        """Look at a frame, unless the last look was just before."""
        if 0 <= pts_s - self._last_s < LEAST_STEP_S:
            return
        self._last_s = pts_s
        picture = to_colour(frame)
        name = "thermal" if is_grey(picture) else "visible"
        if name == "visible":
            picture = cleared(picture)
        elif self.hot == "black":
            picture = ~picture
        known = self.poses.metres_per_pixel(pts_s, picture.shape[1])
        size_m = known if np.isfinite(known) else self._estimated(picture, name, pts_s)
        for found in self._boxes(picture, name, size_m):
            (left, top, right, bottom), score, word = found
            hit = Hit(number, pts_s, left, top, right - left, bottom - top, -1, score)
            self.spotted.append(Spotted(hit, word, f"{name}-{VERSION[name]}"))

    def _boxes(self, picture: Picture, name: str, size_m: float) -> list[tuple[list[float], float, str]]:
        least = score_for(name, "frame", self.least_score)
        found = chances(name, "frame", raw_frame(picture, name, size_m, least))
        found = found.keep(found.scores >= self.least_score)
        rows = zip(found.boxes.tolist(), found.scores.tolist(), found.categories(), strict=True)
        return [([round(side, 2) for side in box], round(score, 4), word) for box, score, word in rows]

    def _estimated(self, picture: Picture, name: str, pts_s: float) -> float:
        """Estimate metres per pixel from the cars in the picture; a thermal one is taken as it is."""
        if name == "thermal":
            return CAR_M / 50.0
        since_s, size_m = self._estimate
        if not 0 <= pts_s - since_s < ESTIMATE_S:
            since_s, size_m = pts_s, CAR_M / estimate(picture)
        self._estimate = (since_s, size_m)
        return size_m


def raw_frame(picture: Picture, name: str, size_m: float, least_score: float = LEAST_RAW) -> Found:
    """Look at a frame at the scale that its metres per pixel tell; scores as the network gives them.

    Where it costs little, a daylight frame is looked at twice as large too: a stated field of view may
    be that of another zoom step, and what both looks see is surer to be there.
    """
    most = (MOST_PX / picture.shape[0] / picture.shape[1]) ** 0.5
    quick = max(most, LEAST_CAR_PX * size_m / CAR_M)
    scale = float(np.clip(min(BEST_PX[name] * size_m / CAR_M, quick), *SCALES))
    scales = [scale]
    if name == "thermal":
        picture = np.ascontiguousarray(picture[..., :1])
    elif LARGER * scale <= min(most, SCALES[1]):
        scales.append(LARGER * scale)
    least = least_score / len(scales) ** 2  # the mean of a good score and a poor one may be enough
    seen = [find(name, picture, one, least) for one in scales]
    found = agreed(seen, SAME if len(scales) > 1 else APART)
    return plausible(found.keep(found.scores >= least_score), size_m)


def plausible(found: Found, size_m: float) -> Found:
    """Leave out what is far too small or too large for what it is said to be."""
    length_m = (found.boxes[:, 2:] - found.boxes[:, :2]).max(1, initial=0.0) * size_m
    least = np.array([LIKELY_M[group][0] for group in found.groups.tolist()])
    most = np.array([LIKELY_M[group][1] for group in found.groups.tolist()])
    return found.keep((length_m >= least / TOLERANCE) & (length_m <= most * TOLERANCE))


def uncovered(movers: list[Hit], spotted: list[Spotted]) -> list[Hit]:
    """Leave out movers on which, in the same frame, an object was spotted: one thing, one row."""
    by_frame: dict[int, list[Hit]] = {}
    for one in spotted:
        by_frame.setdefault(one.hit.frame, []).append(one.hit)
    return [hit for hit in movers if not any(_covers(one, hit) for one in by_frame.get(hit.frame, ()))]


def _covers(one: Hit, other: Hit) -> bool:
    wide = min(one.x_px + one.w_px, other.x_px + other.w_px) - max(one.x_px, other.x_px)
    high = min(one.y_px + one.h_px, other.y_px + other.h_px) - max(one.y_px, other.y_px)
    return wide > 0 and high > 0 and wide * high > COVERED * min(one.w_px * one.h_px, other.w_px * other.h_px)
