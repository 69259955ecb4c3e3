"""Whether a sensor's tracks go as things go, or leap from one detection to the next.

Where many things are near one another, a sensor that scatters what it shows by some hundred metres finds some
track for each detection: they hold together, but not smoothly. Of three detections in a row the middle one is
held against the line between the others, in standard deviations of all three (normalised innovation squared:
Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking and Navigation, 2001, section 5.4).
"""

import numpy as np

from truceline.track.state.types import Array

APART_S = 35.0  # detections that follow one another: radars look every ten seconds
SAME_S = 0.5
TURN_MPS2 = 0.3  # what things that drive do between them
FAR2 = 25.0  # squared standard deviations off the line: a leap
LEAST, TORN = 20, 0.07  # threes in a row, and the share that leaps: of an honest sensor hardly ever .05
TRACKS = 2  # that leap, at least: one aircraft in tight circles does so too


def torn(owner: Array, sensor: Array, time: Array, z: Array, sensors: int) -> Array:
    """Tell, per sensor, whether its tracks leap.

    Parameters
    ----------
    owner, sensor, time
        (n,): track, 0 for none; sensor; seconds.
    z
        (n, 5): x, y and their covariance sxx, syy, sxy, metres.
    sensors
        How many there are.
    """
    order = np.lexsort((time, owner, sensor))
    owner, of, time, z = owner[order], sensor[order], time[order], z[order]
    since, until = time[1:-1] - time[:-2], time[2:] - time[1:-1]
    in_a_row = (owner[:-2] > 0) & (owner[:-2] == owner[2:]) & (of[:-2] == of[2:])
    for gap in (since, until):
        in_a_row &= (gap > SAME_S) & (gap < APART_S)
    mid = np.flatnonzero(in_a_row) + 1
    since, until = since[mid - 1], until[mid - 1]
    before = (until / (since + until))[:, None]
    dx, dy = (z[mid, :2] - before * z[mid - 1, :2] - (1 - before) * z[mid + 1, :2]).T
    sxx, syy, sxy = (z[mid, 2:] + before**2 * z[mid - 1, 2:] + (1 - before) ** 2 * z[mid + 1, 2:]).T
    turn2 = (0.5 * TURN_MPS2 * since * until) ** 2
    sxx, syy = sxx + turn2, syy + turn2
    leaps = dx * dx * syy - 2 * dx * dy * sxy + dy * dy * sxx > FAR2 * (sxx * syy - sxy * sxy)
    threes, leapt = np.bincount(of[mid], minlength=sensors), np.bincount(of[mid], leaps, sensors)
    tracks = np.unique(np.stack([of[mid][leaps], owner[mid][leaps]]), axis=1)[0]
    many = np.bincount(tracks, minlength=sensors) >= TRACKS
    return np.asarray((threes >= LEAST) & (leapt > TORN * threes) & many)
