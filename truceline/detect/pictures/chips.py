"""Pictures that go with hits in a clip: one of each thing, and the frame with most of them whole, marked."""

from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from PIL import Image, ImageDraw

from truceline.detect.pictures.film import Film
from truceline.detect.pictures.frames import Clip, to_jpeg
from truceline.detect.pictures.motion import Hit
from truceline.detect.pictures.pixels import Poses
from truceline.detect.pictures.veil import Veiled, veil
from truceline.model.facts import Blob
from truceline.plug import Media

CHIP_PX = (160, 320)


class Chip(NamedTuple):
    """A picture of one hit, and the part of the frame that it shows: left, top, width, height."""

    blob: Blob
    box: tuple[int, int, int, int]


class Kept(NamedTuple):
    """What pictures are kept of a clip: which hits get a chip, and which frames are in the film."""

    chosen: Sequence[int]
    film: Film
    film_frames: Set[int]


def store_pictures(
    clip: Clip, hits: Sequence[Hit], kept: Kept, media: Media, veiling: "Veiling | None"
) -> tuple[dict[int, Chip], list[Blob]]:
    """Store a chip per chosen hit, whole the frame in which most of them are, and the film.

    Parameters
    ----------
    clip, hits
        The clip, and everything found in it.
    kept
        What pictures are kept.
    media
        Where pictures go.
    veiling
        How faces and plates are made unreadable; None: they stay as they are.
    """
    by_frame = _by_frame(hits, kept.chosen)
    fullest = max(by_frame, key=lambda frame: (len(by_frame[frame]), -frame), default=-1)
    everything = _by_frame(hits, range(len(hits)))
    chips: dict[int, Chip] = {}
    blobs: list[Blob] = []
    for frame, pts_s, picture in clip.pictures(by_frame.keys() | kept.film_frames):
        there = everything.get(frame, [])
        shown = veiling.apply(picture, there, pts_s) if veiling else picture
        if frame in kept.film_frames:
            kept.film.add(frame, pts_s, shown)
        if frame == fullest:
            whole = marked(shown, [hits[i] for i in there])
            blobs.insert(0, media.put(to_jpeg(whole), "image/jpeg", "frame"))  # what a person looks at first
        for i in by_frame.get(frame, ()):
            box = chip_box(hits[i], picture)
            chip = shown.crop((box[0], box[1], box[0] + box[2], box[1] + box[3]))
            chips[i] = Chip(media.put(to_jpeg(chip), "image/jpeg", "chip"), box)
            blobs.append(chips[i].blob)
    return chips, [*blobs, *kept.film.store(media)]


def _by_frame(hits: Sequence[Hit], chosen: Iterable[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for i in chosen:
        found.setdefault(hits[i].frame, []).append(i)
    return found


def marked(picture: Image.Image, hits: Sequence[Hit]) -> Image.Image:
    """Draw the corners of boxes around things, white beside black, on a copy; what is inside stays seen."""
    out = picture.copy()
    pen = ImageDraw.Draw(out)
    for hit in hits:
        left, top = hit.x_px - 3, hit.y_px - 3
        right, bottom = hit.x_px + hit.w_px + 2, hit.y_px + hit.h_px + 2
        arm = max(4.0, min(hit.w_px, hit.h_px) / 3)
        for x, dx in ((left, arm), (right, -arm)):
            for y, dy in ((top, arm), (bottom, -arm)):
                for shift, colour in ((1, "black"), (0, "white")):
                    corner = [
                        (x + dx + shift, y + shift),
                        (x + shift, y + shift),
                        (x + shift, y + dy + shift),
                    ]
                    pen.line(corner, fill=colour)
    return out


class Veiling(NamedTuple):
    """What is known when a frame is made unreadable: its hits, which of them are persons, the scale."""

    hits: Sequence[Hit]
    persons: Set[int]
    poses: Poses

    def apply(self, picture: Image.Image, shown: Sequence[int], pts_s: float) -> Image.Image:
        """Veil a frame on which these hits are."""
        boxes = [Veiled(*self.hits[i][2:6], i in self.persons) for i in shown]
        return veil(picture, boxes, self.poses.metres_per_pixel(pts_s, picture.width))


def chip_box(hit: Hit, picture: Image.Image) -> tuple[int, int, int, int]:
    """Choose the part of a frame that shows a hit with its surroundings."""
    side = int(min(max(4 * max(hit.w_px, hit.h_px), CHIP_PX[0]), CHIP_PX[1]))
    width, height = min(side, picture.width), min(side, picture.height)
    x = min(max(round(hit.x_px + hit.w_px / 2 - width / 2), 0), picture.width - width)
    y = min(max(round(hit.y_px + hit.h_px / 2 - height / 2), 0), picture.height - height)
    return x, y, width, height
