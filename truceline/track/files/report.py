"""What the run itself tells about the sensors, for a person to look at (contract fusion)."""

from datetime import UTC
from typing import Any

import numpy as np

from truceline.model.place import utc_text
from truceline.track.files.fusing import Course
from truceline.track.files.inputs import Inputs
from truceline.track.sensors.trust import BORNE_OUT, areas_km2, trusted
from truceline.track.state.types import NO_SHAPE, Array

ENOUGH = 30  # fewer detections than this say nothing about a sensor
LEAST_BIAS_M, LEAST_CLOCK_S = 5.0, 0.6  # below, nobody need look
BESIDE_NOISE = 0.25  # nor where it is a smaller share of the random error
JAMMED_SHOULD, JAMMED_S, JAMMED_SHARE = 30.0, 180.0, 0.25
SILENT_SHARE = 0.25  # of the detections per look that a sensor usually gives, true and false
FLOOD_S, FLOOD_TIMES, FLOOD_LEAST = 60.0, 8.0, 20.0
FLOOD_USUAL = 4.0  # times what no track bears out in most minutes
FLOOD_MORE = 1.5  # times what the sensor shows in most minutes: who lies shows as much as ever
FLOOD_WIDE = 0.3  # of the field's reach: a flood is no crowd in one place
SELDOM_S = 600.0  # a sensor that looks so seldom cannot bear itself out
LOOSE, LOOSE_LEAST = (
    0.75,
    50.0,
)  # share and number of detections beyond the false ones that no track bears out


def sensor_report(course: Course, inputs: Inputs) -> dict[str, Any]:
    """Estimate each sensor's bias and clock, and say which one a person should look at.

    A bias, azimuth or clock is suspect when it is off beyond doubt (see registration) and by more than
    a person need care for; a sensor is jammed while it shows hardly any of the tracks that it should,
    floods while it shows many times the false detections that the maker tells, and is untruthful when
    others that look after it do not see what it saw, or nothing bore it out for a while (from, to): then
    nothing is said of its offsets.
    """
    names = sorted(inputs.sensors["sensor_id"].astype(str).tolist())
    row = {str(name): i for i, name in enumerate(inputs.sensors["sensor_id"].tolist())}
    return {"sensors": [_one(course, inputs, m, row[name]) for m, name in enumerate(names)]}


def _one(course: Course, inputs: Inputs, m: int, i: int) -> dict[str, Any]:
    """Put one sensor's entry together; ``m`` is its number in the run, ``i`` its row of SENSORS."""
    flood = _flood(course, m)
    often = not float(inputs.sensors["period_s"][i]) > SELDOM_S
    doubts = _doubts(course, m, flood)
    untruthful = bool(doubts) or (often and _loose(course, m, flood)) or not trusted(course.told)[m]
    offset, error = course.offsets.value[m] * (not untruthful), course.offsets.error[m]
    reasons = ["untruthful"] if untruthful else _off(offset, course.offsets.clear[m], _noise(course, m))
    clock, lag = float(offset[2]), _lag(course, inputs, m)
    if lag < 0 and "clock" not in reasons:
        clock = lag - float(np.nan_to_num(inputs.sensors["latency_s"][i]))
        reasons.append("clock")
    spans = doubts
    for word, span in (("jammed", _jammed(course, m)), ("flood", flood)):
        if span is not None:
            reasons.append(word)
            spans.append(span)
    told = (course.told[m] * trusted(course.told)[:, None]).sum(0)
    trust = 1 - (told[1] + 1) / (told.sum() + 20)
    return {
        "sensor_id": str(inputs.sensors["sensor_id"][i]),
        "trust": round(max(float(trust), 0.0) * (0.5 if reasons else 1.0), 3),
        "bias_x_m": round(float(offset[0]), 3), "bias_y_m": round(float(offset[1]), 3),
        "bias_sigma_m": _known(max(error[:2])),
        "clock_offset_s": round(clock, 3), "clock_sigma_s": _known(error[2]),
        "azimuth_offset_rad": round(float(offset[3]), 5), "azimuth_sigma_rad": _known(error[3]),
        "suspect": bool(reasons), "reasons": reasons,
        "from": _text(course, min(s[0] for s in spans)) if spans else None,
        "to": _text(course, max(s[1] for s in spans)) if spans else None,
    }  # fmt: skip


def _off(offset: Array, clear: Array, noise: tuple[float, float]) -> list[str]:
    """What is off by more than a person need care for, and not small beside the sensor's usual error."""
    moved = clear[0] and float(np.hypot(*offset[:2])) > max(LEAST_BIAS_M, BESIDE_NOISE * noise[0])
    turned = clear[2] and abs(offset[3]) * noise[1] > max(LEAST_BIAS_M, BESIDE_NOISE * noise[0])
    late = clear[1] and abs(offset[2]) > LEAST_CLOCK_S
    return ["bias"] * bool(moved or turned) + ["clock"] * bool(late)


def _noise(course: Course, m: int) -> tuple[float, float]:
    """Usual random error of a sensor per axis, and usual distance of what it sees from its middle; metres."""
    z = course.detections.z[course.row_sensors() == m]
    if not len(z):
        return 0.0, 0.0
    apart = z[:, :2] - np.median(z[:, :2], axis=0)
    return float(np.sqrt(np.median(z[:, 2:4].mean(1)))), float(np.median(np.hypot(*apart.T)))


def _doubts(course: Course, m: int, flood: tuple[float, float] | None) -> list[tuple[float, float]]:
    """Stretches in which a sensor lost belief because nothing bore it out, but for those of a flood."""
    since, until = flood or (np.inf, -np.inf)
    mine = [(first, last) for sensor, first, last in course.doubts if sensor == m]
    return [(first, last) for first, last in mine if last < since or first > until]


def _loose(course: Course, m: int, flood: tuple[float, float] | None) -> bool:
    """Tell whether hardly anything that a sensor shows, false detections and a flood aside, is borne out."""
    since, until = flood or (np.inf, -np.inf)
    events, times = course.events, course.row_times()
    mine = (course.row_sensors() == m) & ((times < since) | (times > until))
    looks = (events.sensor == m) & ((events.time < since) | (events.time > until))
    _, at, count = np.unique(course.owner, return_inverse=True, return_counts=True)
    false = float((areas_km2(events) * events.clutter)[looks].sum())
    beyond = float(((course.owner == 0) | (count[at] < BORNE_OUT))[mine].sum()) - false
    return beyond > LOOSE_LEAST and beyond > LOOSE * (float(mine.sum()) - false)


def _known(sigma: float) -> float | None:
    return round(float(sigma), 5) if np.isfinite(sigma) else None


def _text(course: Course, time_s: float) -> str:
    return utc_text(
        np.datetime64(int(course.origin_us + time_s * 1e6), "us").astype(object).replace(tzinfo=UTC)
    )


def _lag(course: Course, inputs: Inputs, m: int) -> float:
    """Median of result time less phenomenon time: negative only when the clock is ahead."""
    mine = course.row_sensors() == m
    if mine.sum() < ENOUGH:
        return 0.0
    d = inputs.detections
    lag = (d["result_time"] - d["phenomenon_time"])[course.order][mine] / 1e6
    return min(float(np.median(lag)), 0.0)


def _jammed(course: Course, m: int) -> tuple[float, float] | None:
    """The longest span in which a sensor showed hardly any of the tracks that it should have shown."""
    of = np.flatnonzero((course.events.sensor == m) & (course.events.shape != NO_SHAPE))
    of = of[np.argsort(course.events.time[of], kind="mergesort")]
    dark = course.tally[of, 2] > 0.5
    edges = np.flatnonzero(np.diff(np.r_[False, dark, False].astype(int)))
    usual = course.events.size[of].mean() if len(of) else 0.0
    best: tuple[float, float] | None = None
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        span = of[begin:end]
        should, did = course.tally[span, 0].sum(), course.tally[span, 1].sum()
        first, last = float(course.events.time[span[0]]), float(course.events.time[span[-1]])
        enough = should > JAMMED_SHOULD and did < JAMMED_SHARE * should and last - first > JAMMED_S
        silent = course.events.size[span].mean() < SILENT_SHARE * usual
        if enough and silent and (best is None or last - first > best[1] - best[0]):
            best = (first, last)
    return best


def _flood(course: Course, m: int) -> tuple[float, float] | None:
    """First and last minute with many times the false detections that the maker tells, all over the place."""
    events = course.events
    of = (events.sensor == m) & (events.shape != NO_SHAPE)
    if not of.any():
        return None
    minute = np.floor(events.time / FLOOD_S).astype(int)
    low = int(minute[of].min())
    expected = np.bincount(minute[of] - low, weights=(areas_km2(events) * events.clutter)[of])
    loose = np.flatnonzero(~np.isin(course.owner, course.number) & (course.row_sensors() == m))
    at = np.floor(course.row_times()[loose] / FLOOD_S).astype(int) - low
    counted = np.bincount(at[(at >= 0) & (at < len(expected))], minlength=len(expected))
    when = np.floor(course.row_times()[course.row_sensors() == m] / FLOOD_S).astype(int) - low
    shown = np.bincount(when[(when >= 0) & (when < len(expected))], minlength=len(expected))
    more = shown > FLOOD_MORE * np.median(shown[expected > 0])
    most = np.maximum(FLOOD_TIMES * expected + FLOOD_LEAST, FLOOD_USUAL * np.median(counted[expected > 0]))
    wide = FLOOD_WIDE * float(events.field[of, 3].max())
    place = course.detections.z[loose, :2]
    floods = [
        int(k) + low for k in np.flatnonzero(more & (counted > most))
        if np.hypot(*place[at == k].std(0)) > wide
    ]  # fmt: skip
    return (floods[0] * FLOOD_S, (floods[-1] + 1) * FLOOD_S) if floods else None
