"""A line on the ellipsoid: nearest points, sides and chainage, for many points at once."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from truceline.geo import crs
from truceline.geo.crs import GEOD, Array

PIECE_M = 1000.0  # chord and geodesic of a piece then part by 2 cm, and only downwards
ON_LINE_M = 0.001  # coordinates with 8 decimals are good for a millimetre
_CHUNK = 4096
_REMEMBERED = 400_000

Bools = npt.NDArray[np.bool_]


class Nearest(NamedTuple):
    """Where a point stands towards a line."""

    distance_m: float
    left: bool  # on the left hand when walking along the coordinates; on the line: neither
    at_end: bool  # the nearest point is the first or last vertex of a part
    chainage_m: float
    lat_deg: float  # of the nearest point
    lon_deg: float


class Curve:
    """Geodesic segments between vertices, in one or more parts; a gap between parts is not line.

    Points are compared in earth-centred coordinates with the chords of pieces of at most
    :data:`PIECE_M`: a chord is shorter than its geodesic by the same growing function for all
    pieces, so the nearest by chord is the nearest by geodesic. The distance itself is then
    measured by geodesic. Holds anywhere on earth and for lines of any length.

    Parameters
    ----------
    parts
        Each an array (n, 2) of latitude and longitude in degrees, n ≥ 2.

    Raises
    ------
    ValueError
        If a part has fewer than two different vertices.
    """

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = [_without_repeats(np.asarray(part, float)) for part in parts]
        lats, lons, chainages, lengths, first, last = [], [], [], [], [], []
        at_m = 0.0
        self._azimuths: list[Array] = []
        self._vertex_chainages: list[Array] = []
        for part in self.parts:
            azimuth, segment_m = _segments(part)
            self._azimuths.append(azimuth)
            self._vertex_chainages.append(at_m + np.r_[0.0, np.cumsum(segment_m)])
            lat, lon, along_m = _densified(part, azimuth, segment_m)
            lats.append(np.c_[lat[:-1], lat[1:]])
            lons.append(np.c_[lon[:-1], lon[1:]])
            chainages.append(at_m + along_m[:-1])
            lengths.append(np.diff(along_m))
            marks = np.zeros((2, len(lat) - 1), bool)
            marks[0, 0] = marks[1, -1] = True
            first.append(marks[0])
            last.append(marks[1])
            at_m += float(along_m[-1])
        self.length_m = at_m
        lat2, lon2 = np.concatenate(lats), np.concatenate(lons)
        self._from = crs.to_earth_centred(lat2[:, 0], lon2[:, 0])
        self._along = crs.to_earth_centred(lat2[:, 1], lon2[:, 1]) - self._from
        self._square = (self._along**2).sum(axis=1)
        self._unit = self._along / np.sqrt(self._square)[:, None]
        self._chainage, self._length = np.concatenate(chainages), np.concatenate(lengths)
        self._first, self._last = np.concatenate(first), np.concatenate(last)
        self._tree = cKDTree(self._from + self._along / 2)
        self._reach_m = float(np.sqrt(self._square.max())) / 2 + 0.001
        self._remembered: dict[tuple[float, float], Nearest] = {}

    def nearest(self, lat_deg: float, lon_deg: float) -> Nearest:
        """Find the nearest point of the line; answers are remembered."""
        known = self._remembered.get((lat_deg, lon_deg))
        if known is None:
            self.remember([lat_deg], [lon_deg])
            known = self._remembered[(lat_deg, lon_deg)]
        return known

    def remember(self, lat_deg: Sequence[float], lon_deg: Sequence[float]) -> None:
        """Find the nearest points of many places in one go, for :meth:`nearest` to answer later."""
        if len(self._remembered) > _REMEMBERED:
            self._remembered.clear()
        columns = self.nearest_many(lat_deg, lon_deg)
        rows = map(Nearest, *(column.tolist() for column in columns))
        self._remembered.update(zip(zip(lat_deg, lon_deg, strict=True), rows, strict=True))

    def nearest_many(self, lat_deg: Any, lon_deg: Any) -> tuple[Array, Bools, Bools, Array, Array, Array]:
        """Find the nearest points of the line.

        Returns
        -------
        tuple
            Arrays as the fields of :class:`Nearest`.
        """
        lat, lon = np.asarray(lat_deg, float), np.asarray(lon_deg, float)
        chunks = [
            self._chunk(lat[start : start + _CHUNK], lon[start : start + _CHUNK])
            for start in range(0, max(1, len(lat)), _CHUNK)
        ]
        columns = tuple(np.concatenate(column) for column in zip(*chunks, strict=True))
        return columns  # type: ignore[return-value]

    def point_at(self, chainage_m: float) -> tuple[float, float]:
        """Find latitude and longitude at a chainage, cut off at the ends of the line."""
        for vertices, azimuth, part in zip(self._vertex_chainages, self._azimuths, self.parts, strict=True):
            if chainage_m <= vertices[-1] or part is self.parts[-1]:
                at_m = min(max(chainage_m, float(vertices[0])), float(vertices[-1]))
                i = min(int(np.searchsorted(vertices, at_m, side="right")) - 1, len(azimuth) - 1)
                lat, lon = part[i]
                end_lon, end_lat, _ = GEOD.fwd(lon, lat, azimuth[i], at_m - vertices[i])
                return float(end_lat), float(end_lon)
        raise ValueError("a curve has at least one part")

    def part_limits_m(self) -> list[tuple[float, float]]:
        """Give the chainages at which each part begins and ends."""
        return [(float(at[0]), float(at[-1])) for at in self._vertex_chainages]

    def vertex_chainages_m(self, part: int) -> Array:
        """Give the chainages of the vertices of a part."""
        return self._vertex_chainages[part]

    def _chunk(self, lat: Array, lon: Array) -> tuple[Any, ...]:
        if not len(lat):
            none, no = np.zeros(0), np.zeros(0, bool)
            return none, no, no, none, none, none
        points = crs.to_earth_centred(lat, lon)
        piece, share = self._nearest_pieces(points)
        foot = self._from[piece] + share[:, None] * self._along[piece]
        foot_lat, foot_lon = crs.from_earth_centred(foot)
        direction = self._direction(piece, share)
        away = points - foot
        left = (np.cross(direction, away) * crs.normals(foot_lat, foot_lon)).sum(axis=1) > 0
        at_end = ((share <= 0) & self._first[piece]) | ((share >= 1) & self._last[piece])
        length_m = crs.distances_m(lat, lon, foot_lat, foot_lon)
        return length_m, left, at_end, self._chainage[piece] + share * self._length[piece], foot_lat, foot_lon

    def _nearest_pieces(self, points: Array) -> tuple[npt.NDArray[np.intp], Array]:
        # The nearest piece's middle is no farther than the nearest middle plus half a piece.
        reach = self._tree.query(points)[0] + self._reach_m
        near = self._tree.query_ball_point(points, reach)
        counts = np.fromiter(map(len, near), np.intp, len(points))
        piece = np.fromiter(chain.from_iterable(near), np.intp, int(counts.sum()))
        owner = np.repeat(np.arange(len(points)), counts)
        offset = points[owner] - self._from[piece]
        share = np.clip((offset * self._along[piece]).sum(axis=1) / self._square[piece], 0, 1)
        square = ((offset - share[:, None] * self._along[piece]) ** 2).sum(axis=1)
        least = np.minimum.reduceat(square, np.r_[0, np.cumsum(counts)[:-1]])
        best = np.flatnonzero(square == least[owner])
        best = best[np.lexsort((piece[best], owner[best]))]
        best = best[np.unique(owner[best], return_index=True)[1]]
        return piece[best], share[best]

    def _direction(self, piece: npt.NDArray[np.intp], share: Array) -> Array:
        """Direction of the line there; at a vertex the sum of the two that meet."""
        direction: Array = self._unit[piece].copy()
        before = (share <= 0) & ~self._first[piece]
        after = (share >= 1) & ~self._last[piece]
        direction[before] += self._unit[piece[before] - 1]
        direction[after] += self._unit[piece[after] + 1]
        return direction


def _without_repeats(part: Array) -> Array:
    kept = part[np.r_[True, np.any(np.diff(part, axis=0) != 0, axis=1)]]
    if len(kept) < 2:
        raise ValueError("a line needs two different vertices")
    return kept


def _segments(part: Array) -> tuple[Array, Array]:
    azimuth, _, length_m = GEOD.inv(part[:-1, 1], part[:-1, 0], part[1:, 1], part[1:, 0])
    return np.asarray(azimuth, float), np.asarray(length_m, float)


def _densified(part: Array, azimuth: Array, segment_m: Array) -> tuple[Array, Array, Array]:
    pieces = np.maximum(1, np.ceil(segment_m / PIECE_M)).astype(int)
    owner = np.repeat(np.arange(len(pieces)), pieces)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    ahead_m = step * (segment_m / pieces)[owner]
    lon, lat, _ = GEOD.fwd(part[owner, 1], part[owner, 0], azimuth[owner], ahead_m)
    start_m = np.r_[0.0, np.cumsum(segment_m)]
    # The vertices themselves stay as they were given.
    lat = np.where(step == 0, part[owner, 0], lat)
    lon = np.where(step == 0, part[owner, 1], lon)
    return (
        np.r_[lat, part[-1, 0]],
        np.r_[lon, part[-1, 1]],
        np.r_[start_m[owner] + ahead_m, start_m[-1]],
    )
