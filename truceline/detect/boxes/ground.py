"""Ways on the ground: places of one thing in a video, smoothed, with velocity and how sure that is.

Constant velocity with a little white acceleration, forth and back over the track (Kalman 1960; Rauch, Tung
and Striebel 1965). What frames have in common, the pose, is no noise: it stays in ``ce90_m``, which is not
made smaller here, and enters the velocity by the share that it changes in a second.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from truceline.geo.crs import from_local, to_local
from truceline.geo.loops import njit

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PUSH_M2_S3 = 1.0  # of the acceleration: what a driver does in a second without braking hard
DRIFT_PER_S = 0.1  # of the pose's error, at most, on the real flights at hand; 0.01 to 0.04 on two of three
LEAST_NOISE_M = 0.05
LEAST_S = 0.8  # a shorter way tells no velocity
START_MPS = 30.0  # nothing is known of a velocity before the first look
CE90_PER_SIGMA = 2.1460


class Way(NamedTuple):
    """Rows of tracks, as they came: place, speed, course, and the standard deviation of the speed.

    Speed and course are NaN where a track is too short to tell them; ``speed_sigma_mps`` holds for each
    axis of the velocity.
    """

    lat_deg: Array
    lon_deg: Array
    speed_mps: Array
    course_deg: Array
    speed_sigma_mps: Array


def smooth(
    track: Ints, time_s: Array, lat_deg: Array, lon_deg: Array, ce90_m: Array, slide_m: Array | None = None
) -> Way:
    """Smooth the ways of all tracks of a video.

    Parameters
    ----------
    track
        Number of the thing, per row.
    time_s
        Seconds; rows without time or place stay as they are.
    lat_deg, lon_deg, ce90_m
        Places of single frames.
    slide_m
        How far the pose has slid over the ground until then, east and north, shape (n, 2): no motion of
        the things. It stays in the places.
    """
    unknown = np.full(len(track), np.nan)
    way = Way(lat_deg.copy(), lon_deg.copy(), unknown.copy(), unknown.copy(), unknown.copy())
    known = np.flatnonzero(np.isfinite(time_s + lat_deg + lon_deg + ce90_m))
    if not len(known):
        return way
    rows = known[np.lexsort((time_s[known], track[known]))]
    origin = float(lat_deg[rows[0]]), float(lon_deg[rows[0]])
    slid = np.zeros((len(rows), 2)) if slide_m is None else slide_m[rows]
    place = np.stack(to_local(lat_deg[rows], lon_deg[rows], *origin), 1) - slid
    starts = np.flatnonzero(np.diff(track[rows], prepend=track[rows[0]] - 1))
    noise_m = _noise_m(place, time_s[rows], track[rows], ce90_m[rows])
    smoothed, velocity, spread = _forth_and_back(place, time_s[rows], starts, noise_m**2)
    east, north = (smoothed + slid).T
    lat, lon = from_local(east, north, *origin)
    way.lat_deg[rows], way.lon_deg[rows] = lat, lon
    ends = np.append(starts[1:], len(rows))
    long = np.repeat(time_s[rows][ends - 1] - time_s[rows][starts] >= LEAST_S, ends - starts)
    told = rows[long]
    way.speed_mps[told] = np.hypot(velocity[:, 0], velocity[:, 1])[long]
    way.course_deg[told] = (np.degrees(np.arctan2(velocity[:, 0], velocity[:, 1])) % 360)[long]
    drift_mps = DRIFT_PER_S * ce90_m[rows] / CE90_PER_SIGMA
    way.speed_sigma_mps[told] = np.sqrt(spread + drift_mps**2)[long]
    return way


def _noise_m(place: Array, time_s: Array, track: Ints, ce90_m: Array) -> float:
    """Tell how far single places scatter around the line between their neighbours, over all tracks."""
    later = np.diff(time_s) > 0
    inside = np.flatnonzero((track[2:] == track[:-2]) & later[:-1] & later[1:])
    if len(inside) < 3:
        return max(LEAST_NOISE_M, 0.1 * float(np.median(ce90_m)))
    share = ((time_s[1:-1] - time_s[:-2])[inside] / (time_s[2:] - time_s[:-2])[inside])[:, None]
    off = place[inside + 1] - place[inside] * (1 - share) - place[inside + 2] * share
    off = off / np.sqrt(1 + share**2 + (1 - share) ** 2)
    return max(LEAST_NOISE_M, 1.4826 * float(np.median(np.abs(off))))


@njit(cache=True)
def _forth_and_back(
    place: Array, time_s: Array, starts: Ints, noise_m2: float
) -> tuple[Array, Array, Array]:  # pragma: no cover - compiled
    """Filter and smooth both axes of each track; the variances of both axes are the same."""
    count = len(place)
    x = np.zeros((count, 2, 2))  # place and velocity per axis, filtered
    p = np.zeros((count, 3))  # variance of the place, covariance, variance of the velocity
    ahead_x = np.zeros((count, 2, 2))
    ahead_p = np.zeros((count, 3))
    first = np.zeros(count, np.bool_)
    first[starts] = True
    for k in range(count):
        if first[k]:
            ahead_x[k, 0] = place[k]
            ahead_p[k] = (noise_m2 * 1e4, 0.0, START_MPS**2)
        else:
            dt = time_s[k] - time_s[k - 1]
            ahead_x[k, 0] = x[k - 1, 0] + dt * x[k - 1, 1]
            ahead_x[k, 1] = x[k - 1, 1]
            a, b, c = p[k - 1]
            ahead_p[k, 0] = a + 2 * dt * b + dt * dt * c + PUSH_M2_S3 * dt**3 / 3
            ahead_p[k, 1] = b + dt * c + PUSH_M2_S3 * dt**2 / 2
            ahead_p[k, 2] = c + PUSH_M2_S3 * dt
        a, b, c = ahead_p[k]
        gain, lean = a / (a + noise_m2), b / (a + noise_m2)
        off = place[k] - ahead_x[k, 0]
        x[k, 0] = ahead_x[k, 0] + gain * off
        x[k, 1] = ahead_x[k, 1] + lean * off
        p[k] = ((1 - gain) * a, (1 - gain) * b, c - lean * b)
    for k in range(count - 2, -1, -1):
        if first[k + 1]:
            continue
        dt = time_s[k + 1] - time_s[k]
        a, b, c = p[k]
        d, e, f = ahead_p[k + 1]
        det = max(d * f - e * e, 1e-12)
        # The gain of the smoother: P F' times the inverse of the predicted covariance.
        g0, g1, g2, g3 = a + dt * b, b, b + dt * c, c
        k00, k01 = (g0 * f - g1 * e) / det, (g1 * d - g0 * e) / det
        k10, k11 = (g2 * f - g3 * e) / det, (g3 * d - g2 * e) / det
        off0, off1 = x[k + 1, 0] - ahead_x[k + 1, 0], x[k + 1, 1] - ahead_x[k + 1, 1]
        x[k, 0] += k00 * off0 + k01 * off1
        x[k, 1] += k10 * off0 + k11 * off1
        u, v, w = p[k + 1, 0] - d, p[k + 1, 1] - e, p[k + 1, 2] - f
        p[k, 0] = a + k00 * (k00 * u + k01 * v) + k01 * (k00 * v + k01 * w)
        p[k, 2] = c + k10 * (k10 * u + k11 * v) + k11 * (k10 * v + k11 * w)
    return x[:, 0], x[:, 1], p[:, 2]
