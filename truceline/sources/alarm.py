"""Ground sensors that write tables of contract fusion into a folder: what they saw, and where they looked."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from truceline.codec.fusion_tables import LOOKS, origin_of, outline
from truceline.geo.crs import from_local
from truceline.model.errors import BadInput
from truceline.model.facts import Blob
from truceline.model.observed import Observation
from truceline.model.place import Span
from truceline.plug import Intake, Source, Taken
from truceline.sources.folder import sweeps
from truceline.sources.unreadable import unreadable

ENDING = ".detections.parquet"
PARQUET = "application/vnd.apache.parquet"
MAX_BYTES = 256 << 20
Shape = tuple[str, float, float, float, float, float]  # of a look: see contract fusion
MANY_SHAPES = 16  # more fields of regard than this are joined into one outline


class Alarm(Source):
    """Reads ``<piece>.detections.parquet`` with ``<piece>.looks.parquet`` and ``sensors.parquet`` beside it.

    Each piece is one observation, also an empty one: looked, and saw nothing. The looks and sensors
    must lie there before the detections. The plane's origin stands in the metadata of the
    detections, or else of ``sensors.parquet``.
    """

    path: Path

    def observe(self, intake: Intake, follow: bool) -> Iterator[Taken]:
        for sweep in sweeps(self.path, f"*{ENDING}", intake, follow=follow):
            for file in sweep:
                yield from self._take(file, intake)

    def _take(self, file: Path, intake: Intake) -> Iterator[Taken]:
        try:
            with file.open("rb") as opened:
                key = f"{file.name} {hashlib.file_digest(opened, 'sha256').hexdigest()}"
        except OSError as error:
            yield Taken(noun=unreadable(self.name, file, f"{file.name}: cannot be read: {error.strerror}"))
            return
        if intake.has(key):
            return
        looks_file = file.with_name(file.name.removesuffix(ENDING) + ".looks.parquet")
        sensors_file = file.with_name("sensors.parquet")
        try:
            rows = _table(file, ("phenomenon_time", "result_time", "x_m", "y_m"))
            looks = _table(looks_file, LOOKS.names) if looks_file.is_file() else None
            origin = origin_of(rows.schema)
            if origin is None and sensors_file.is_file():
                origin = origin_of(pq.read_schema(sensors_file))
            if origin is None:
                raise BadInput(
                    file.name, "no origin_lat_deg, origin_lon_deg in its metadata or in sensors.parquet"
                )
            times = _times([rows] if looks is None else [rows, looks], file.name)
            shapes = [] if looks is None else _shapes(looks, looks_file.name)
            footprint = _footprint(shapes, origin) if shapes else None
        except (BadInput, ValueError, pa.ArrowException, OSError) as error:
            yield self._degraded(file, key, str(error), intake)
            return
        parts = [(file, "detections"), (looks_file, "looks"), (sensors_file, "sensors")]
        blobs: tuple[Blob, ...] = tuple(intake.put(p, PARQUET, word) for p, word in parts if p.is_file())
        said = Observation(
            source=self.name,
            key=key,
            phenomenon=Span(from_utc=times[0], until_utc=times[1]),
            result_utc=times[2],
            footprint=footprint,
            attributes={
                "rows": rows.num_rows,
                "looks": looks.num_rows if looks is not None else 0,
                "origin_lat_deg": origin[0],
                "origin_lon_deg": origin[1],
            },
        )
        yield Taken(noun=said, id=said.id, actor=f"source:{self.name}", blobs=blobs)

    def _degraded(self, file: Path, key: str, why: str, intake: Intake) -> Taken:
        now = intake.now()
        said = Observation(
            source=self.name,
            key=key,
            phenomenon=Span(from_utc=now, until_utc=now),
            result_utc=now,
            status="degraded",
            reason=f"{file.name}: {why}"[:400],
            attributes={"file": file.name},
        )
        return Taken(noun=said, id=said.id, actor=f"source:{self.name}")


def _table(file: Path, wanted: tuple[str, ...] | list[str]) -> pa.Table:
    if file.stat().st_size > MAX_BYTES:
        raise BadInput(file.name, f"more than {MAX_BYTES} bytes")
    table = pq.read_table(file)
    for word in wanted:
        if word not in table.column_names:
            raise BadInput(f"{file.name}: column {word}", "missing")
    for word in ("phenomenon_time", "result_time"):
        kind = table.schema.field(word).type
        if not pa.types.is_timestamp(kind) or kind.tz is None:
            raise BadInput(f"{file.name}: column {word}", f"is {kind}, would be a time with a zone")
    return table


def _times(tables: list[pa.Table], where: str) -> tuple[datetime, datetime, datetime]:
    """First and just after the last phenomenon, and the last arrival."""
    first, last = [], []
    arrived = []
    for table in tables:
        span = pc.min_max(table["phenomenon_time"].cast(pa.timestamp("us", "UTC"))).as_py()
        if span["min"] is not None:
            first.append(span["min"])
            last.append(span["max"])
            arrived.append(pc.max(table["result_time"].cast(pa.timestamp("us", "UTC"))).as_py())
    if not first:
        raise BadInput(where, "neither a row nor a look: nobody knows when nothing was seen")
    known = [moment for moment in arrived if moment is not None] or last
    until = max(last) + timedelta(microseconds=1)
    return min(first).astimezone(UTC), until.astimezone(UTC), max(known).astimezone(UTC)


def _shapes(looks: pa.Table, where: str) -> list[Shape]:
    """Give the fields of regard of all looks, each once.

    Raises
    ------
    BadInput
        Naming the first column and row that tell none.
    """
    names = looks["shape"].to_pylist()
    wrong = next((row for row, word in enumerate(names) if word not in ("rect", "annulus")), None)
    if wrong is not None:
        raise BadInput(f"{where}: column shape, row {wrong}", f"{names[wrong]!r} is neither rect nor annulus")
    is_rect = np.array([word == "rect" for word in names], bool)
    sizes = []
    for word in ("cx_m", "cy_m", "a_m", "b_m", "heading_rad"):
        kind = looks.schema.field(word).type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            raise BadInput(f"{where}: column {word}", f"is {kind}, would be a number")
        values = looks[word].cast(pa.float64()).to_numpy(zero_copy_only=False)
        values = np.where(is_rect, values, 0.0) if word == "heading_rad" else values  # rings have none
        if not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values)))
            raise BadInput(f"{where}: column {word}, row {row}", "is no number")
        sizes.append(values.tolist())
    return sorted(set(zip(names, *sizes, strict=True)))


def _footprint(shapes: list[Shape], origin: tuple[float, float]) -> dict[str, Any]:
    """Draw where the looks went; rings as RFC 7946 wants them."""
    polygons = [outline(*shape) for shape in shapes]
    if len(polygons) > MANY_SHAPES:
        polygons = _joined(polygons)
    placed = []
    for rings in polygons:
        rounded = []
        for ring in rings:
            lat, lon = from_local([x for x, _ in ring], [y for _, y in ring], *origin)
            rounded.append([[round(float(a), 7), round(float(b), 7)] for a, b in zip(lon, lat, strict=True)])
        placed.append(rounded)
    if len(placed) == 1:
        return {"type": "Polygon", "coordinates": placed[0]}
    return {"type": "MultiPolygon", "coordinates": placed}


def _joined(polygons: list[list[list[tuple[float, float]]]]) -> list[list[list[tuple[float, float]]]]:
    import shapely

    whole = shapely.union_all([shapely.Polygon(rings[0], rings[1:]) for rings in polygons])
    parts = [part for part in shapely.get_parts(whole) if isinstance(part, shapely.Polygon)]
    oriented = [shapely.geometry.polygon.orient(part) for part in parts]
    return [[list(ring.coords) for ring in (part.exterior, *part.interiors)] for part in oriented]
