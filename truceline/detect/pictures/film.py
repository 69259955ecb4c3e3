"""A clip that may be looked at: few, small, unreadable frames, and what was found in each of them.

A browser plays no transport stream, and nobody needs full pixels to judge a claim: of a clip in which
something was found, two frames a second are kept as JPEG files one after the other, veiled like every
stored picture, beside a table of frames, packets and boxes. The clip itself stays where it is.
"""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from truceline.detect.pictures.motion import Hit
from truceline.detect.pictures.pixels import Places, Poses, moment_of
from truceline.model.facts import Blob
from truceline.model.place import utc_text
from truceline.plug import Media

FILM_HZ = 2.0
FILM_PX = 960  # width at most
QUALITY = 70
MOST_FRAMES = 120  # a minute; of longer pieces fewer a second are kept
INDEX_TYPE, FILM_TYPE = "application/json", "video/x-motion-jpeg"


class Marks(NamedTuple):
    """What is written beside a box: its place, class probabilities, name, and the row that tells of it.

    ``rows`` maps a hit's index to its row; of most frames no row is made.
    """

    hits: Sequence[Hit]
    places: Places
    classes: Sequence[Mapping[str, float]]
    objects: Sequence[str | None]
    rows: Mapping[int, int]


def film_frames(hits: Sequence[Hit], every: int, rate_hz: float, frames: int) -> set[int]:
    """Choose the frames of a film: about two a second, all of them among those that were analysed.

    Parameters
    ----------
    hits
        What was found; nothing found, no film.
    every
        Step of the analysed frames.
    rate_hz
        Frames per second of the clip.
    frames
        Of the clip.
    """
    if not hits:
        return set()
    step = every * max(1, round(rate_hz / every / FILM_HZ))
    while frames / step > MOST_FRAMES:
        step += every
    return set(range(0, frames, step))


class Film:
    """Frames of a film in the making, in order.

    Parameters
    ----------
    marks
        What was found in the clip.
    poses
        Of the clip: they tell the packet and the time of a frame.
    """

    def __init__(self, marks: Marks, poses: Poses) -> None:
        self._marks = marks
        self._poses = poses
        self._data = bytearray()
        self._size = (0, 0)
        self._frames: list[dict[str, Any]] = []
        self._by_frame: dict[int, list[int]] = {}
        for i, hit in enumerate(marks.hits):
            self._by_frame.setdefault(hit.frame, []).append(i)

    def add(self, frame: int, pts_s: float, veiled: Image.Image) -> None:
        """Add a frame that was made unreadable."""
        shrink = max(1.0, veiled.width / FILM_PX)
        small = veiled if shrink == 1 else veiled.resize((FILM_PX, round(veiled.height / shrink)))
        jpeg = _jpeg(small)
        moment = moment_of(float(self._poses.utc_us(np.array([pts_s]))[0]))
        packet = int(self._poses.packets_at(np.array([pts_s]))[0])
        self._frames.append(
            {
                "frame": frame,
                "pts_s": round(pts_s, 4),
                "packet": None if packet < 0 else packet,
                "time_utc": None if moment is None else utc_text(moment),
                "at": len(self._data),
                "bytes": len(jpeg),
                "boxes": [self._box(i, shrink) for i in self._by_frame.get(frame, ())],
            }
        )
        self._data += jpeg
        self._size = small.size

    def store(self, media: Media) -> list[Blob]:
        """Store table and frames; nothing if there is no frame."""
        if not self._frames:
            return []
        index = {"width_px": self._size[0], "height_px": self._size[1], "frames": self._frames}
        text = json.dumps(index, separators=(",", ":"))
        return [
            media.put(text.encode(), INDEX_TYPE, "film.json"),
            media.put(bytes(self._data), FILM_TYPE, "film"),
        ]

    def _box(self, i: int, shrink: float) -> dict[str, Any]:
        hit, marks = self._marks.hits[i], self._marks
        sides = (hit.x_px, hit.y_px, hit.w_px, hit.h_px)
        lat, lon, ce90_m = (float(column[i]) for column in marks.places[:3])
        known = np.isfinite(lat + lon + ce90_m)
        return {
            "box": [round(side / shrink, 1) for side in sides],
            "score": round(hit.score, 4),
            "classes": {word: round(share, 4) for word, share in marks.classes[i].items()},
            "object": marks.objects[i],
            "row": marks.rows.get(i),
            "place": [round(lon, 7), round(lat, 7), round(ce90_m, 1)] if known else None,
        }


def _jpeg(picture: Image.Image) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=QUALITY)
    return sink.getvalue()
