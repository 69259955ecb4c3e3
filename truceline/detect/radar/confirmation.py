"""The alert lifecycle alone, over scores that somebody else made (contract satellite, section 2).

An alert opens when a score reaches ``low``, dies when the next one does not, and is confirmed when the
evidence of its exceedances is enough: their mean times the square of their number, as in the confidence of
the OPERA disturbance alerts (OPERA DIST-HLS product specification).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from truceline.detect.radar.alerts import location_ce90_m
from truceline.detect.radar.lifecycle import CONFIRMED, FINISHED, NONE, PROVISIONAL, UNSEEN
from truceline.geo.outlines import polygonize
from truceline.geo.raster import Float32, Grid
from truceline.model.names import name
from truceline.model.place import utc_text

# Tuned on the western half of the Valparaíso fire; there 48 to 66 / 9 all give a kappa above 0.95.
LOW, HIGH = 2.5, 6.5
PROMPT = 3  # exceedances within which a mean of ``high`` confirms
FINISH = 3  # observations in a row below ``low`` that end an alert
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_STATES = {PROVISIONAL: "provisional", CONFIRMED: "confirmed", FINISHED: "finished"}


@dataclass
class Watch:
    """The alerts of every pixel; arrays (height, width), changed in place by :func:`take`."""

    state: NDArray[np.uint8]
    count: NDArray[np.uint16]
    total: Float32
    peak: Float32
    missed: NDArray[np.uint16]
    first: NDArray[np.int32]
    last: NDArray[np.int32]

    @classmethod
    def new(cls, shape: tuple[int, int]) -> "Watch":
        """Start with nothing observed."""
        whole, real = (np.zeros(shape, kind) for kind in (np.uint16, np.float32))
        none = np.full(shape, -1, np.int32)
        state = np.full(shape, UNSEEN, np.uint8)
        return cls(state, whole, real, real.copy(), whole.copy(), none, none.copy())


def take(watch: Watch, score: Float32, item: int, low: float, high: float) -> None:
    """Take in one date.

    Parameters
    ----------
    watch
        Changed in place.
    score
        Scores, (height, width), not below 0; NaN = not observed: such pixels stay as they are.
    item
        Index of the date.
    low
        Score from which on a pixel exceeds.
    high
        Mean score that confirms with the third exceedance; more exceedances need less.
    """
    seen = np.isfinite(score)
    watch.state[seen & (watch.state == UNSEEN)] = NONE
    exceeds = seen & (score >= low)
    born = exceeds & ((watch.state == NONE) | (watch.state == FINISHED))
    for plane in (watch.count, watch.total, watch.peak, watch.missed):
        plane[born] = 0
    watch.first[born] = item
    watch.state[born] = PROVISIONAL
    watch.count += exceeds
    watch.total[exceeds] += score[exceeds]
    watch.peak[exceeds] = np.maximum(watch.peak, np.nan_to_num(score))[exceeds]
    watch.last[exceeds] = item
    watch.missed[exceeds] = 0
    enough = watch.count * watch.total >= PROMPT**2 * high
    watch.state[exceeds & (watch.state == PROVISIONAL) & enough] = CONFIRMED
    is_open = (watch.state == PROVISIONAL) | (watch.state == CONFIRMED)
    quiet = seen & ~exceeds & is_open
    watch.missed += quiet
    lone = quiet & (watch.state == PROVISIONAL) & ((watch.count < 2) | (watch.missed >= FINISH))
    watch.state[lone] = NONE
    watch.first[lone] = -1
    watch.state[quiet & (watch.state == CONFIRMED) & (watch.missed >= FINISH)] = FINISHED


def first_seen_days(watch: Watch, times: Sequence[datetime]) -> Float32:
    """Give days since 1970 of the open or last finished alert, NaN where there is none."""
    days = np.array([(moment - EPOCH) / timedelta(days=1) for moment in times] + [np.nan])
    return np.asarray(days[watch.first], np.float32)


def geojson_of(watch: Watch, grid: Grid, times: Sequence[datetime], ids: Sequence[str]) -> bytes:
    """Write ``alerts.geojson``: 8-connected groups of alerted pixels, ordered by id."""
    alerted = (watch.state > NONE) & (watch.state < UNSEEN)
    labels, count = label(alerted, np.ones((3, 3)))
    labels = labels.astype(np.int32)
    outlines = polygonize(labels, grid)
    # One sort puts the pixels of each group side by side; a mask each would cost groups times pixels.
    places = np.flatnonzero(alerted)
    groups = labels.ravel()[places]
    places = places[np.argsort(groups, kind="stable")]
    starts = np.searchsorted(np.sort(groups), np.arange(2, count + 1))
    features = [
        _feature(watch, own, outlines[number], grid, (times, ids))
        for number, own in enumerate(np.split(places, starts) if count else [], 1)
    ]
    order = sorted(feature["properties"]["mean_score"] for feature in features)
    for feature in features:
        said = feature["properties"]
        said["confidence"] = round(float(np.searchsorted(order, said["mean_score"], "right")) / len(order), 4)
    features.sort(key=lambda feature: feature["properties"]["id"])
    document = {"type": "FeatureCollection", "features": features}
    return json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1).encode() + b"\n"


def _feature(
    watch: Watch, places: NDArray[np.int64], outline: dict[str, Any], grid: Grid,
    series: tuple[Sequence[datetime], Sequence[str]],
) -> dict[str, Any]:  # fmt: skip
    times, ids = series
    rows, columns = np.divmod(places, grid.width)
    state, count, total = (plane.ravel()[places] for plane in (watch.state, watch.count, watch.total))
    first, last = int(watch.first.ravel()[places].min()), int(watch.last.ravel()[places].max())
    rank = CONFIRMED if (state == CONFIRMED).any() else int(state.max())
    mean = float((total / np.maximum(count, 1)).mean())
    lat, lon = grid.at(rows.mean() + 0.5, columns.mean() + 0.5)
    evidence = float((count * total).mean()) / (PROMPT**2 * HIGH)
    properties = {
        "id": name("alert", utc_text(times[first]), str(rows[0]), str(columns[0]), str(grid)),
        "state": _STATES[rank],
        "first_seen": utc_text(times[first]),
        "last_seen": utc_text(times[last]),
        "n_seen": int(count.max()),
        "direction": "unsigned",
        "mean_score": round(mean, 3),
        "peak_score": round(float(watch.peak.ravel()[places].max()), 3),
        "area_m2": round(len(rows) * grid.pixel_area_m2(), 2),
        "centroid_lat_deg": round(float(lat), 7),
        "centroid_lon_deg": round(float(lon), 7),
        "ce90_m": round(location_ce90_m(grid), 1),
        "probability": round(min(max(evidence / (1 + evidence), 0.01), 0.99), 4),
        "item_ids": list(ids[first : last + 1]),
        "crs": grid.crs,
    }
    return {"type": "Feature", "geometry": outline, "properties": properties}
