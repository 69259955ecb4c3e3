"""Moving things in drone video, placed on the ground: what they are is not claimed."""

from collections import deque
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Meta

from truceline.codec.klv import TELEMETRY
from truceline.detect.pictures.chips import Kept, Veiling, store_pictures
from truceline.detect.pictures.film import Film, Marks, film_frames
from truceline.detect.pictures.frames import Clip, Onlooker
from truceline.detect.pictures.motion import Hit, find_movers
from truceline.detect.pictures.pixels import Poses
from truceline.detect.pictures.rows import few, on_the_ground, row_of
from truceline.detect.pictures.slide import Slide
from truceline.model.classes import FUSION_CLASSES
from truceline.model.errors import BadInput
from truceline.model.facts import Blob
from truceline.model.names import name
from truceline.model.observed import Observation
from truceline.model.tables import DETECTION
from truceline.plug import Detector, Found, Media

LAG_S = 0.4  # a walker moves his own width in that time
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
    slide: Slide

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
    row_s
        A thing is reported once in so many seconds.
    blur
        Faces and plates in stored pictures are made unreadable.
    """

    analysed_hz: Annotated[float, Meta(gt=0, le=60)] = 5.0
    width_px: Annotated[int, Meta(ge=64, le=4096)] = 640
    least_score: Annotated[float, Meta(ge=0, le=1)] = 0.3
    row_s: Annotated[float, Meta(gt=0, le=60)] = 1.0
    blur: bool = True

    def detect(self, observation: Observation, blobs: Sequence[Blob], media: Media) -> Found:
        """Give few rows per moving thing, each with its picture."""
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
        there = on_the_ground(kept, (seen.width_px, seen.height_px), poses, seen.slide)
        chosen = few(kept, self.row_s)
        names = [name("mov", observation.id, str(hit.thing)) for hit in kept]
        marks = Marks(
            kept, there.places, [ANY_CLASS] * len(kept), names, {i: row for row, i in enumerate(chosen)}
        )
        wanted = Kept(chosen, Film(marks, poses), film_frames(kept, seen.every, seen.rate_hz, seen.frames))
        veiling = Veiling(kept, frozenset(), poses) if self.blur else None
        chips, pictures = store_pictures(clip, kept, wanted, media, veiling)
        classes = {f"p_{word}": share for word, share in ANY_CLASS.items()}
        rows = [
            row_of(observation, there, i, chips.get(i), {}) | classes | {"object": names[i]} for i in chosen
        ]
        reason = f"frames that do not decode: {seen.broken}" if seen.broken else ""
        return Found(
            rows=pa.Table.from_pylist(rows, DETECTION),
            blobs=tuple(pictures),
            status="degraded" if seen.broken or not seen.decoded else "ok",
            reason=reason,
        )


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
    size, analysed, slide = (1, 1), 0, Slide()

    def counted() -> Any:
        nonlocal size, analysed
        for frame in clip.analysed(every, width_px, onlooker):
            size, analysed = (frame.width_px, frame.height_px), analysed + 1
            slide.add(frame)
            yield frame

    hits: list[Hit] = []
    if moving:
        hits += find_movers(counted(), lag)
    else:
        deque(counted(), maxlen=0)
    return Seen(hits, *size, analysed, clip.decoded, clip.broken, every, rate_hz, slide)


def telemetry_of(blobs: Sequence[Blob], media: Media) -> pa.Table:
    """Read the telemetry among the blobs of a piece, empty if there is none."""
    for blob in blobs:
        if blob.name.endswith(".parquet"):
            return pq.read_table(media.open(blob), schema=TELEMETRY)
    return TELEMETRY.empty_table()
