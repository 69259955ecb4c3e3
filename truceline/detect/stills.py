"""Vehicles and persons in drone photos, placed on the ground by what the photos state and by their overlap.

Photos of one flight correct one another: a photo that is looked at is placed together with those before it
that lie nearest. One of these that comes to lie elsewhere than was said of it is looked at again. What was
before is remembered by hash and place alone, the pictures lie in the blob folder.
"""

import json
import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Meta
from PIL import Image

from truceline.detect.objects import SIGHT
from truceline.detect.photos.ground import Ground, ground_of
from truceline.detect.photos.place import Placed, place_photos
from truceline.detect.photos.reader import Photo, read_photo
from truceline.detect.pictures.chips import chip_box, marked
from truceline.detect.pictures.finder import VERSION, Hot
from truceline.detect.pictures.frames import to_jpeg
from truceline.detect.pictures.looks import look_thermal, look_visible
from truceline.detect.pictures.motion import Hit
from truceline.detect.pictures.reading import Still, read_picture
from truceline.detect.pictures.regard import LEAST_PX
from truceline.detect.pictures.spotter import CAR_M, LIKELY, plausible
from truceline.detect.pictures.veil import Veiled, veil
from truceline.geo.crs import to_local
from truceline.geo.regard import field_in_all
from truceline.model.classes import probabilities
from truceline.model.errors import BadInput, Broken
from truceline.model.facts import Blob
from truceline.model.observed import Observation
from truceline.model.tables import DETECTION, LOOK
from truceline.plug import Detector, Found, Media, Sight

KEPT = 60  # photos before this one that may overlap it
NEAREST = 6  # of them are compared with it
REACH_M = 500.0  # photos farther apart show other ground
SHOWN_PX = 1600  # width of the whole picture as it is kept
MOST_CHIPS = 60


class Earlier(msgspec.Struct, frozen=True):
    """A photo before this one: its bytes by hash, where it was taken, and what it was said to show.

    ``corners`` are four of longitude and latitude; none: its place was not told.
    """

    sha256: str
    lat_deg: float
    lon_deg: float
    observation: str = ""
    corners: tuple[tuple[float, float], ...] = ()
    ce90_m: float = 0.0


class Stills(Detector):
    """Finds vehicles and persons in photos, visible or thermal, and places them on level ground.

    Parameters
    ----------
    least_score
        Boxes that are right with a lower chance are left out.
    blur
        Faces and plates in stored pictures are made unreadable.
    hot
        Which shade of thermal pictures is warm: ``white`` or ``black``.
    """

    stateful: ClassVar[bool] = True
    sight: ClassVar[Sight] = SIGHT
    least_score: Annotated[float, Meta(ge=0, le=1)] = LIKELY
    blur: bool = True
    hot: Hot = "white"

    def detect(self, observation: Observation, blobs: Sequence[Blob], media: Media) -> Found:
        """Give one row per object, with its picture."""
        before = _remembered(media)
        blob = next((blob for blob in blobs if blob.media_type.startswith("image/")), None)
        if blob is None:
            return Found(rows=DETECTION.empty_table(), status="degraded", reason="no photo in this piece")
        path = media.open(blob)
        try:
            photo, still = read_photo(blob.sha256, path.read_bytes()), read_picture(path)
        except BadInput as error:
            return Found(rows=DETECTION.empty_table(), status="degraded", reason=str(error)[:200])
        placed, moved = _placed(photo, before, media)
        if any(one.sha256 == blob.sha256 for one in before):  # looked at again: the row goes on elsewhere
            memory, moved = None, []
        else:
            memory = _store_memory(_earlier(photo, observation.id, placed), before, moved, media)
        ground = ground_of(placed)
        hits, words = self._look(still, ground)
        rows, pictures = self._rows(observation, still, ground, hits, words, media)
        return Found(
            rows=pa.Table.from_pylist(rows, DETECTION),
            memory=memory,
            blobs=tuple(pictures),
            status="degraded" if placed.health else "ok",
            reason=", ".join(placed.health) + (f"; placed by {placed.method}" if placed.health else ""),
            looks=self._looked(observation, placed, ground),
            again=tuple(one.observation for one in moved),
        )

    def _looked(self, observation: Observation, placed: Placed, ground: Ground | None) -> pa.Table:
        """Tell where a car would have been shown: nowhere when it is too small in the farthest corner."""
        field = None
        if ground is not None and placed.corners is not None and ground.coarsest_m <= CAR_M / LEAST_PX:
            corners = [(float(lat), float(lon)) for lon, lat in placed.corners]
            field = field_in_all([corners], ground.ce90_m)
        span = observation.phenomenon
        rows = [self.sight.look(span.from_utc, span.until_utc, observation.source, field)] if field else []
        return pa.Table.from_pylist(rows, schema=LOOK)

    def _look(self, still: Still, ground: Ground | None) -> tuple[list[Hit], list[str]]:
        size_m = ground.metres_per_pixel if ground else math.nan
        if still.is_thermal:
            found = look_thermal(still.grey(), self.hot)
        else:
            found = look_visible(still.pixels, CAR_M / size_m if ground else None)
        found = found.keep(found.scores >= self.least_score)
        found = plausible(found, size_m) if ground else found
        rows = zip(found.boxes.tolist(), found.scores.tolist(), strict=True)
        hits = [
            Hit(0, 0.0, round(x, 2), round(y, 2), round(right - x, 2), round(low - y, 2), -1, round(score, 4))
            for (x, y, right, low), score in rows
        ]
        return hits, found.categories()

    def _rows(
        self,
        observation: Observation,
        still: Still,
        ground: Ground | None,
        hits: list[Hit],
        words: list[str],
        media: Media,
    ) -> tuple[list[dict[str, Any]], list[Blob]]:
        picture = Image.fromarray(still.pixels)
        if self.blur:
            boxes = [Veiled(*hit[2:6], word == "person") for hit, word in zip(hits, words, strict=True)]
            picture = veil(picture, boxes, ground.metres_per_pixel if ground else math.nan)
        places = ground.places(hits) if ground else None
        rows, pictures = [], [media.put(_whole(picture, hits), "image/jpeg", "frame")] if hits else []
        for i, (hit, word) in enumerate(zip(hits, words, strict=True)):
            note: dict[str, Any] = {"category": word, "model": _model(still)}
            chip = None
            if i < MOST_CHIPS:
                box = chip_box(hit, picture)
                cut = picture.crop((box[0], box[1], box[0] + box[2], box[1] + box[3]))
                chip = media.put(to_jpeg(cut), "image/jpeg", "chip")
                pictures.append(chip)
                note["chip_px"] = box
            where = places[i] if places else (None, None, None)
            rows.append(
                {
                    "time_utc": observation.phenomenon.from_utc,
                    **dict(zip(("lat_deg", "lon_deg", "ce90_m"), where, strict=True)),
                    **{f"p_{name}": share for name, share in probabilities(word, hit.score).items()},
                    "confidence": hit.score,
                    "count": 1,
                    "frame": 0,
                    **dict(zip(("x_px", "y_px", "w_px", "h_px"), hit[2:6], strict=True)),
                    "chip_sha256": chip.sha256 if chip else None,
                    "note": json.dumps(note),
                }
            )
        return rows, pictures


def _model(still: Still) -> str:
    name = "thermal" if still.is_thermal else "visible"
    return f"{name}-{VERSION[name]}"


def _whole(picture: Image.Image, hits: list[Hit]) -> bytes:
    """Encode the whole picture, not larger than a screen, with its boxes marked."""
    shrink = max(1.0, picture.width / SHOWN_PX)
    if shrink > 1:
        picture = picture.resize((SHOWN_PX, round(picture.height / shrink)), Image.Resampling.BOX)
    return to_jpeg(marked(picture, [hit._replace(**_shrunk(hit, shrink)) for hit in hits]))


def _shrunk(hit: Hit, shrink: float) -> dict[str, Any]:
    return {side: getattr(hit, side) / shrink for side in ("x_px", "y_px", "w_px", "h_px")}


def _placed(photo: Photo, before: Sequence[Earlier], media: Media) -> tuple[Placed, list[Earlier]]:
    """Place a photo together with those before it that lie near; give these too where they moved."""
    near, others = [], []
    for one in _near(photo, before):
        try:
            others.append(read_photo(one.sha256, media.open(one.sha256).read_bytes()))
        except (BadInput, Broken):  # its bytes are kept no longer, or are not what they were
            continue
        near.append(one)
    first, *rest = place_photos([photo, *others])
    pairs = zip(near, rest, strict=True)
    return first, [_with_place(one, placed) for one, placed in pairs if _has_moved(one, placed)]


def _has_moved(told: Earlier, placed: Placed) -> bool:
    """Tell whether every corner lies farther from where it was said to be than that might have been off."""
    if not told.corners or placed.corners is None:
        return False
    lon, lat = np.array(told.corners).T
    was = np.stack(to_local(lat, lon, told.lat_deg, told.lon_deg))
    now = np.stack(to_local(placed.corners[:, 1], placed.corners[:, 0], told.lat_deg, told.lon_deg))
    return bool(np.hypot(*(now - was)).min() > told.ce90_m)


def _near(photo: Photo, before: Sequence[Earlier]) -> list[Earlier]:
    if not np.isfinite(photo.tags.lat_deg + photo.tags.lon_deg):
        return []
    east = 111_320.0 * math.cos(math.radians(photo.tags.lat_deg))

    def apart_m(one: Earlier) -> float:
        return math.hypot(
            (one.lon_deg - photo.tags.lon_deg) * east, (one.lat_deg - photo.tags.lat_deg) * 111_132.0
        )

    return sorted((one for one in before if apart_m(one) < REACH_M), key=apart_m)[:NEAREST]


def _remembered(media: Media) -> list[Earlier]:
    return [] if media.memory is None else msgspec.json.decode(media.memory.read_bytes(), type=list[Earlier])


def _earlier(photo: Photo, observation: str, placed: Placed) -> Earlier | None:
    if not np.isfinite(photo.tags.lat_deg + photo.tags.lon_deg):
        return None
    told = Earlier(photo.name, photo.tags.lat_deg, photo.tags.lon_deg, observation)
    return _with_place(told, placed)


def _with_place(told: Earlier, placed: Placed) -> Earlier:
    if placed.corners is None or placed.ce90_m is None:
        return told
    corners = tuple((float(lon), float(lat)) for lon, lat in placed.corners)
    return msgspec.structs.replace(told, corners=corners, ce90_m=placed.ce90_m)


def _store_memory(own: Earlier | None, before: Sequence[Earlier], moved: list[Earlier], media: Media) -> Blob:
    anew = {one.sha256: one for one in moved}
    known = [anew.get(one.sha256, one) for one in before] + ([own] if own is not None else [])
    return media.put(msgspec.json.encode(known[-KEPT:]), "application/octet-stream", "memory")
