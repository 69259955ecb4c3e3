"""Who is of a column: those that came up together, and who has kept it company for long.

Things that overtake one another drive side by side for minutes without being a column; were they
taken for one, the order of a column would be forced on them and their names changed.
"""

import numpy as np

from truceline.geo.loops import njit
from truceline.track.state.types import Array, State

FRESH_S = 150.0  # a track founded so lately beside a column is of it
LONG = 8  # output times that a stranger must be beside a column to be of it


@njit(cache=True, error_model="numpy")
def of_a_column(state: State, members: Array, time: float) -> Array:
    """Tell, per track of those that are near and drive alike, of which group it is; -1: of none.

    Parameters
    ----------
    state
        The tracks.
    members
        Slots of tracks that are linked to one another.
    time
        Moment, seconds.
    """
    n = len(members)
    group = np.full(n, -1)
    column = state.column[members]
    most, own = 0, 0
    for i in range(n):
        count = 0
        for j in range(n):
            count += column[i] != 0 and column[j] == column[i]
        if count > most or (count == most and column[i] < own):
            most, own = count, column[i]
    for i in range(n):
        s = members[i]
        state.company[s] += 1
        if time - state.founded[s] < FRESH_S or state.company[s] > LONG or (column[i] == own != 0):
            group[i] = 0
            continue
        if column[i] != 0:
            for j in range(n):
                if column[j] == column[i]:
                    group[i] = j + 1
                    break
    return group
