"""Cells of the plane, for finding what is near without asking everything."""

import math

from truceline.track.state.kernel import kernel
from truceline.track.state.types import Array

LEVELS = 12  # of width, each twice the one before
HALF = 1 << 25  # cells on either side of the origin, at most
DEGREE_M = 110_000.0  # less than a degree of latitude anywhere, or of longitude at the equator
LEFT, RIGHT, LOW, HIGH = range(4)  # of bounds


@kernel
def cell_of(x: float, y: float, radius: float, wide: float, geodetic: bool) -> int:
    """Tell in which cell a thing is that may be within a radius of a place, by one whole number."""
    level = 0
    while radius > wide and level < LEVELS:
        level += 1
        wide *= 2
    unit = wide / DEGREE_M if geodetic else wide
    i = min(max(math.floor(x / unit), -HALF), HALF - 1) + HALF
    j = min(max(math.floor(y / unit), -HALF), HALF - 1) + HALF
    return int((level * 2 * HALF + i) * 2 * HALF + j)


@kernel
def gap2(bounds: Array, x: float, y: float, geodetic: bool) -> float:
    """Square of how many metres a place lies outside of a rectangle at least."""
    dx, dy = max(bounds[LEFT] - x, x - bounds[RIGHT], 0.0), max(bounds[LOW] - y, y - bounds[HIGH], 0.0)
    if geodetic:
        middle, half = 0.5 * (bounds[LEFT] + bounds[RIGHT]), 0.5 * (bounds[RIGHT] - bounds[LEFT])
        dx = max(abs((x - middle + 540.0) % 360.0 - 180.0) - half, 0.0)
        farthest = max(abs(bounds[LOW]), abs(bounds[HIGH]))
        dx *= DEGREE_M * math.cos(math.radians(min(farthest, 90.0)))
        dy *= DEGREE_M
    return float(dx * dx + dy * dy)


@kernel
def ascend(values: Array, n: int) -> None:
    """Sort the first n numbers in place (Shell, CACM 2(7), 1959)."""
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            value, j = values[i], i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value
        gap //= 3
