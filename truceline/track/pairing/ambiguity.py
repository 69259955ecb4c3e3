"""What it costs a track's certainty that a detection might as well be of its neighbour.

Pairing is hard: one detection, one track. Where another pairing would have been nearly as good, the
place that a track is told is uncertain by how far the two detections lie apart, weighted by the
probability of the other (the spread term of probabilistic data association: Bar-Shalom and Tse,
Automatica 11(5), 1975), so that things that crowd together do not become surer than anybody can be.
"""

import math

import numpy as np

from truceline.track.state.kernel import kernel
from truceline.track.state.motion import difference
from truceline.track.state.near import Room
from truceline.track.state.types import Array

LEAST = -4.0  # log odds below which another pairing does not count


@kernel
def loosen(room: Room, found: int, n_tracks: int, z: Array, geodetic: bool) -> None:
    """Add to the covariances of a look's detections, in place, what their pairing leaves open.

    Parameters
    ----------
    room
        With the pairs and what was chosen of them, see associate.match.
    found, n_tracks
        How many pairs and tracks.
    z
        (n, 8) the look's detections, see types.Rows.
    geodetic
        Places are degrees.
    """
    begin, add = room.whole[0], room.course
    for c in range(n_tracks):
        begin[c] = found
    for k in range(found - 1, -1, -1):
        begin[room.track[k]] = k
    for r in range(len(z)):
        add[r, 0] = add[r, 1] = add[r, 2] = 0.0
        if room.chosen[r] >= 0:
            _open(room, found, begin, z, r, geodetic, add[r])
    for r in range(len(z)):
        for a in range(3):
            z[r, 2 + a] += add[r, a]


@kernel
def _open(room: Room, found: int, begin: Array, z: Array, r: int, geodetic: bool, add: Array) -> None:
    """Fill in sxx, syy, sxy of what a detection's pairing leaves open."""
    tracks, at_rows, scores, chosen = room.track, room.row, room.score, room.chosen
    k, total = chosen[r], 1.0
    j = begin[tracks[k]]
    while j < found and tracks[j] == tracks[k]:
        other = at_rows[j]
        odds = scores[j] - scores[k]
        if other != r and odds > LEAST:
            rival = chosen[other]
            if rival >= 0:  # the two change places, if the other track can take this detection
                back = -np.inf
                i = begin[tracks[rival]]
                while i < found and tracks[i] == tracks[rival]:
                    if at_rows[i] == r:
                        back = scores[i]
                    i += 1
                odds += max(back, 0.0) - scores[rival]
            if odds > LEAST:
                weight = math.exp(min(odds, 0.0))
                dx, dy = difference(z[other, 0], z[other, 1], z[r, 0], z[r, 1], geodetic)
                total += weight
                add[0] += weight * dx * dx
                add[1] += weight * dy * dy
                add[2] += weight * dx * dy
        j += 1
    for a in range(3):
        add[a] /= total
