"""Pictures that go with hits in a clip: one of each thing, and the frame with most of them whole."""

from collections.abc import Sequence, Set
from typing import NamedTuple

from PIL import Image

from truceline.detect.frames import Clip, to_jpeg
from truceline.detect.motion import Hit
from truceline.detect.pixels import Poses
from truceline.detect.veil import Veiled, veil
from truceline.model.facts import Blob
from truceline.plug import Media

CHIP_PX = (160, 320)


class Chip(NamedTuple):
    """A picture of one hit, and the part of the frame that it shows: left, top, width, height."""

    blob: Blob
    box: tuple[int, int, int, int]


def store_chips(
    clip: Clip, hits: Sequence[Hit], chosen: Sequence[int], media: Media, veiling: "Veiling | None"
) -> tuple[dict[int, Chip], list[Blob]]:
    """Store a chip per chosen hit, and whole the frame in which most of them are.

    Parameters
    ----------
    clip, hits
        The clip, and everything found in it.
    chosen
        Indices of the hits that get a chip.
    media
        Where pictures go.
    veiling
        How faces and plates are made unreadable; None: they stay as they are.
    """
    by_frame: dict[int, list[int]] = {}
    for i in chosen:
        by_frame.setdefault(hits[i].frame, []).append(i)
    fullest = max(by_frame, key=lambda frame: (len(by_frame[frame]), -frame), default=-1)
    chips: dict[int, Chip] = {}
    blobs = []
    for frame, picture in clip.pictures(by_frame.keys()):
        shown = (
            veiling.apply(picture, [i for i, hit in enumerate(hits) if hit.frame == frame])
            if veiling
            else picture
        )
        if frame == fullest:
            blobs.append(media.put(to_jpeg(shown), "image/jpeg", "frame"))
        for i in by_frame[frame]:
            box = _chip_box(hits[i], picture)
            chip = shown.crop((box[0], box[1], box[0] + box[2], box[1] + box[3]))
            chips[i] = Chip(media.put(to_jpeg(chip), "image/jpeg", "chip"), box)
            blobs.append(chips[i].blob)
    return chips, blobs


class Veiling(NamedTuple):
    """What is known when a frame is made unreadable: its hits, which of them are persons, the scale."""

    hits: Sequence[Hit]
    persons: Set[int]
    poses: Poses

    def apply(self, picture: Image.Image, shown: Sequence[int]) -> Image.Image:
        """Veil a frame on which these hits are."""
        if not shown:
            return picture
        boxes = [Veiled(*self.hits[i][2:6], i in self.persons) for i in shown]
        return veil(picture, boxes, self.poses.metres_per_pixel(self.hits[shown[0]].pts_s, picture.width))


def _chip_box(hit: Hit, picture: Image.Image) -> tuple[int, int, int, int]:
    side = int(min(max(4 * max(hit.w_px, hit.h_px), CHIP_PX[0]), CHIP_PX[1]))
    width, height = min(side, picture.width), min(side, picture.height)
    x = min(max(round(hit.x_px + hit.w_px / 2 - width / 2), 0), picture.width - width)
    y = min(max(round(hit.y_px + hit.h_px / 2 - height / 2), 0), picture.height - height)
    return x, y, width, height
