"""Alerts of a radar series as documents: GeoJSON features, a STAC item."""

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from truceline.codec.stac import Asset, Item, Link
from truceline.detect.meaning import Meaning, radar_meaning
from truceline.detect.product import COG_TYPE, product_of
from truceline.detect.radar.history import History, scores_of
from truceline.detect.radar.lifecycle import CONFIRMED, FINISHED, PROVISIONAL
from truceline.geo.outlines import Piece, polygonize_windows
from truceline.geo.raster import Grid
from truceline.model.place import utc_text
from truceline.model.units import CE90_PER_SIGMA

# Sentinel-1 interferometric wide swath, absolute location error: 10 m CE90 covers the mission's published
# 7 m (95 % of point targets) and the terrain model used for the correction.
MISSION_CE90_M = 10.0
_STATES = {PROVISIONAL: "provisional", CONFIRMED: "confirmed", FINISHED: "finished"}
_RANK = np.array([0, 1, 3, 2], np.int8)  # none, provisional, confirmed, finished: the most advanced counts
_BY_RANK = {1: PROVISIONAL, 2: FINISHED, 3: CONFIRMED}

# Chance that an object is a real, lasting change: a logistic fit on the development stacks with injected
# changes of 3 and 5 dB, lasting and passing. The seeds that fitted are not those that were judged.
# With the reach that the wanted share asks for rise the odds: of fewer alerts more are real.
FIT = {
    "intercept": -23.662,
    "strength": 1.121,
    "log_pixels": 2.972,
    "dates": 0.575,
    "gone": -3.026,
    "reach": 2.477,
}


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One object in the words of the contract; ``number`` is its label in ``history.owners``."""

    number: int
    id: str
    state: str
    first_seen: datetime
    last_seen: datetime
    items: tuple[int, ...]
    direction: str
    mean_score: float
    peak_score: float
    pixels: int
    area_m2: float
    lat_deg: float
    lon_deg: float
    ce90_m: float
    probability: float
    box: tuple[int, int, int, int]  # first row, first column, last row + 1, last column + 1


def alerts_of(history: History) -> list[Alert]:
    """List the objects that are large enough, ordered by id."""
    return sorted(_alerts(history), key=lambda alert: alert.id)


def geojson_of(history: History) -> bytes:
    """Write ``alerts.geojson``."""
    alerts = alerts_of(history)
    outlines, meanings = outlines_of(history, alerts), meanings_of(history, alerts)
    order = sorted(alert.probability for alert in alerts)
    features = [
        {
            "type": "Feature",
            "geometry": outlines[alert.number],
            "properties": {
                "id": alert.id,
                "state": alert.state,
                "first_seen": utc_text(alert.first_seen),
                "last_seen": utc_text(alert.last_seen),
                "n_seen": len(alert.items),
                "direction": alert.direction,
                "mean_score": round(alert.mean_score, 3),
                "peak_score": round(alert.peak_score, 3),
                "area_m2": round(alert.area_m2, 2),
                "centroid_lat_deg": round(alert.lat_deg, 7),
                "centroid_lon_deg": round(alert.lon_deg, 7),
                "ce90_m": round(alert.ce90_m, 1),
                "confidence": round(
                    float(np.searchsorted(order, alert.probability, "right")) / len(order), 4
                ),
                "probability": round(alert.probability, 4),
                "item_ids": [history.stamps[item].id for item in alert.items],
                "crs": history.grid.crs,
                "meaning": meanings[alert.number].word,
                "meaning_confidence": meanings[alert.number].confidence,
                "meaning_why": list(meanings[alert.number].why),
            },
        }
        for alert in alerts
    ]
    document = {"type": "FeatureCollection", "features": features}
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def meanings_of(history: History, alerts: list[Alert]) -> dict[int, Meaning]:
    """Tell what some alerts may mean, by their number."""
    pixel_m = history.grid.pixel_size_m()
    return {
        alert.number: radar_meaning(
            *np.divmod(places, history.grid.width),
            pixel_m,
            rose=alert.direction == "increase",
            month=alert.first_seen.month,
            lat_deg=alert.lat_deg,
            change_db=dict(zip(history.polarisations, history.objects[alert.number].change_db, strict=False)),
        )
        for alert, places in _places_of(history, alerts)
    }


def outlines_of(history: History, alerts: list[Alert]) -> dict[int, dict[str, Any]]:
    """Draw the outlines of some alerts, by their number."""

    def windows() -> Iterator[Piece]:
        for alert, places in _places_of(history, alerts):
            rows, columns = np.divmod(places, history.grid.width)
            top, left, bottom, right = alert.box
            labels = np.zeros((bottom - top, right - left), np.int32)
            labels[rows - top, columns - left] = alert.number
            yield labels, top, left

    return polygonize_windows(windows(), history.grid)


def _places_of(history: History, alerts: list[Alert]) -> Iterator[tuple[Alert, NDArray[np.int64]]]:
    """Give the pixels of each alert, numbered along the rows of the grid."""
    order = np.argsort(history.owners, kind="stable")
    starts = np.searchsorted(history.owners[order], np.arange(max(history.objects, default=0) + 2))
    for alert in alerts:
        yield alert, history.places[order[starts[alert.number] : starts[alert.number + 1]]]


def item_of(history: History) -> Item:
    """Describe the outputs as one STAC Item; assets are relative to it."""
    stamps = history.stamps
    return product_of(
        history.grid,
        (stamps[0].time_utc, stamps[-1].time_utc),
        {
            "change": Asset(
                href="./change.tif",
                type=COG_TYPE,
                roles=("data",),
                title="score, state, first_seen, peak_score",
            ),
            "alerts": Asset(href="./alerts.geojson", type="application/geo+json", roles=("data",)),
        },
        [Link(rel="derived_from", href=stamp.href or f"#{stamp.id}", title=stamp.id) for stamp in stamps],
    )


def location_ce90_m(grid: Grid) -> float:
    """Join the mission's location error with that of a place known to a pixel (uniform, σ = side / √12)."""
    within = CE90_PER_SIGMA * max(grid.pixel_size_m()) / math.sqrt(12)
    return math.hypot(MISSION_CE90_M, within)


def chance(strength: float, pixels: int, dates: int, missing: int, reach: float) -> float:
    """Estimate the probability of a real, lasting change.

    Parameters
    ----------
    strength
        Mean of the largest strengths of its pixels, in widths of the unchanged scene.
    pixels
        Size.
    dates
        Dates on which it exceeded.
    missing
        Dates since it exceeded last.
    reach
        Strength that a score of 1 stands for.
    """
    logit = (
        FIT["intercept"]
        + FIT["strength"] * min(strength, 9.0)
        + FIT["log_pixels"] * math.log(pixels)
        + FIT["dates"] * min(dates, 3)
        + FIT["gone"] * min(missing, 2)
        + FIT["reach"] * min(max(reach, 2.5), 5.0)
    )
    return min(max(1 / (1 + math.exp(-logit)), 0.01), 0.99)  # a fit on few places is never certain


def _alerts(history: History) -> Iterator[Alert]:
    count = max(history.objects, default=0)
    if count == 0:
        return
    numbers = history.owners
    rows, columns = np.divmod(history.places, history.grid.width)
    life, at = history.life, history.desk.at
    peaks = scores_of(at(life.peak, history.places)).astype(np.float64)
    sizes = np.bincount(numbers, minlength=count + 1)
    first = np.full(count + 1, np.iinfo(np.int16).max, np.int16)
    np.minimum.at(first, numbers, at(life.first, history.places))
    rank = np.zeros(count + 1, np.int8)
    np.maximum.at(rank, numbers, _RANK[at(life.state, history.places)])
    total = np.bincount(numbers, peaks, count + 1)
    largest = np.zeros(count + 1)
    np.maximum.at(largest, numbers, np.abs(peaks))
    middle = np.stack([np.bincount(numbers, place + 0.5, count + 1) for place in (rows, columns)])
    boxes = _boxes(numbers, rows, columns, count)
    area_m2, ce90_m = history.grid.pixel_area_m2(), location_ce90_m(history.grid)
    reach = history.reach
    chosen = np.flatnonzero(sizes * area_m2 >= max(history.settings.min_area_m2, 1e-9) * (1 - 1e-9))
    if chosen.size == 0:
        return
    lat, lon = history.grid.at(middle[0, chosen] / sizes[chosen], middle[1, chosen] / sizes[chosen])
    for number, lat_deg, lon_deg in zip(chosen.tolist(), lat.tolist(), lon.tolist(), strict=True):
        own = history.objects[number]
        state = _STATES[_BY_RANK[int(rank[number])]]
        mean = total[number] / sizes[number]
        yield Alert(
            number=number,
            id=own.id,
            state=state,
            first_seen=history.stamps[first[number]].time_utc,
            last_seen=history.stamps[own.items[-1]].time_utc,
            items=own.items,
            direction="increase" if mean > 0 else "decrease",
            mean_score=float(mean),
            peak_score=float(math.copysign(largest[number], mean)),
            pixels=int(sizes[number]),
            area_m2=float(sizes[number] * area_m2),
            lat_deg=lat_deg,
            lon_deg=lon_deg,
            ce90_m=ce90_m,
            probability=chance(
                abs(mean) * reach,
                int(sizes[number]),
                len(own.items),
                len(history.stamps) - 1 - own.items[-1],
                reach,
            ),
            box=tuple(boxes[number].tolist()),
        )


def _boxes(
    numbers: NDArray[np.int32], rows: NDArray[np.int64], columns: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    boxes = np.zeros((count + 1, 4), np.int64)
    boxes[:, :2] = np.iinfo(np.int64).max
    for axis, places in enumerate((rows, columns)):
        np.minimum.at(boxes[:, axis], numbers, places)
        np.maximum.at(boxes[:, axis + 2], numbers, places + 1)
    return boxes
