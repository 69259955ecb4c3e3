"""What the run itself tells about the sensors, for a person to look at (contract fusion).

Bias and clock are solved for all sensors at once: when two sensors see the same track one after the
other, the second should see it where the first did, moved on by its velocity; what is missing is the
difference of their biases, and of their clocks times the velocity.
"""

from datetime import UTC
from typing import Any

import numpy as np

from truceline.model.place import utc_text
from truceline.track.fusing import Course
from truceline.track.inputs import Inputs
from truceline.track.types import ANNULUS, NO_SHAPE, RECT, Array

ENOUGH = 30  # fewer pairs than this say nothing about a sensor
CLEAR = 5.0  # standard errors: an offset below is no evidence
APART_S = 15.0  # two sightings further apart in time are no pair
AKIN = 0.2  # pairs of one track are akin: count five as one
LEAST_BIAS_M, LEAST_CLOCK_S = 5.0, 0.8  # below, nobody need look
CLOCK_SIGMA_S = 3.0
JAMMED_SHOULD, JAMMED_S, JAMMED_SHARE = 12.0, 60.0, 0.25
SILENT_SHARE = 0.25  # of the detections per look that a sensor usually gives, true and false
FLOOD_S, FLOOD_TIMES, FLOOD_LEAST = 60.0, 8.0, 20.0
REFUTED, REFUTED_LEAST = 0.35, 20.0


def sensor_report(course: Course, inputs: Inputs) -> dict[str, Any]:
    """Estimate each sensor's bias and clock, and say which one a person should look at.

    A bias or clock offset is suspect when it stands out by five standard errors and goes beyond what
    the maker admits; a sensor is jammed while it shows hardly any of the tracks that it should, floods
    while it shows many times the false detections that the maker tells, and is untruthful when others
    that look after it do not see what it saw.
    """
    names = sorted(inputs.sensors["sensor_id"].astype(str).tolist())
    row = {str(name): i for i, name in enumerate(inputs.sensors["sensor_id"].tolist())}
    offsets, errors = _offsets(course, inputs, names, row)
    answers = [_one(course, inputs, m, row[name], offsets[m], errors[m]) for m, name in enumerate(names)]
    return {"sensors": answers}


def _one(course: Course, inputs: Inputs, m: int, i: int, offset: Array, error: Array) -> dict[str, Any]:
    """Put one sensor's entry together; ``m`` is its number in the run, ``i`` its row of SENSORS."""
    reasons: list[str] = []
    spans: list[tuple[float, float]] = []
    admitted = float(np.nan_to_num(inputs.sensors["bias_sigma_m"][i]))
    stands_out = np.abs(offset) > CLEAR * error
    least = max(LEAST_BIAS_M, 3 * admitted)
    if (stands_out[:2] & (np.abs(offset[:2]) > least)).any():
        reasons.append("bias")
    clock = float(offset[2])
    if stands_out[2] and abs(clock) > LEAST_CLOCK_S:
        reasons.append("clock")
    lag = _lag(course, inputs, m)
    if lag < 0:
        clock = clock if "clock" in reasons else lag - float(np.nan_to_num(inputs.sensors["latency_s"][i]))
        reasons = [*reasons, *(["clock"] if "clock" not in reasons else [])]
    for word, span in (("jammed", _jammed(course, m)), ("flood", _flood(course, m))):
        if span is not None:
            reasons.append(word)
            spans.append(span)
    confirmed, refuted = course.told[m]
    share = (refuted + 1) / (confirmed + refuted + 20)
    if refuted > REFUTED_LEAST and share > REFUTED:
        reasons.append("untruthful")
    return {
        "sensor_id": str(inputs.sensors["sensor_id"][i]),
        "trust": round(max(1 - share, 0.0) * (0.5 if reasons else 1.0), 3),
        "bias_x_m": round(float(offset[0]), 3), "bias_y_m": round(float(offset[1]), 3),
        "clock_offset_s": round(clock, 3), "suspect": bool(reasons), "reasons": reasons,
        "from": _text(course, min(s[0] for s in spans)) if spans else None,
        "to": _text(course, max(s[1] for s in spans)) if spans else None,
    }  # fmt: skip


def _text(course: Course, time_s: float) -> str:
    return utc_text(
        np.datetime64(int(course.origin_us + time_s * 1e6), "us").astype(object).replace(tzinfo=UTC)
    )


def _pairs(course: Course) -> tuple[Array, Array]:
    """Rows of detections that follow one another on a track, seen by two sensors within seconds."""
    time, sensor = course.row_times(), course.row_sensors()
    known = np.flatnonzero(np.isfinite(course.residual[:, 4]))
    order = known[np.lexsort((known, time[known], course.owner[known]))]
    a, b = order[:-1], order[1:]
    keep = (course.owner[a] == course.owner[b]) & (time[b] - time[a] < APART_S) & (sensor[a] != sensor[b])
    return a[keep], b[keep]


def _offsets(course: Course, inputs: Inputs, names: list[str], row: dict[str, int]) -> tuple[Array, Array]:
    """Solve for bias x, bias y and clock of each sensor; answer (M, 3) values and standard errors."""
    m = len(names)
    admitted = np.array([float(np.nan_to_num(inputs.sensors["bias_sigma_m"][row[n]])) for n in names])
    prior = np.stack([np.maximum(admitted, 10.0)] * 2 + [np.full(m, CLOCK_SIGMA_S)], 1)
    value, error = np.zeros((m, 3)), np.full((m, 3), np.inf)
    a, b = _pairs(course)
    if not len(a):
        return value, error
    time, sensor, z = course.row_times(), course.row_sensors(), course.detections.z
    v = 0.5 * (course.residual[a, 4:6] + course.residual[b, 4:6])
    dt = time[b] - time[a]
    gap = z[b, :2] - z[a, :2] - v * dt[:, None]
    speed2 = (v**2).sum(1)
    variance = z[a, 2:4] + z[b, 2:4] + (0.5 + 0.01 * speed2)[:, None] * dt[:, None] ** 2
    weight = AKIN / variance
    weight[(gap**2 / variance).sum(1) > 16] = 0.0
    for _ in range(5):
        normal, right = np.diag(1 / prior.ravel() ** 2), np.zeros(3 * m)
        for axis in range(2):
            columns = np.stack(
                [3 * sensor[b] + axis, 3 * sensor[a] + axis, 3 * sensor[b] + 2, 3 * sensor[a] + 2], 1
            )
            design = np.stack([np.ones(len(a)), -np.ones(len(a)), v[:, axis], -v[:, axis]], 1)
            for p in range(4):
                np.add.at(right, columns[:, p], weight[:, axis] * design[:, p] * gap[:, axis])
                for q in range(4):
                    np.add.at(
                        normal, (columns[:, p], columns[:, q]), weight[:, axis] * design[:, p] * design[:, q]
                    )
        covariance = np.linalg.inv(normal)
        value = (covariance @ right).reshape(m, 3)
        model = (
            value[sensor[b], :2]
            - value[sensor[a], :2]
            + v * (value[sensor[b], 2] - value[sensor[a], 2])[:, None]
        )
        weight = AKIN / variance / np.maximum(np.abs(gap - model) / np.sqrt(variance), 1.5) * 1.5
        weight[((gap - model) ** 2 / variance).sum(1) > 25] = 0.0
    pairs = np.bincount(sensor[a], minlength=m) + np.bincount(sensor[b], minlength=m)
    value, error = _against_the_rest(value, covariance, pairs >= ENOUGH)
    error[pairs < ENOUGH] = np.inf
    value[pairs < ENOUGH] = 0.0
    return value, error


def _against_the_rest(value: Array, covariance: Array, firm: Array) -> tuple[Array, Array]:
    """Take off what all sensors share, which pairs cannot tell: offsets against the middle of all."""
    m = len(value)
    apart = np.kron(np.eye(m) - np.where(firm, 1.0, 0.0) / max(firm.sum(), 1), np.eye(3))
    error = np.sqrt(np.maximum(np.diag(apart @ covariance @ apart.T), 0.0)).reshape(m, 3)
    return value - (np.median(value[firm], axis=0) if firm.any() else 0.0), error


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
    """First and last minute with many times the false detections that the maker tells."""
    events = course.events
    of = (events.sensor == m) & (events.shape != NO_SHAPE)
    if not of.any():
        return None
    a, b = events.field[:, 2], events.field[:, 3]
    area = np.where(
        events.shape == RECT, 4 * a * b, np.where(events.shape == ANNULUS, np.pi * (b**2 - a**2), 0)
    )
    minute = np.floor(events.time / FLOOD_S).astype(int)
    low = int(minute[of].min())
    expected = np.bincount(minute[of] - low, weights=(area * events.clutter)[of] / 1e6)
    loose = ~np.isin(course.owner, course.number) & (course.row_sensors() == m)
    at = np.floor(course.row_times()[loose] / FLOOD_S).astype(int) - low
    counted = np.bincount(at[(at >= 0) & (at < len(expected))], minlength=len(expected))
    floods = np.flatnonzero(counted > FLOOD_TIMES * expected + FLOOD_LEAST)
    return (
        None
        if not len(floods)
        else (float((floods[0] + low) * FLOOD_S), float((floods[-1] + low + 1) * FLOOD_S))
    )
