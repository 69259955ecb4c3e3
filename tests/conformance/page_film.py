"""A made-up clip for the page: grey ground, one gun that stands, one truck that drives."""

# ruff: noqa: E501  (sentences and scripts are not broken)

import io
import json
from hashlib import sha256
from typing import Any

import numpy as np
from page_items import spot, stamp
from PIL import Image

WIDTH, HEIGHT, FRAMES = 640, 360, 8
SEQ = 468


def film() -> tuple[bytes, bytes]:
    """Make the table of frames and boxes, and the frames one after the other."""
    noise = np.random.default_rng(4).integers(60, 110, (HEIGHT, WIDTH), np.uint8)
    frames, data = [], b""
    for n in range(FRAMES):
        picture, x = noise.copy(), 80 + 40 * n
        picture[150:168, 300:342] = 215
        picture[240:256, x : x + 34] = 190
        sink = io.BytesIO()
        Image.fromarray(picture).save(sink, "JPEG", quality=70)
        boxes = [
            _box([300, 150, 42, 18], {"gun": 0.71, "truck": 0.17}, spot(41.2, 6.8), 3 if n == 2 else None)
        ]
        boxes.append(_box([x, 240, 34, 16], {"truck": 0.64, "car": 0.3}, spot(41.23 + n / 100, 6.75), None))
        frames.append(
            {"frame": 12 * n, "packet": 5 * n, "pts_s": 1 + n / 2, "time_utc": stamp(-14 + n / 120),
             "at": len(data), "bytes": len(sink.getvalue()), "boxes": boxes}
        )  # fmt: skip
        data += sink.getvalue()
    table = {"width_px": WIDTH, "height_px": HEIGHT, "frames": frames}
    return json.dumps(table).encode(), data


def _box(
    sides: list[int], classes: dict[str, float], place: tuple[float, float], row: int | None
) -> dict[str, Any]:
    return {
        "box": sides,
        "score": 0.7,
        "classes": classes,
        "object": None,
        "row": row,
        "place": [*place, 31.0],
    }


TABLE, DATA = film()
BLOBS = {
    sha256(TABLE).hexdigest(): (TABLE, "application/octet-stream"),
    sha256(DATA).hexdigest(): (DATA, "image/jpeg"),
}


def cause() -> dict[str, Any]:
    """Give the entry of the detection whose clip it is, as `why` tells of it."""
    named = zip(("film.json", "film"), ("application/json", "video/x-motion-jpeg"), BLOBS, strict=True)
    return {
        "seq": SEQ, "kind": "detection", "id": "det-1", "time_utc": stamp(-13), "says": "4 rows by objects",
        "blobs": [{"name": name, "media_type": kind, "sha256": sha} for name, kind, sha in named],
    }  # fmt: skip


def frame() -> dict[str, Any]:
    """Give what the camera of a source saw last, north-east of the line."""
    lon, lat = spot(40.6, 5.9)
    sensor_lon, sensor_lat = spot(38.9, 3.2)
    return {
        "seq": 467, "time_utc": stamp(-1), "packet": 48, "ce90_m": 190.0, "center_lat_deg": lat, "center_lon_deg": lon,
        "corners": [spot(39.9, 6.9), spot(41.6, 6.7), spot(41.2, 5.2), spot(40.2, 5.3)],
        "sensor_lat_deg": sensor_lat, "sensor_lon_deg": sensor_lon,
    }  # fmt: skip
