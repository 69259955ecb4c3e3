"""Moving things in drone video, placed on the ground: what they are is not claimed."""

from collections import deque
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Meta

from truceline.codec.klv import TELEMETRY
from truceline.detect.pictures.chips import Chip, Kept, Veiling, store_pictures
from truceline.detect.pictures.film import Film, Marks, film_frames
from truceline.detect.pictures.frames import Clip, Onlooker
from truceline.detect.pictures.motion import Hit, find_movers
from truceline.detect.pictures.pixels import Places, Poses, place
from truceline.detect.pictures.rows import row_of
from truceline.geo.crs import GEOD
from truceline.model.classes import FUSION_CLASSES
from truceline.model.errors import BadInput
from truceline.model.facts import Blob
from truceline.model.names import name
from truceline.model.observed import Observation
from truceline.model.tables import DETECTION
from truceline.plug import Detector, Found, Media

LAG_S = 0.4  # a walker moves his own width in that time
LEAST_SPEED_S = 0.8  # a shorter way tells no speed
ANY_CLASS = dict.fromkeys(FUSION_CLASSES, 1 / len(FUSION_CLASSES))


class Seen(NamedTuple):
    """What moves in a clip; ``broken`` counts the frames that do not decode, ``every`` is the step."""

    hits: list[Hit]
    width_px: int
    height_px: int
    analysed: int
    decoded: int
    broken: int
    every: int
    rate_hz: float

    @property
    def frames(self) -> int:
        """Number of frames in the clip."""
        return self.decoded + self.broken


class Movers(Detector):
    """Finds what moves against the ground in a clip, whatever it is.

    Parameters
    ----------
    analysed_hz
        Frames looked at per second.
    width_px
        Frames are looked at in this width; objects must be a few pixels large in it.
    least_score
        Ways with a lower score are left out.
    blur
        Faces and plates in stored pictures are made unreadable.
    """

    analysed_hz: Annotated[float, Meta(gt=0, le=60)] = 5.0
    width_px: Annotated[int, Meta(ge=64, le=4096)] = 640
    least_score: Annotated[float, Meta(ge=0, le=1)] = 0.3
    blur: bool = True

    def detect(self, observation: Observation, blobs: Sequence[Blob], media: Media) -> Found:
        """Give one row per moving thing and second, with its picture."""
        clip_blob = next((blob for blob in blobs if blob.media_type == "video/mp2t"), None)
        if clip_blob is None:
            return Found(rows=DETECTION.empty_table(), status="degraded", reason="no video in this piece")
        clip = Clip(media.open(clip_blob), clip_blob.name)
        try:
            seen = look(clip, self.analysed_hz, self.width_px)
        except BadInput as error:
            return Found(rows=DETECTION.empty_table(), status="degraded", reason=str(error))
        poses = Poses(telemetry_of(blobs, media))
        kept = [hit for hit in seen.hits if hit.score >= self.least_score]
        places = place(kept, (seen.width_px, seen.height_px), poses)
        chosen = _one_a_second(kept)
        names = [name("mov", observation.id, str(hit.thing)) for hit in kept]
        marks = Marks(kept, places, [ANY_CLASS] * len(kept), names, {i: row for row, i in enumerate(chosen)})
        wanted = Kept(chosen, Film(marks, poses), film_frames(kept, seen.every, seen.rate_hz, seen.frames))
        veiling = Veiling(kept, frozenset(), poses) if self.blur else None
        chips, pictures = store_pictures(clip, kept, wanted, media, veiling)
        rows = [_row(observation, kept, places, i, chips.get(i)) | {"object": names[i]} for i in chosen]
        reason = f"{seen.broken} frames do not decode" if seen.broken else ""
        return Found(
            rows=pa.Table.from_pylist(rows, DETECTION),
            blobs=tuple(pictures),
            status="degraded" if seen.broken or not seen.decoded else "ok",
            reason=reason,
        )


def _row(
    observation: Observation, hits: list[Hit], places: Places, i: int, chip: Chip | None
) -> dict[str, Any]:
    speed_mps, course_deg = _motion(hits, places, hits[i].thing)
    motion = {"speed_mps": speed_mps, "course_deg": course_deg}
    classes = {f"p_{word}": share for word, share in ANY_CLASS.items()}
    return row_of(observation, hits, places, i, chip, {}) | motion | classes


def look(
    clip: Clip,
    analysed_hz: float,
    width_px: int,
    every: int | None = None,
    onlooker: Onlooker | None = None,
    moving: bool = True,
) -> Seen:
    """Find what moves in a clip; an onlooker sees every analysed frame too, without ``moving`` only it.

    Raises
    ------
    BadInput
        If there is no video stream that can be opened.
    """
    rate_hz = clip.rate_hz()
    every = every or max(1, round(rate_hz / analysed_hz))
    lag = min(8, max(1, round(LAG_S * rate_hz / every)))
    size, analysed = (1, 1), 0

    def counted() -> Any:
        nonlocal size, analysed
        for frame in clip.analysed(every, width_px, onlooker):
            size, analysed = (frame.width_px, frame.height_px), analysed + 1
            yield frame

    hits: list[Hit] = []
    if moving:
        hits += find_movers(counted(), lag)
    else:
        deque(counted(), maxlen=0)
    return Seen(hits, *size, analysed, clip.decoded, clip.broken, every, rate_hz)


def telemetry_of(blobs: Sequence[Blob], media: Media) -> pa.Table:
    """Read the telemetry among the blobs of a piece, empty if there is none."""
    for blob in blobs:
        if blob.name.endswith(".parquet"):
            return pq.read_table(media.open(blob), schema=TELEMETRY)
    return TELEMETRY.empty_table()


def _one_a_second(hits: Sequence[Hit]) -> list[int]:
    """Choose, per thing and second, the hit nearest to the middle of that second."""
    best: dict[tuple[int, int], int] = {}
    for i, hit in enumerate(hits):
        slot = (hit.thing, int(np.floor(hit.pts_s)))
        other = best.get(slot)
        if other is None or _off_middle(hit) < _off_middle(hits[other]):
            best[slot] = i
    return sorted(best.values(), key=lambda i: (hits[i].pts_s, hits[i].thing))


def _off_middle(hit: Hit) -> float:
    return abs(hit.pts_s % 1.0 - 0.5)


def _motion(hits: Sequence[Hit], places: Places, thing: int) -> tuple[float | None, float | None]:
    own = [i for i, hit in enumerate(hits) if hit.thing == thing and np.isfinite(places.lat_deg[i])]
    if not own or hits[own[-1]].pts_s - hits[own[0]].pts_s < LEAST_SPEED_S:
        return None, None
    first, last = own[0], own[-1]
    course_deg, _, way_m = GEOD.inv(
        places.lon_deg[first], places.lat_deg[first], places.lon_deg[last], places.lat_deg[last]
    )
    return float(way_m) / (hits[last].pts_s - hits[first].pts_s), float(course_deg) % 360
