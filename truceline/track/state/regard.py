"""Where a sensor has looked, what it would have shown there, and what nobody has seen yet.

Things that nobody has seen are kept as a density per cell (the Poisson part of a Poisson
multi-Bernoulli filter, Williams, IEEE TAES 51(3), 2015): a look that shows nothing thins it out, so
that a first detection in a cell that is well watched is most likely false, and in one that nobody
has looked at most likely a thing.
"""

import math

import numpy as np

from truceline.track.state.kernel import folded, inlined, kernel
from truceline.track.state.motion import difference
from truceline.track.state.types import ANNULUS, CELL_M, NO_SHAPE, Array, Events, Ground, Rows

REFILL_S = 3600.0  # how fast unseen things come back into a cell: births, and strangers passing through
CHANGE_PER_S = 1 / 900 + 1 / 1000  # see motion: stops and starts
STANDING = 0.5  # share of things that stand
UNKNOWN_PD = 0.3
LATE_S = 10.0  # a look so much older than the newest of a place is late
REFUTED = 0.35  # a sensor of whose tracks others fail to see a larger share is trusted less
DISTRUSTED_PER_KM2 = 1.0
OUTSIDE_SIGMAS = 4.0  # a detection so far outside of its own look is no thing that nobody has seen
UNKNOWN_CLUTTER_PER_KM2 = 2e-3  # reports have no looks: "false" is a thing told where there is none


@kernel
def inside(dx: float, dy: float, shape: int, field: Array) -> bool:
    """Tell whether a place lies in a look's field of regard, by metres from its middle (contract fusion)."""
    if shape == ANNULUS:
        r2 = dx * dx + dy * dy
        return bool(field[2] * field[2] <= r2 <= field[3] * field[3])
    c, s = field[4], field[5]
    return bool(abs(dx * c + dy * s) <= field[2] and abs(dy * c - dx * s) <= field[3])


@kernel
def seen_share(x: Array, p: Array, shape: int, field: Array, geodetic: bool) -> float:
    """Tell how much of an uncertain place (x, p: see motion) lies in the field of regard."""
    ax, ay = 1.4 * math.sqrt(p[0]), 1.4 * math.sqrt(p[2])
    dx, dy = difference(x[0], x[1], field[0], field[1], geodetic)
    total = 2.0 * inside(dx, dy, shape, field)
    total += inside(dx + ax, dy, shape, field) + inside(dx - ax, dy, shape, field)
    total += inside(dx, dy + ay, shape, field) + inside(dx, dy - ay, shape, field)
    return total / 6


@kernel
def strays(z: Array, shape: int, field: Array) -> bool:
    """Tell whether a detection lies where its look did not look, by more than its error."""
    margin = OUTSIDE_SIGMAS * math.sqrt(max(z[2], z[3]))
    dx, dy = z[0] - field[0], z[1] - field[1]
    if shape == ANNULUS:
        r = math.sqrt(dx * dx + dy * dy)
        return bool(r < field[2] - margin or r > field[3] + margin)
    c, s = field[4], field[5]
    return bool(abs(dx * c + dy * s) > field[2] + margin or abs(dy * c - dx * s) > field[3] + margin)


@inlined
def sees_speed(min_speed: float, speed: float, spread: float) -> float:
    """Probability that a thing is quicker than a sensor needs; ``spread``: standard deviation, m/s."""
    if min_speed <= 0:
        return 1.0
    return 1.0 / (1.0 + math.exp(1.7 * (min_speed - speed) / max(spread, 0.3)))


@kernel
def pd_of(events: Events, e: int) -> float:
    """Detection probability that the maker tells."""
    pd = events.pd[e]
    return UNKNOWN_PD if math.isnan(pd) else min(max(pd, 0.01), 0.98)


@kernel
def area_km2(shape: int, field: Array) -> float:
    """Area of a field of regard."""
    if shape == ANNULUS:
        return float(math.pi * (field[3] ** 2 - field[2] ** 2) / 1e6)
    return float(4 * field[2] * field[3] / 1e6)


@kernel
def measure(shape: Array, field: Array, area: Array) -> None:
    """Fill in the area of each field of regard, km2; 0 where there is none."""
    for e in range(len(shape)):
        area[e] = area_km2(shape[e], field[e]) if shape[e] != NO_SHAPE else 0.0


@inlined
def _cell(metres: float) -> int:
    """Tell which cell it is, by the distance from the first one's corner."""
    return math.floor(metres / CELL_M)


@kernel
def _cells(ground: Ground, shape: int, field: Array) -> tuple[int, int, int, int]:
    ny, nx = ground.time.shape
    if shape == ANNULUS:
        rx = ry = field[3]
    else:
        c, s = abs(field[4]), abs(field[5])
        rx, ry = field[2] * c + field[3] * s, field[2] * s + field[3] * c
    left = _cell(field[0] - rx - ground.corner[0])
    right = _cell(field[0] + rx - ground.corner[0])
    low = _cell(field[1] - ry - ground.corner[1])
    high = _cell(field[1] + ry - ground.corner[1])
    return max(left, 0), min(right, nx - 1), max(low, 0), min(high, ny - 1)


@kernel
def unseen_at(ground: Ground, x: float, y: float, time: float, drives: float, stands: float) -> float:
    """Unseen things per km2 at a place, weighted by how likely they would be shown."""
    ny, nx = ground.time.shape
    i, j = _cell(y - ground.corner[1]), _cell(x - ground.corner[0])
    full = ground.density[0]
    if not (0 <= i < ny and 0 <= j < nx) or ground.time[i, j] == -np.inf:
        return float(full * ((1 - STANDING) * drives + STANDING * stands))
    a, b = _refilled(ground, i, j, max(time - ground.time[i, j], 0.0))
    return a * drives + b * stands


@kernel
def looked_at_since(ground: Ground, z: Array, time: float) -> bool:
    """Tell whether a look later than a time has covered the place of a detection."""
    ny, nx = ground.time.shape
    i, j = _cell(z[1] - ground.corner[1]), _cell(z[0] - ground.corner[0])
    return bool(0 <= i < ny and 0 <= j < nx and ground.time[i, j] > time + LATE_S)


@kernel
def _refilled(ground: Ground, i: int, j: int, dt: float) -> tuple[float, float]:
    fill, swap = 1 - math.exp(-dt / REFILL_S), 1 - math.exp(-CHANGE_PER_S * dt)
    full = ground.density[0]
    a, b = ground.unseen[0, i, j], ground.unseen[1, i, j]
    a += fill * (full * (1 - STANDING) - a)
    b += fill * (full * STANDING - b)
    total = a + b
    return a + swap * (total * (1 - STANDING) - a), b + swap * (total * STANDING - b)


@folded
def survey(ground: Ground, events: Events, e: int, pd: float) -> None:
    """Thin out what is unseen where a look has been."""
    shape, field, time = events.shape[e], events.field[e], events.time[e]
    if shape == NO_SHAPE:
        return
    left, right, low, high = _cells(ground, shape, field)
    stands = 0.01 if events.min_speed[e] > 0 else pd
    fresh = 0
    last_dt, fill, swap, full = -1.0, 0.0, 0.0, ground.density[0]
    for i in range(low, high + 1):
        dy = ground.corner[1] + (i + 0.5) * CELL_M - field[1]
        seen, driving, standing = ground.time[i], ground.unseen[0, i], ground.unseen[1, i]
        for j in range(left, right + 1):
            if not inside(ground.corner[0] + (j + 0.5) * CELL_M - field[0], dy, shape, field):
                continue
            before = seen[j]
            if before > time:
                continue
            if before == -np.inf:
                fresh += 1
                a, b = full * (1 - STANDING), full * STANDING
            else:
                dt = time - before
                if dt != last_dt:
                    last_dt = dt
                    fill, swap = 1 - math.exp(-dt / REFILL_S), 1 - math.exp(-CHANGE_PER_S * dt)
                a, b = driving[j], standing[j]
                a += fill * (full * (1 - STANDING) - a)
                b += fill * (full * STANDING - b)
                move = swap * ((a + b) * (1 - STANDING) - a)
                a, b = a + move, b - move
            driving[j], standing[j], seen[j] = a * (1 - pd), b * (1 - stands), time
    if fresh:
        ground.density[1] += fresh * CELL_M * CELL_M / 1e6


@kernel
def false_per_km2(ground: Ground, events: Events, e: int) -> float:
    """False detections per km2 to reckon with: what the maker tells, more where others contradict."""
    if events.shape[e] == NO_SHAPE:
        return max(float(events.clutter[e]), UNKNOWN_CLUTTER_PER_KM2)
    confirmed, refuted = 0.0, 0.0
    for other in range(len(ground.trusted)):
        confirmed += ground.trusted[other] * ground.told[events.sensor[e], other, 0]
        refuted += ground.trusted[other] * ground.told[events.sensor[e], other, 1]
    share = (refuted + 1) / (refuted + confirmed + 20)
    distrust = min(max((share - REFUTED) / REFUTED, 1.0 - ground.trusted[events.sensor[e]]), 1.0)
    return max(float(events.clutter[e]), 1e-4) + float(distrust) * DISTRUSTED_PER_KM2


@kernel
def burst_per_km2(ground: Ground, events: Events, e: int, rows: Rows, loose: int, expected: float) -> float:
    """False detections per km2 of a look that shows far more than can be; 0: it does not.

    A look at ground that nobody has seen before may show anything.
    """
    area = area_km2(events.shape[e], events.field[e])
    if events.shape[e] == NO_SHAPE or loose < 6 + 4 * expected * area:
        return 0.0
    strange_ground = 0
    for r in range(events.first[e], events.first[e] + events.size[e]):
        i = _cell(rows.z[r, 1] - ground.corner[1])
        j = _cell(rows.z[r, 0] - ground.corner[0])
        ny, nx = ground.time.shape
        strange_ground += not (0 <= i < ny and 0 <= j < nx) or ground.time[i, j] == -np.inf
    return 0.0 if 4 * strange_ground > events.size[e] else loose / area


@kernel
def first_density(ground: Ground, events: Events, e: int, loose: int, pd: float) -> None:
    """Raise the density to be expected when a first look at an area shows more than false detections."""
    shape, field = events.shape[e], events.field[e]
    area = area_km2(shape, field)
    if shape == NO_SHAPE or loose < 5 or ground.density[1] > 4 * area:
        return
    false = events.clutter[e] * area
    ground.density[0] = max(ground.density[0], (loose - false - 2 * math.sqrt(false + 1)) / (area * pd))


@folded
def strangers(ground: Ground, events: Events, e: int, rows: Rows, strange: Array, fresh: Array) -> None:
    """Fill, per row, false detections and unseen things per km2 (``strange``), and the latter alone."""
    pd, first = pd_of(events, e), events.first[e]
    stands = 0.01 if events.min_speed[e] > 0 else pd
    clutter = false_per_km2(ground, events, e)
    for r in range(events.size[e]):
        z = rows.z[first + r]
        if events.shape[e] != NO_SHAPE and strays(z, events.shape[e], events.field[e]):
            fresh[r], strange[r] = 0.0, clutter + DISTRUSTED_PER_KM2
            continue
        fresh[r] = unseen_at(ground, z[0], z[1], events.time[e], pd, stands)
        strange[r] = clutter + fresh[r]
