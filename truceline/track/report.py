"""What the run itself tells about the sensors, for a person to look at (contract fusion)."""

from typing import Any

import numpy as np

from truceline.track.fusing import Course
from truceline.track.inputs import Inputs
from truceline.track.types import ANNULUS, NO_SHAPE, RECT, Array

ENOUGH = 30  # fewer residuals than this say nothing about a sensor
CLEAR = 6.0  # standard errors: a bias below is no evidence


def sensor_report(course: Course, inputs: Inputs) -> dict[str, Any]:
    """Estimate each sensor's bias and clock, and say which one a person should look at.

    Bias: mean residual against tracks, each weighed by its variance, shrunk towards nothing by the
    bias that the maker admits. It is suspect when it stands out by six standard errors and is three
    times the admitted one (10 m at least).
    """
    sensors = inputs.sensors
    answers = [_one(course, inputs, i) for i in np.argsort(sensors["sensor_id"].astype(str))]
    return {"sensors": answers}


def _one(course: Course, inputs: Inputs, i: int) -> dict[str, Any]:
    name = inputs.sensors["sensor_id"][i]
    mine = (inputs.detections["sensor_id"] == name)[course.order]
    reasons: list[str] = []
    admitted = float(np.nan_to_num(inputs.sensors["bias_sigma_m"][i]))
    bias = []
    for axis in range(2):
        mean, error = _mean(course.residual[mine, axis], course.residual[mine, 2 + axis], max(admitted, 10.0))
        bias.append(round(mean, 3))
        if abs(mean) > CLEAR * error and abs(mean) > 3 * max(admitted, 10.0) and "bias" not in reasons:
            reasons.append("bias")
    offset = _clock(inputs, name, i)
    if offset != 0.0:
        reasons.append("clock")
    if _floods(course, i, mine, inputs):
        reasons.append("flood")
    return {
        "sensor_id": str(name), "trust": 0.5 if reasons else 1.0, "bias_x_m": bias[0], "bias_y_m": bias[1],
        "clock_offset_s": offset, "suspect": bool(reasons), "reasons": reasons, "from": None, "to": None,
    }  # fmt: skip


def _mean(residual: Array, variance: Array, prior_m: float) -> tuple[float, float]:
    """Weighted mean of residuals, and its standard error (infinite when there are too few)."""
    known = np.isfinite(residual) & (variance > 0)
    if known.sum() < ENOUGH:
        return 0.0, np.inf
    # residuals of one track are akin: count each tenth of them as one
    weight = 0.1 / variance[known]
    precision = weight.sum() + 1 / prior_m**2
    return float((weight * residual[known]).sum() / precision), float(precision**-0.5)


def _clock(inputs: Inputs, name: str, i: int) -> float:
    """How much to add to the phenomenon times: only when most arrive before they happened."""
    mine = inputs.detections["sensor_id"] == name
    lag = (inputs.detections["result_time"][mine] - inputs.detections["phenomenon_time"][mine]) / 1e6
    if len(lag) < ENOUGH or float(np.median(lag)) >= 0:
        return 0.0
    return round(float(np.median(lag)) - float(np.nan_to_num(inputs.sensors["latency_s"][i])), 3)


def _floods(course: Course, i: int, mine: Array, inputs: Inputs) -> bool:
    """Whether rows that nothing confirms are ten times as many as the maker's clutter would be."""
    if inputs.looks is None:
        return False
    events, area = course.events, 0.0
    sensor = sorted(inputs.sensors["sensor_id"].tolist()).index(inputs.sensors["sensor_id"][i])
    of = (events.sensor == sensor) & (events.shape != NO_SHAPE)
    a, b = events.field[of, 2], events.field[of, 3]
    area += float((np.where(events.shape[of] == RECT, 4 * a * b, 0)).sum())
    area += float((np.where(events.shape[of] == ANNULUS, np.pi * (b**2 - a**2), 0)).sum())
    expected = area / 1e6 * float(np.nan_to_num(inputs.sensors["clutter_per_km2"][i]))
    alone = int(np.isnan(course.residual[mine, 0]).sum())
    return alone > 10 * max(expected, ENOUGH)
