"""What the run itself tells about the sensors, for a person to look at (contract fusion)."""

from datetime import UTC
from typing import Any

import numpy as np

from truceline.model.place import utc_text
from truceline.track.files.fusing import Course
from truceline.track.files.inputs import Inputs
from truceline.track.sensors.hearing import FREE
from truceline.track.sensors.minutes import MINUTE_S
from truceline.track.sensors.registration import GOOD
from truceline.track.sensors.trouble import LEAST_CLOCK_S, Spell, flood, is_at_odds, jams, off, usual
from truceline.track.sensors.trust import trusted

ENOUGH = 30  # fewer looks with detections than this say nothing about how long news takes
SURE = 8.0  # standard deviations: tracks lag where things turn, and err more than they know
STEADY_S = 0.5  # between the quartiles of how long news takes
UNTOLD_S = 4.0  # tracks that tell a clock no better say nothing of it
SELDOM_S = 600.0  # a sensor that looks so seldom cannot bear itself out


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
    minutes = course.minutes.sums[m]
    flooding, jammed = flood(minutes), max(jams(minutes), key=lambda jam: jam.last - jam.first, default=None)
    often = not float(inputs.sensors["period_s"][i]) > SELDOM_S
    noise = usual(course.detections.z[course.row_sensors() == m])
    doubts = _doubts(course, m, flooding)
    untruthful = bool(doubts) or (often and is_at_odds(minutes, flooding)) or not trusted(course.told)[m]
    offset, error = course.offsets.value[m] * (not untruthful), course.offsets.error[m]
    reasons = ["untruthful"] if untruthful else off(offset, course.offsets.clear[m], *noise)
    clock, surplus = float(offset[2]), _surplus(course, inputs, m, i)
    if surplus is not None and not _denies(course, m, surplus):
        clock = surplus
        reasons = [word for word in reasons if word != "clock"]
        reasons += ["clock"] * (abs(clock) > LEAST_CLOCK_S)
    spans = doubts
    for word, spell in (("jammed", jammed), ("flood", flooding)):
        if spell is not None:
            reasons.append(word)
            spans.append((spell.first, spell.last))
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
        "from": _text(course, min(first for first, _ in spans)) if spans else None,
        "to": _text(course, max(last for _, last in spans)) if spans else None,
    }  # fmt: skip


def _doubts(course: Course, m: int, flooding: Spell | None) -> list[tuple[int, int]]:
    """Stretches in which a sensor lost belief because nothing bore it out, but for those of a flood."""
    begin = course.minutes.first
    mine = [(first - begin, last - begin) for sensor, first, last in course.doubts if sensor == m]
    if flooding is None:
        return mine
    return [(first, last) for first, last in mine if last <= flooding.first or first >= flooding.last]


def _known(sigma: float) -> float | None:
    return round(float(sigma), 5) if np.isfinite(sigma) else None


def _text(course: Course, minute: int) -> str:
    us = course.origin_us + int((course.minutes.first + minute) * MINUTE_S * 1e6)
    return utc_text(np.datetime64(us, "us").astype(object).replace(tzinfo=UTC))


def _surplus(course: Course, inputs: Inputs, m: int, i: int) -> float | None:
    """By how much longer than the maker tells news usually takes; None: it takes now this long and now that.

    News from before the fact needs no steadiness: then the clock is ahead.
    """
    mine, event = course.row_sensors() == m, course.row_events()
    mine &= np.diff(event, prepend=-1) != 0  # what one look showed came at once
    if mine.sum() < ENOUGH:
        return None
    d = inputs.detections
    lag = (d["result_time"] - d["phenomenon_time"])[course.order][mine] / 1e6
    low, middle, high = np.percentile(lag, [25, 50, 75])
    surplus = float(middle) - float(np.nan_to_num(inputs.sensors["latency_s"][i]))
    return surplus if high - low < STEADY_S or middle < 0 else None


def _denies(course: Course, m: int, surplus: float) -> bool:
    """Tell whether what tracks say of a clock, taken by itself, rules out that it is off by so much."""
    value, error = course.offsets.value[m, 2], course.offsets.error[m, 2]
    before = FREE[2] if course.offsets.clear[m, 1] else GOOD[2]
    weight = error**-2 - before**-2
    if weight <= 1 / UNTOLD_S**2:
        return False
    apart = abs(value / (weight * error**2) - surplus)
    return bool(apart > SURE / np.sqrt(weight) + abs(surplus) / 2)
