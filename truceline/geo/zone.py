"""Zones of an agreement: belts along a line, polygons, sites; margins, sides and chainage in time."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from truceline.geo.crs import GEOD, Array
from truceline.geo.line import ON_LINE_M, Curve, Nearest
from truceline.model.errors import BadInput
from truceline.model.observed import Sighting
from truceline.model.place import Point
from truceline.model.units import CE90_PER_SIGMA

Side = Literal["A", "B"]
OUT = -math.inf


class Period(msgspec.Struct, frozen=True):
    """A span that may be open at either end; the first moment belongs to it, the last does not."""

    from_utc: datetime | None = None
    until_utc: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Tell whether a moment lies inside."""
        after = self.from_utc is None or moment >= self.from_utc
        return after and (self.until_utc is None or moment < self.until_utc)

    def overlaps(self, other: "Period") -> bool:
        """Tell whether some moment lies in both."""
        starts = [p.from_utc for p in (self, other) if p.from_utc is not None]
        ends = [p.until_utc for p in (self, other) if p.until_utc is not None]
        return not starts or not ends or max(starts) < min(ends)


class LineVersion(msgspec.Struct, frozen=True):
    """A line as it ran during a period; ``side_left`` is the side on the left along its coordinates."""

    id: str
    curve: Curve
    side_left: Side
    period: Period = Period()

    def side(self, near: Nearest) -> Side:
        """Tell the side; on the line itself it is A."""
        if near.distance_m < ON_LINE_M:
            return "A"
        return self.side_left if near.left else other_side(self.side_left)


class Sector(msgspec.Struct, frozen=True):
    """A stretch of a line between two places (latitude, longitude) or its ends."""

    id: str
    line: str
    start: tuple[float, float] | Literal["start", "end"]
    end: tuple[float, float] | Literal["start", "end"]


class Belt(msgspec.Struct, frozen=True):
    """A zone between two distances from a line, on one side or both."""

    id: str
    line: str
    side: Literal["A", "B", "both"]
    inner_m: float
    outer_m: float
    sector: str | None = None
    ends: Literal["flat", "round"] = "flat"
    period: Period = Period()


class Area(msgspec.Struct, frozen=True):
    """A zone with an outline: rings of (latitude, longitude), joined by geodesics."""

    id: str
    rings: tuple[tuple[tuple[float, float], ...], ...]
    period: Period = Period()


class Site(msgspec.Struct, frozen=True):
    """A whitelisted circle."""

    id: str
    lat_deg: float
    lon_deg: float
    radius_m: float


class Standing(NamedTuple):
    """Where a point stands towards a zone or a line, positive inside.

    ``margin_m`` is -inf where no position error could bring it in (sector, flat end, validity);
    ``is_member`` decides where the margin is zero.
    """

    margin_m: float
    is_member: bool
    distance_m: float | None = None
    side: Side | None = None

    def place(self, ce90_m: float) -> Literal["in", "out", "uncertain"]:
        """Tell where it is, given that the truth lies within ``ce90_m`` in 90 of 100 cases."""
        if self.margin_m >= ce90_m and self.is_member:
            return "in"
        return "out" if self.margin_m <= -ce90_m else "uncertain"

    def p_in(self, ce90_m: float) -> float:
        """Give the probability of being inside: Φ(m/σ), a circular Gaussian."""
        if self.margin_m == OUT:
            return 0.0
        if ce90_m == 0 or self.margin_m == math.inf:
            return 1.0 if self.is_member else 0.0
        return 0.5 * (1 + math.erf(self.margin_m * CE90_PER_SIGMA / ce90_m / math.sqrt(2)))


EVERYWHERE = Standing(math.inf, True)
NOWHERE = Standing(OUT, False)


def other_side(side: Side) -> Side:
    """Name the other side."""
    return "B" if side == "A" else "A"


class Zones:
    """All places of an agreement; answers are geodesic and to well below a metre.

    Parameters
    ----------
    lines
        Versions of lines; periods of one id do not overlap.
    zones
        Belts and areas.
    sectors, sites
        What they refer to.
    """

    def __init__(
        self,
        lines: Iterable[LineVersion] = (),
        zones: Iterable[Belt | Area] = (),
        sectors: Iterable[Sector] = (),
        sites: Iterable[Site] = (),
    ) -> None:
        self.lines: dict[str, list[LineVersion]] = {}
        for version in lines:
            self.lines.setdefault(version.id, []).append(version)
        self.zones: Mapping[str, Belt | Area] = {zone.id: zone for zone in zones}
        self.sectors = {sector.id: sector for sector in sectors}
        self.sites = {site.id: site for site in sites}
        self._outlines = {z.id: _Outline(z) for z in self.zones.values() if isinstance(z, Area)}
        self._stretches: dict[tuple[str, int], tuple[float, float]] = {}

    def line_at(self, line_id: str, time: datetime | None = None) -> LineVersion | None:
        """Find the version of a line that is valid at a time (no time: the latest); None: none is."""
        versions = self.lines.get(line_id)
        if versions is None:
            raise BadInput(line_id, "no such line")
        if time is None:
            return versions[-1]
        return next((version for version in versions if version.period.holds(time)), None)

    def nearest_line(self, lat_deg: float, lon_deg: float, time: datetime | None = None) -> str | None:
        """Name the line that a place is nearest to, of those that run at a moment; None: there is none."""
        running = ((name, self.line_at(name, time)) for name in self.lines)
        distances = [
            (version.curve.nearest(lat_deg, lon_deg).distance_m, name)
            for name, version in running
            if version is not None
        ]
        return min(distances)[1] if distances else None

    def line_length_m(self, line_id: str, at_time: datetime | None = None) -> float:
        """Measure a line along its parts, gaps left out."""
        return self._version(line_id, at_time).curve.length_m

    def chainage(
        self, line_id: str, lat_deg: float, lon_deg: float, time: datetime | None = None
    ) -> tuple[float, float]:
        """Give kilometres along the line, and metres away from it: positive on side A."""
        version = self._version(line_id, time)
        near = version.curve.nearest(lat_deg, lon_deg)
        away_m = near.distance_m if version.side(near) == "A" else -near.distance_m
        return near.chainage_m / 1000, away_m

    def point_at(self, line_id: str, chainage_m: float, time: datetime | None = None) -> tuple[float, float]:
        """Find latitude and longitude on the line at a chainage."""
        return self._version(line_id, time).curve.point_at(chainage_m)

    def side_of(self, line_id: str, lat_deg: float, lon_deg: float, time: datetime | None = None) -> Side:
        """Tell on which side of the line a place lies."""
        version = self._version(line_id, time)
        return version.side(version.curve.nearest(lat_deg, lon_deg))

    def margin_m(self, zone_id: str, where: Sighting | Point, time: datetime | None = None) -> float:
        """Measure how far inside a zone a place is, negative outside.

        Parameters
        ----------
        zone_id
            Zone of the agreement.
        where
            A point, or a sighting with a position.
        time
            Which version of the line counts; default: the sighting's time, else the latest.

        Returns
        -------
        float
            Metres; -inf beyond a flat end, outside the sector, or outside the zone's validity.
        """
        if isinstance(where, Sighting):
            time = time or where.time
            if where.at is None:
                raise BadInput(where.id, "has no position")
            where = where.at
        return self.stand(zone_id, where.lat_deg, where.lon_deg, time).margin_m

    def stand(self, zone_id: str, lat_deg: float, lon_deg: float, time: datetime | None = None) -> Standing:
        """Tell where a place stands towards a zone."""
        zone = self.zones.get(zone_id)
        if zone is None:
            raise BadInput(zone_id, "no such zone")
        if time is not None and not zone.period.holds(time):
            return NOWHERE
        if isinstance(zone, Area):
            return self._outlines[zone_id].stand(lat_deg, lon_deg)
        version = self.line_at(zone.line, time)
        if version is None:
            return NOWHERE
        near = version.curve.nearest(lat_deg, lon_deg)
        side = version.side(near)
        beyond = near.at_end and zone.ends == "flat"
        if beyond or (zone.sector is not None and not self._in_sector(zone.sector, version, near)):
            return Standing(OUT, False, near.distance_m, side)
        return _belt_standing(zone, near.distance_m, side)

    def stand_line(
        self, line_id: str, lat_deg: float, lon_deg: float, time: datetime | None = None
    ) -> Standing | None:
        """Give distance and side towards a line (margin: the distance); None: no version is valid."""
        version = self.line_at(line_id, time)
        if version is None:
            return None
        near = version.curve.nearest(lat_deg, lon_deg)
        return Standing(near.distance_m, True, near.distance_m, version.side(near))

    def site_margin_m(self, site_id: str, lat_deg: float, lon_deg: float) -> float:
        """Measure how far outside a site a place is, negative inside."""
        site = self.sites[site_id]
        return float(GEOD.inv(site.lon_deg, site.lat_deg, lon_deg, lat_deg)[2]) - site.radius_m

    def remember(self, lat_deg: Sequence[float], lon_deg: Sequence[float]) -> None:
        """Measure many places against all lines and outlines in one go; later answers are look-ups."""
        for versions in self.lines.values():
            for version in versions:
                version.curve.remember(lat_deg, lon_deg)
        for outline in self._outlines.values():
            outline.curve.remember(lat_deg, lon_deg)

    def stretch_m(self, sector_id: str, version: LineVersion) -> tuple[float, float]:
        """Give the chainages of a sector's limits on a version of its line."""
        key = (sector_id, id(version.curve))
        if key not in self._stretches:
            sector = self.sectors[sector_id]
            first, last = (_chainage_of(limit, version.curve) for limit in (sector.start, sector.end))
            self._stretches[key] = (first, last)
        return self._stretches[key]

    def _in_sector(self, sector_id: str, version: LineVersion, near: Nearest) -> bool:
        first_m, last_m = self.stretch_m(sector_id, version)
        end_m = version.curve.length_m - ON_LINE_M
        is_before_end = near.chainage_m < last_m or (last_m >= end_m and near.chainage_m >= end_m)
        return near.chainage_m >= first_m and is_before_end

    def _version(self, line_id: str, time: datetime | None) -> LineVersion:
        version = self.line_at(line_id, time)
        if version is None:
            raise BadInput(line_id, f"no version of the line is valid at {time}")
        return version


def _belt_standing(zone: Belt, distance_m: float, side: Side) -> Standing:
    if zone.side == "both":
        margin_m = zone.outer_m - distance_m
        if zone.inner_m > 0:
            margin_m = min(margin_m, distance_m - zone.inner_m)
        at_inner = zone.inner_m > 0 and distance_m == zone.inner_m
        return Standing(margin_m, margin_m > 0 or at_inner, distance_m, side)
    signed_m = distance_m if side == zone.side else -distance_m
    margin_m = min(zone.outer_m - signed_m, signed_m - zone.inner_m)
    at_inner = signed_m == zone.inner_m and side == zone.side
    if zone.inner_m == 0 and distance_m < ON_LINE_M:
        at_inner = side == zone.side
        margin_m = 0.0
    return Standing(margin_m, margin_m > 0 or at_inner, distance_m, side)


def _chainage_of(limit: tuple[float, float] | str, curve: Curve) -> float:
    if isinstance(limit, str):
        return 0.0 if limit == "start" else curve.length_m
    return curve.nearest(*limit).chainage_m


class _Outline:
    """The boundary of an area, and what lies inside it."""

    def __init__(self, area: Area) -> None:
        self.curve = Curve([np.asarray(ring, float) for ring in area.rings])
        self._first_lon = area.rings[0][0][1]
        rings = [self._flat(geodesic_ring(ring)) for ring in area.rings]
        # Rings of several polygons and their holes: inside is what an odd number of them holds.
        shape: BaseGeometry = shapely.Polygon()
        for ring in rings:
            shape = shape.symmetric_difference(shapely.Polygon(ring).buffer(0))
        self._shape = shape
        shapely.prepare(self._shape)

    def stand(self, lat_deg: float, lon_deg: float) -> Standing:
        near = self.curve.nearest(lat_deg, lon_deg)
        flat = self._flat(np.array([[lat_deg, lon_deg]]))[0]
        inside = bool(shapely.contains_xy(self._shape, *flat))
        margin_m = near.distance_m if inside else -near.distance_m
        return Standing(margin_m, inside and margin_m > 0, near.distance_m)

    def _flat(self, ring: Array) -> Array:
        """Longitude, latitude, without a jump at 180°."""
        return np.column_stack([(ring[:, 1] - self._first_lon + 180) % 360 - 180, ring[:, 0]])


def geodesic_ring(ring: Sequence[tuple[float, float]]) -> Array:
    """Put vertices on a ring's geodesic edges, at most a kilometre apart: shape (n, 2)."""
    curve = Curve([np.asarray(ring, float)])
    count = max(len(ring), math.ceil(curve.length_m / 1000) + 1)
    steps = np.unique(np.r_[np.linspace(0, curve.length_m, count), curve.vertex_chainages_m(0)])
    return np.array([curve.point_at(float(step)) for step in steps])
