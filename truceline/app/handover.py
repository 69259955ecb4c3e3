"""What ``truceline convert`` reads and writes (contracts README, section 3)."""

import json
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from truceline.app.output import whole_file, whole_folder
from truceline.codec import detection_rows as rows_of
from truceline.codec import observation_lines as lines_of
from truceline.codec.fusion_tables import DETECTIONS, LOOKS, origin_of, outline, with_origin
from truceline.codec.sightings import read_report
from truceline.geo.crs import from_local, to_local
from truceline.geo.regard import Rect, inner_rect
from truceline.model.errors import BadInput
from truceline.model.observed import Report
from truceline.model.place import utc_text, utc_time

Origin = tuple[float, float]
_MARKS = (
    ("tracks", {"time", "track_id", "x_m", "y_m", "sxx_m2", "syy_m2", "sxy_m2", "existence", "p_other"}),
    (
        "looks",
        {"look_id", "sensor_id", "phenomenon_time", "shape", "cx_m", "cy_m", "a_m", "b_m", "heading_rad"},
    ),
    (
        "footprints",
        {"time", "corner1_lat_deg", "corner4_lon_deg", "frame_center_lat_deg", "ce90_m", "health"},
    ),
    ("video track", {"track_id", "frame_index", "bbox_x_px", "observed", "category", "score"}),
    ("video rows", {"frame_index", "bbox_x_px", "category", "score", "time", "lat_deg", "lon_deg", "ce90_m"}),
)
_CORNERS = [(f"corner{k}_lat_deg", f"corner{k}_lon_deg") for k in (1, 2, 3, 4)]
NO_PLACE = "rows without time or position left out"
_DATED = "name the file by its date, as 20250131_area.tif, or give it a tag datetime,"


class Input(NamedTuple):
    """One input, recognised."""

    path: Path
    kind: str
    table: pa.Table | None = None
    features: tuple[dict[str, Any], ...] = ()
    reports: tuple[tuple[str, Report, dict[str, Any]], ...] = ()


def recognise(path: Path) -> Input:
    """Read an input and tell what it is.

    Raises
    ------
    BadInput
        If it is none of the formats that are handed over.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(str(path), f"cannot be read: {error.strerror}") from error
    if content[:4] == b"PAR1":
        try:
            table = pq.read_table(pa.BufferReader(content))
        except (pa.ArrowException, OSError) as error:
            raise BadInput(str(path), f"no readable Parquet file: {error}") from error
        for kind, marks in _MARKS:
            if marks <= set(table.column_names):
                return Input(path, kind, table=table)
        raise BadInput(str(path), "its columns are those of no verb that hands over")
    if not content.strip():
        raise BadInput(str(path), "is empty")
    whole = _json(content)
    if isinstance(whole, dict) and whole.get("type") == "FeatureCollection":
        return Input(path, "alerts", features=_alerts(path, whole))
    return Input(path, "reports", reports=tuple(_reports(path, content)))


def _json(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _alerts(path: Path, whole: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    features = whole.get("features")
    if not isinstance(features, list):
        raise BadInput(f"{path}: features", "is no list")
    wanted = ("id", "last_seen", "centroid_lat_deg", "centroid_lon_deg", "ce90_m", "probability")
    for number, feature in enumerate(features):
        properties = feature.get("properties") if isinstance(feature, dict) else None
        said: dict[str, Any] = properties if isinstance(properties, dict) else {}
        at = f"{path}: features[{number}].properties"
        if "last_seen" in said and said["last_seen"] is None:
            raise BadInput(f"{at}.last_seen", f"the picture has no time; {_DATED} and detect again")
        for word in wanted:
            if said.get(word) is None:
                raise BadInput(f"{at}.{word}", "missing")
        try:
            said["last_seen"] = utc_text(utc_time(said["last_seen"]))
        except (TypeError, ValueError) as error:
            raise BadInput(f"{at}.last_seen", str(error)) from error
    return tuple(features)


def _reports(path: Path, content: bytes) -> Iterator[tuple[str, Report, dict[str, Any]]]:
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            report_id, report = read_report(line, f"{path}: line {number}")
            yield report_id, report, msgspec.json.decode(line)


def _in_force(item: Input) -> list[tuple[str, Report, dict[str, Any]]]:
    """Leave out the reports that another of the same reporter corrects."""
    gone = {(report.corrects, said.get("reporter")) for _, report, said in item.reports if report.corrects}
    return [one for one in item.reports if (one[0], one[2].get("reporter")) not in gone]


def to_observations(
    paths: list[Path], out: Path, party: str, source: str | None, origin: Origin | None, hold_s: float
) -> Counter[str]:
    """Write observation lines; answer what was left out."""
    lines: dict[str, dict[str, Any]] = {}
    left_out: Counter[str] = Counter()
    for path in paths:
        item = recognise(path)
        for line in _lines(item, party, source or path.stem, origin, hold_s):
            if line is None:
                left_out[
                    NO_PLACE if item.kind != "reports" else "reports that say nothing to the rules left out"
                ] += 1
            else:
                lines[line["id"]] = line
    ordered = sorted(lines.values(), key=lambda line: (utc_time(line["time"]), line["id"]))
    with whole_file(out) as beside, beside.open("w", encoding="utf-8", newline="\n") as file:
        for line in ordered:
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n")
    return left_out


def _lines(
    item: Input, party: str, source: str, origin: Origin | None, hold_s: float
) -> Iterator[dict[str, Any] | None]:
    if item.kind == "alerts":
        yield from (lines_of.alert_line(feature, party, source) for feature in item.features)
    elif item.kind == "reports":
        yield from (lines_of.report_line(i, report, party, source) for i, report, _ in _in_force(item))
    elif item.table is None:
        return
    elif item.kind == "tracks":
        place = _placed(item, origin)
        found = (lines_of.track_line(row, place, party, source) for row in item.table.to_pylist())
        yield from (line for line in found if line is not None)
    elif item.kind == "looks":
        place = _placed(item, origin)
        for row in item.table.to_pylist():
            rings = outline(row["shape"], *(row[w] for w in ("cx_m", "cy_m", "a_m", "b_m", "heading_rad")))
            corners = [[list(reversed(place(x, y))) for x, y in ring] for ring in rings]
            shape = {"type": "Polygon", "coordinates": corners}
            yield lines_of.coverage_line(row["phenomenon_time"], hold_s, shape, source, degraded=False)
    elif item.kind == "footprints":
        for row in item.table.to_pylist():
            yield _footprint_line(row, source, hold_s)
    else:
        yield from (lines_of.video_line(row, party, source) for row in item.table.to_pylist())


def _footprint_line(row: dict[str, Any], source: str, hold_s: float) -> dict[str, Any] | None:
    corners = [(row[lon], row[lat]) for lat, lon in _CORNERS]
    if row["time"] is None or any(v is None for corner in corners for v in corner):
        return None
    area = sum(p[0] * q[1] - q[0] * p[1] for p, q in zip(corners, [*corners[1:], corners[0]], strict=True))
    ring = corners if area > 0 else corners[::-1]  # right-hand rule, RFC 7946
    shape = {"type": "Polygon", "coordinates": [[list(corner) for corner in [*ring, ring[0]]]]}
    return lines_of.coverage_line(row["time"], hold_s, shape, source, degraded=bool(row["health"]))


def _placed(item: Input, origin: Origin | None) -> lines_of.Place:
    try:
        at = (origin_of(item.table.schema) if item.table is not None else None) or origin
    except ValueError as error:
        raise BadInput(f"{item.path}: metadata", str(error)) from error
    if at is None:
        raise BadInput(
            str(item.path), "no origin_lat_deg, origin_lon_deg in its metadata; give --origin LAT,LON"
        )

    def place(x: float, y: float) -> tuple[float, float]:
        lat, lon = from_local(x, y, *at)
        return round(float(lat), 9), round(float(lon), 9)

    return place


def to_detections(
    paths: list[Path], out: Path, sensor: str | None, origin: Origin | None, looks: Path | None
) -> Counter[str]:
    """Write a folder with DETECTIONS, SENSORS and LOOKS; answer what was left out."""
    rows: list[dict[str, Any]] = []
    prints: list[tuple[str, dict[str, Any]]] = []
    kinds: dict[str, str] = {}
    left_out: Counter[str] = Counter()
    for path in paths:
        item = recognise(path)
        word = sensor or path.stem
        if (
            item.kind not in ("reports", "video rows", "video track", "footprints")
            or kinds.get(word, item.kind) == ""
        ):
            raise BadInput(str(path), f"{item.kind} do not become detections of moving things")
        kinds[word] = "report" if item.kind == "reports" else "drone"
        if item.kind == "footprints" and item.table is not None:
            prints += [(word, row) for row in item.table.to_pylist()]
            continue
        for row in _rows(item, word):
            if row is None:
                left_out["reports that are no sightings left out" if item.reports else NO_PLACE] += 1
            else:
                rows.append(row)
    rows.sort(key=lambda r: (r["phenomenon_time"], r["sensor_id"], r["lat_deg"], r["lon_deg"], r["p_car"]))
    at = origin or _first_place(rows, prints)
    looked = [(word, row["time"], row) for word, row in prints]
    if looks is not None:
        looked += _frames(rows, recognise(looks))
    look_rows, ids = _looks(looked, at, left_out)
    detections = _detections(rows, at, ids)
    with whole_folder(out) as folder:
        tables = {
            "detections": detections,
            "sensors": rows_of.sensors_table(kinds),
            "looks": pa.Table.from_pylist(look_rows, schema=LOOKS),
        }
        for word, table in tables.items():
            pq.write_table(with_origin(table, *at), folder / f"{word}.parquet", compression="zstd")
    return left_out


def _rows(item: Input, sensor: str) -> Iterator[dict[str, Any] | None]:
    if item.kind == "reports":
        for _, report, said in _in_force(item):
            received = said.get("received_utc")
            yield rows_of.report_row(
                report, sensor, utc_time(received) if isinstance(received, str) else None
            )
    elif item.table is not None:
        table = item.table.to_pylist()
        if item.kind == "video track":
            if not {"time", "lat_deg", "lon_deg", "ce90_m"} <= set(item.table.column_names):
                raise BadInput(
                    str(item.path), "has no time, lat_deg, lon_deg, ce90_m: nobody knows where it was"
                )
            table = rows_of.one_per_second(table)
        yield from (rows_of.video_row(row, sensor) for row in table)


def _first_place(rows: list[dict[str, Any]], prints: list[tuple[str, dict[str, Any]]]) -> Origin:
    """The first position, rounded to 0.1 degrees."""
    for row in rows:
        return round(row["lat_deg"], 1), round(row["lon_deg"], 1)
    for _, row in prints:
        if row["frame_center_lat_deg"] is not None:
            return round(row["frame_center_lat_deg"], 1), round(row["frame_center_lon_deg"], 1)
    return 0.0, 0.0


def _frames(rows: list[dict[str, Any]], item: Input) -> list[tuple[str, datetime, dict[str, Any]]]:
    """Give each moment of a video's rows the footprint nearest in time, half a second away at most."""
    if item.kind != "footprints" or item.table is None:
        raise BadInput(str(item.path), "is no table of video locate")
    prints = [row for row in item.table.to_pylist() if row["time"] is not None]
    prints.sort(key=itemgetter("time"))
    found = []
    for sensor, moment in sorted({(row["sensor_id"], row["phenomenon_time"]) for row in rows}):
        after = bisect_left(prints, moment, key=itemgetter("time"))
        beside = prints[max(after - 1, 0) : after + 1]
        nearest = min(beside, key=lambda row: abs(row["time"] - moment), default=None)
        if nearest is not None and abs((nearest["time"] - moment).total_seconds()) <= 0.5:
            found.append((sensor, moment, nearest))
    return found


def _looks(
    looked: list[tuple[str, datetime, dict[str, Any]]], origin: Origin, left_out: Counter[str]
) -> tuple[list[dict[str, Any]], dict[tuple[str, datetime], int]]:
    """Make a rectangle inside each footprint; answer the rows, and the look of each moment."""
    rows: list[dict[str, Any]] = []
    ids: dict[tuple[str, datetime], int] = {}
    for sensor, moment, row in looked:
        corners = [(row[lat], row[lon]) for lat, lon in _CORNERS]
        if moment is None or any(v is None for corner in corners for v in corner):
            left_out["footprints without time or corners left out"] += 1
            continue
        x, y = to_local([lat for lat, _ in corners], [lon for _, lon in corners], *origin)
        rect = inner_rect(shapely.Polygon(np.stack([x, y], 1)))
        if rect is None:
            left_out["footprints that are no convex quadrangle left out"] += 1
            continue
        ids.setdefault((sensor, moment), len(rows))
        times = {"phenomenon_time": moment, "result_time": moment}
        rows.append(
            {
                "look_id": len(rows),
                "sensor_id": sensor,
                "sortie_id": 0,
                **times,
                "shape": "rect",
                **_shape(rect),
            }
        )
    return rows, ids


def _shape(rect: Rect) -> dict[str, float]:
    heading_rad = math.radians(rect.turned_deg)
    return {"cx_m": rect.x_m, "cy_m": rect.y_m, "a_m": rect.a_m, "b_m": rect.b_m, "heading_rad": heading_rad}


def _detections(rows: list[dict[str, Any]], origin: Origin, ids: dict[tuple[str, datetime], int]) -> pa.Table:
    x, y = to_local([r["lat_deg"] for r in rows], [r["lon_deg"] for r in rows], *origin)
    placed = []
    for number, row in enumerate(rows):
        look = ids.get((row["sensor_id"], row["phenomenon_time"]))
        same = look is not None and row["result_time"] == row["phenomenon_time"]
        at = {"x_m": float(x[number]), "y_m": float(y[number])}
        placed.append({**row, "detection_id": number + 1, "look_id": look if same else None, **at})
    return pa.Table.from_pylist(placed, schema=DETECTIONS)
