"""How far a strong stretch extends: a place that changed is wider than a chance peak.

Strengths over a height are joined to stretches, and a wide stretch counts more than a narrow one (extent and
height together: Smith and Nichols, Threshold-free cluster enhancement, NeuroImage 44, 2009). Runs along the
rows are numbered, not pixels.
"""

import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.scoring import SCORE_STEPS, UNTESTED
from truceline.geo.loops import njit

HEIGHT = 2.25  # widths of the unchanged scene from which on a strength belongs to a stretch
LEAST_PX, USUAL_PX, MOST_PX = 8, 20, 60  # what is smaller or larger counts as these; a usual one as it is
POWER = 0.2  # of the size
FACTORS = (np.clip(np.arange(MOST_PX + 1), LEAST_PX, MOST_PX) / USUAL_PX).astype(np.float32) ** POWER
FIRM, ROOM = 0.8, 0.19  # a score beyond the first comes closer and closer to their sum, but does not exceed
MOST = np.float32(32_000)  # of what a code holds
_FIRST_ROOM = 4096  # runs
_WORD = 8  # marks that are looked at in one

Runs = NDArray[np.int32]


def least_code(reach: float) -> int:
    """Give the code of the height, where ``reach`` is the strength that a score of 1 stands for."""
    return round(HEIGHT / reach * SCORE_STEPS)


@njit(cache=True, nogil=True)
def runs_of(score: NDArray[np.int16], least: int, rows: tuple[int, int]) -> Runs:
    """List the runs along some rows in which codes of one sign reach ``least``.

    Parameters
    ----------
    score
        Codes of the scores, (height, width).
    least
        Code of the height.
    rows
        First row to take, last row + 1.

    Returns
    -------
    numpy.ndarray
        Row, first column, last column + 1, sign of each run, in reading order, (runs, 4).
    """
    runs = np.empty((_FIRST_ROOM, 4), np.int32)
    count, width = 0, score.shape[1]
    marks = np.zeros(_WORD * (width // _WORD + 1), np.int8)
    words = marks.view(np.uint64)
    for row in range(rows[0], rows[1]):
        _mark(score[row], np.int16(least), marks)
        column = 0
        while column < width:
            if marks[column] == 0:
                # Most of a row is quiet: it is passed over by words, not by pixels.
                column += _WORD if column % _WORD == 0 and words[column // _WORD] == 0 else 1
                continue
            sign, first = marks[column], column
            while marks[column] == sign:  # the mark after the last pixel stays 0
                column += 1
            if count == len(runs):
                runs = _doubled(runs)
            runs[count, 0], runs[count, 1], runs[count, 2], runs[count, 3] = row, first, column, sign
            count += 1
    return runs[:count].copy()


@njit(cache=True, nogil=True)
def _doubled(runs: Runs) -> Runs:
    more = np.empty((2 * len(runs), 4), np.int32)
    for run in range(len(runs)):  # copying whole arrays takes long to compile
        for field in range(4):
            more[run, field] = runs[run, field]
    return more


@njit(cache=True, nogil=True)
def _mark(score: NDArray[np.int16], least: np.int16, marks: NDArray[np.int8]) -> None:
    """Set the sign of each pixel that reaches the height, 0 elsewhere."""
    for column in range(score.shape[0]):
        code = score[column]
        low = (code <= -least) & (code != np.int16(UNTESTED))
        marks[column] = np.int8(code >= least) - np.int8(low)


def pixels_of(runs: Runs, width: int) -> NDArray[np.int64]:
    """Give the pixels of runs, row times width plus column, ordered; ``width`` are the scene's columns."""
    lengths = runs[:, 2] - runs[:, 1]
    starts = runs[:, 0].astype(np.int64) * width + runs[:, 1]
    return np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())


def factors_of(runs: Runs) -> NDArray[np.float32]:
    """Tell how much the stretch that each run belongs to counts, (runs,).

    Parameters
    ----------
    runs
        Of the whole scene, see :func:`runs_of`.
    """
    owners = stretches_of(runs)
    sizes = np.bincount(owners, runs[:, 2] - runs[:, 1]).astype(np.int64)
    return FACTORS[np.minimum(sizes, MOST_PX)][owners]


@njit(cache=True, nogil=True)
def stretches_of(runs: Runs) -> NDArray[np.int32]:
    """Number the stretches, 8-connected groups of runs of one sign (union-find, Tarjan 1975).

    Parameters
    ----------
    runs
        Of the whole scene, see :func:`runs_of`.

    Returns
    -------
    numpy.ndarray
        For each run the number of its stretch, from 0 in reading order, (runs,).
    """
    count = len(runs)
    roots = np.empty(count, np.int32)
    above, start = 0, 0  # first run of the row above that may touch; first run of the row
    for run in range(count):
        roots[run] = run
        if run > 0 and runs[run, 0] != runs[run - 1, 0]:
            above, start = start, run
        while above < start and (runs[above, 0] < runs[run, 0] - 1 or runs[above, 2] < runs[run, 1]):
            above += 1
        other = above
        while other < start and runs[other, 1] <= runs[run, 2]:
            if runs[other, 3] == runs[run, 3]:
                one, two = _root(roots, run), _root(roots, other)
                roots[max(one, two)] = min(one, two)
            other += 1
    number = 0
    owners = np.empty(count, np.int32)
    for run in range(count):
        root = _root(roots, run)  # the first run of its stretch
        if root == run:
            owners[run] = number
            number += 1
        else:
            owners[run] = owners[root]
    return owners


@njit(cache=True, nogil=True)
def _root(roots: NDArray[np.int32], at: int) -> int:
    while roots[at] != at:
        roots[at] = roots[roots[at]]
        at = roots[at]
    return at


@njit(cache=True, nogil=True)
def stretch(score: NDArray[np.int16], runs: Runs, told: NDArray[np.float32]) -> None:
    """Let the scores of runs count as much as their stretches do.

    Parameters
    ----------
    score
        Codes, changed in place.
    runs, told
        See :func:`runs_of` and :func:`factors_of`.
    """
    one, from_, room = np.float32(SCORE_STEPS), np.float32(FIRM * SCORE_STEPS), np.float32(ROOM * SCORE_STEPS)
    for run in range(len(runs)):
        row, sign = score[runs[run, 0]], np.float32(runs[run, 3])
        for column in range(runs[run, 1], runs[run, 2]):
            own = sign * np.float32(row[column])
            size, beyond = own * told[run], max(own * told[run] - from_, np.float32(0))
            below = min(size, from_ + beyond / (np.float32(1) + beyond / room))
            size = max(min(size, MOST), one) if own >= one else below
            row[column] = np.int16(np.rint(sign * size))
