"""What a flight's own course and clock say about its sensors: frozen or jumping GNSS, clocks, gaps, yaw.

Nothing here needs a stated frame centre. Thresholds are far above what clean recordings show: a false
alarm costs more trust than a small fault that another check finds.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from truceline.geo.azimuth import Finding
from truceline.geo.crs import GEOD

Array = npt.NDArray[np.float64]

MOVES_MPS = 10.0  # slower aircraft may hover, or fly sideways and backwards
FROZEN_S = 2.0  # longer than any receiver's update takes
JUMP_M = 100.0  # beyond what the speed allows: far above GNSS noise, below what a spoofer needs
JUMP_OVER_SPEED = 3.0
CLOCK_STEP_S = 0.5
RATE_DROP = 0.5
RATE_WINDOW_S = 5.0
REVERSED_DEG = 150.0  # no wind makes an aircraft crab that far
REVERSED_SHARE = 0.8
COURSE_S = 1.0


class Faults(NamedTuple):
    """Findings, and metres by which each packet's position may be wrong because of them."""

    findings: list[Finding]
    extra_m: Array
    reversed: npt.NDArray[np.bool_]


def flight_faults(
    lat_deg: Array, lon_deg: Array, times_s: Array, pts_s: Array, heading_deg: Array, speed_mps: Array
) -> Faults:
    """Look for faults of position, clock and yaw.

    Parameters
    ----------
    lat_deg, lon_deg, times_s, heading_deg
        Of the platform, one per packet, NaN unknown.
    pts_s
        Presentation times, NaN unknown.
    speed_mps
        Ground speed as stated, NaN unknown.
    """
    findings: list[Finding] = []
    extra_m = np.zeros(len(times_s))
    is_reversed = np.zeros(len(times_s), bool)
    clock_s = np.where(np.isfinite(times_s), times_s, pts_s)
    known = np.flatnonzero(np.isfinite(lat_deg + lon_deg + clock_s))
    if len(known) > 3:
        lat, lon, at_s = lat_deg[known], lon_deg[known], clock_s[known]
        step_m = np.asarray(GEOD.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])[2])
        step_s = np.diff(at_s)
        usual_mps = _usual_speed(lat, lon, at_s, speed_mps[known])
        findings += _frozen(known, step_m, at_s, usual_mps, extra_m)
        findings += _jumps(known, step_m, step_s, usual_mps, extra_m)
        if heading_deg is not None and usual_mps > MOVES_MPS:
            findings += _reversed(known, lat, lon, at_s, heading_deg[known], is_reversed)
    findings += _clock(times_s, pts_s)
    findings += _rate(clock_s)
    return Faults(findings, extra_m, is_reversed)


def _usual_speed(lat: Array, lon: Array, at_s: Array, speed_mps: Array) -> float:
    """Typical speed over ground: as flown over a second, else as stated."""
    ahead = np.searchsorted(at_s, at_s + COURSE_S)
    good = np.flatnonzero((ahead < len(at_s)) & (ahead > 0))
    if len(good):
        to = ahead[good]
        far_m = np.asarray(GEOD.inv(lon[good], lat[good], lon[to], lat[to])[2])
        span_s = at_s[to] - at_s[good]
        flown = far_m[span_s > 0] / span_s[span_s > 0]
        if len(flown):
            stated = float(np.nanmedian(speed_mps)) if np.isfinite(speed_mps).any() else 0.0
            return max(float(np.median(flown)), stated)
    return float(np.nanmedian(speed_mps)) if np.isfinite(speed_mps).any() else 0.0


def _runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _frozen(
    known: npt.NDArray[np.intp], step_m: Array, at_s: Array, usual_mps: float, extra_m: Array
) -> list[Finding]:
    found = []
    for begin, end in _runs(step_m == 0):
        lasts_s = at_s[end] - at_s[begin]
        if lasts_s < FROZEN_S or usual_mps < MOVES_MPS:
            continue
        extra_m[known[begin : end + 1]] += usual_mps * np.maximum(at_s[begin : end + 1] - at_s[begin], 0)
        first, last = int(known[begin]), int(known[end])
        text = f"packets {first} to {last}: the position stands still, {usual_mps:.0f} m/s are usual"
        found.append(Finding("gnss_frozen", first, last, None, None, text))
    return found


def _jumps(
    known: npt.NDArray[np.intp], step_m: Array, step_s: Array, usual_mps: float, extra_m: Array
) -> list[Finding]:
    allowed_m = JUMP_M + JUMP_OVER_SPEED * usual_mps * np.abs(step_s)
    places = np.flatnonzero(step_m > allowed_m)
    found = []
    for k, place in enumerate(places):
        first = int(known[place + 1])
        # Until the next jump nobody can say which side is the true one.
        until = int(known[places[k + 1]]) if k + 1 < len(places) else int(known[-1])
        extra_m[first : until + 1] += step_m[place]
        limit_m = allowed_m[place]
        text = f"packet {first}: the position jumps by {step_m[place]:.0f} m, {limit_m:.0f} m are possible"
        found.append(Finding("gnss_jump", first, until, None, None, text))
    return found


def _reversed(
    known: npt.NDArray[np.intp],
    lat: Array,
    lon: Array,
    at_s: Array,
    heading_deg: Array,
    is_reversed: npt.NDArray[np.bool_],
) -> list[Finding]:
    """Compare the heading with the course flown: nobody flies backwards for minutes at speed."""
    ahead = np.minimum(np.searchsorted(at_s, at_s + COURSE_S), len(at_s) - 1)
    course, _, far_m = GEOD.inv(lon, lat, lon[ahead], lat[ahead])
    span_s = at_s[ahead] - at_s
    with np.errstate(divide="ignore", invalid="ignore"):
        fast = (span_s > COURSE_S / 2) & (np.asarray(far_m) / span_s > MOVES_MPS) & np.isfinite(heading_deg)
    if np.count_nonzero(fast) < max(10, 0.5 * len(known)):
        return []
    off = np.abs((heading_deg - np.asarray(course) + 180) % 360 - 180)
    if np.mean(off[fast] > REVERSED_DEG) < REVERSED_SHARE:
        return []
    is_reversed[known] = True
    first, last = int(known[0]), int(known[-1])
    text = f"packets {first} to {last}: the heading points against the course flown"
    return [Finding("yaw_180", first, last, 180.0, 15.0, text)]


def _clock(times_s: Array, pts_s: Array) -> list[Finding]:
    """Tell where the packets' clock steps against the video's."""
    known = np.flatnonzero(np.isfinite(times_s + pts_s))
    if len(known) < 3:
        return []
    steps = np.diff(times_s[known]) - np.diff(pts_s[known])
    found = []
    for place in np.flatnonzero(np.abs(steps) > CLOCK_STEP_S):
        first = int(known[place + 1])
        text = f"packet {first}: the clock steps by {steps[place]:+.2f} s against the video"
        found.append(Finding("clock_step", first, first, None, None, text))
    return found if len(found) <= 20 else []  # clocks that never agree were never set side by side


def _rate(clock_s: Array) -> list[Finding]:
    """Tell where packets come much more rarely than in the rest of the flight."""
    at_s = clock_s[np.isfinite(clock_s)]
    if len(at_s) < 50 or not (np.diff(at_s) >= 0).all() or at_s[-1] - at_s[0] < 4 * RATE_WINDOW_S:
        return []
    edges = np.arange(at_s[0], at_s[-1], RATE_WINDOW_S)
    counts = np.histogram(at_s, np.append(edges, edges[-1] + RATE_WINDOW_S))[0][:-1]
    slow = counts < RATE_DROP * np.median(counts)
    index = np.flatnonzero(np.isfinite(clock_s))
    found = []
    for begin, end in _runs(slow):
        first = int(index[np.searchsorted(at_s, edges[begin])])
        last = int(index[max(0, np.searchsorted(at_s, edges[end - 1] + RATE_WINDOW_S) - 1)])
        per_s, usual_per_s = counts[begin:end].mean() / RATE_WINDOW_S, np.median(counts) / RATE_WINDOW_S
        text = f"packets {first} to {last}: {per_s:.1f} packets a second, {usual_per_s:.1f} are usual"
        found.append(Finding("packet_rate", min(first, last), max(first, last), None, None, text))
    return found
