"""What later looks saw at a place of which a number was told."""

import numpy as np

from truceline.track.files.fusing import Course
from truceline.track.state.types import ANNULUS, NO_SHAPE, Array
from truceline.view.groups import AREA_M

OPEN = 0.8  # share of what stands in a place that is neither under trees nor behind walls
MOVED_M = 100.0  # a place that moves by more is another


class Glances:
    """Finds looks that covered a whole place, and counts what they saw there.

    Looks of sensors that see only what moves say nothing, nor those of satellites about persons.
    """

    def __init__(self, course: Course) -> None:
        self._events, self._z, self._origin_us = course.events, course.detections.z, course.origin_us
        self._of: dict[int, tuple[Array, Array, list[tuple[int, float]]]] = {}  # track → place, looks

    def since(
        self, track: int, place: tuple[float, float], told_us: int, now_us: int, persons: float
    ) -> list[tuple[int, float]]:
        """Give, of each sensor, its newest look: how many things it saw, and how likely it shows one.

        Parameters
        ----------
        track
            Of which a number was told.
        place
            Where it is, metres.
        told_us, now_us
            When it was told last, and the time of which the number is asked, microseconds.
        persons
            Probability that the things are persons.
        """
        known = self._of.get(track)
        if known is None or np.hypot(*(known[0] - place)) > MOVED_M:
            known = self._of[track] = self._covering(place)
        _, looks, saw = known
        e, told_s, now_s = self._events, *((us - self._origin_us) / 1e6 for us in (told_us, now_us))
        is_later = (e.time[looks] > told_s) & (e.time[looks] <= now_s) & (e.known[looks] <= now_s)
        is_later &= (e.sight[looks] == 0) | (persons < 0.5)
        newest = {int(e.sensor[looks[i]]): saw[i] for i in np.flatnonzero(is_later).tolist()}
        return [newest[sensor] for sensor in sorted(newest)]

    def _covering(self, place: tuple[float, float]) -> tuple[Array, Array, list[tuple[int, float]]]:
        """Find the looks that cover a place, in order of time."""
        e = self._events
        dx, dy = place[0] - e.field[:, 0], place[1] - e.field[:, 1]
        a, b, cos, sin = e.field[:, 2:6].T
        r = np.hypot(dx, dy)
        in_ring = (r - AREA_M >= np.where(a > 0, a, -np.inf)) & (r + AREA_M <= b)
        along, across = abs(dx * cos + dy * sin), abs(dy * cos - dx * sin)
        in_rect = (along + AREA_M <= a) & (across + AREA_M <= b)
        whole = np.where(e.shape == ANNULUS, in_ring, in_rect) & (e.shape != NO_SHAPE) & (e.min_speed == 0)
        looks = np.flatnonzero(whole & np.isfinite(e.pd))
        looks = looks[np.argsort(e.time[looks], kind="mergesort")]
        saw = []
        for k in looks.tolist():
            seen = self._z[e.first[k] : e.first[k] + e.size[k], :2]
            count = int((np.hypot(*(seen - place).T) <= AREA_M).sum())
            saw.append((count, OPEN * float(e.pd[k])))
        return np.array(place), looks, saw
