"""Boxes as a detector draws them on traffic seen from above, and the true ones: for tracking."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

WIDE_PX, HIGH_PX = 1920, 1080
SIDES = ("bbox_x_px", "bbox_y_px", "bbox_w_px", "bbox_h_px")


class Traffic(NamedTuple):
    """What traffic is made of.

    Attributes
    ----------
    things, frames, rate_hz
        Things in view at a time, frames, frames per second.
    missed, hidden
        Share of boxes missed for one frame, and chance per thing and second to be hidden for a while.
    hidden_frames
        Least and most frames hidden.
    jitter
        Error of centre and sides, share of the side.
    false_per_frame
        False boxes.
    stops
        Chance per thing and second to stop or start at once.
    sway_px
        How far the camera moves to and fro.
    """

    things: int = 60
    frames: int = 200
    rate_hz: float = 25.0
    missed: float = 0.06
    hidden: float = 0.2
    hidden_frames: tuple[int, int] = (5, 14)
    jitter: float = 0.045
    false_per_frame: float = 2.0
    stops: float = 0.05
    sway_px: float = 3.0


def draw(traffic: Traffic, seed: int) -> tuple[pa.Table, pa.Table]:
    """Draw detections and truth, the columns of contract drone, section 3 (truth: with ``track_id``)."""
    dice = np.random.default_rng(seed)
    frames, things = np.arange(traffic.frames), traffic.things * 2
    angle = np.where(dice.random(things) < 0.5, 0.0, np.pi / 2) + dice.choice([0, np.pi], things)
    angle += dice.normal(0, 0.1, things)
    speed = dice.gamma(3.0, 1.3, things)
    length, width = dice.uniform(30, 80, things), dice.uniform(18, 36, things)
    flat = np.abs(np.cos(angle)) > 0.7
    size = np.asarray(np.where(flat[:, None], np.c_[length, width], np.c_[width, length]))
    change = dice.random((traffic.frames, things)) < traffic.stops / traffic.rate_hz
    going = (np.cumsum(change, 0) + (dice.random(things) < 0.2)) % 2 == 0
    way = np.cumsum(speed * going, 0)
    place = dice.uniform((0, 0), (WIDE_PX, HIGH_PX), (things, 2))
    begin = dice.uniform(0, 1.2 * traffic.frames, things) * (dice.random(things) < 0.5)
    centre = place + way[..., None] * np.c_[np.cos(angle), np.sin(angle)]
    sway = traffic.sway_px * np.c_[np.sin(frames / 17), np.cos(frames / 23)]
    centre = centre + sway[:, None, :]
    shown = (centre > 0).all(2) & (centre < (WIDE_PX, HIGH_PX)).all(2) & (frames[:, None] >= begin)
    truth = _table(frames, centre, np.broadcast_to(size, centre.shape), shown, dice, track=True)
    seen = shown & (dice.random(shown.shape) >= traffic.missed) & ~_hidden(traffic, things, dice)
    noisy = size * (1 + traffic.jitter * dice.normal(size=centre.shape))
    drawn = centre + size * traffic.jitter * dice.normal(size=centre.shape)
    found = _table(frames, drawn, noisy, seen, dice, track=False)
    return pa.concat_tables([found, _false(traffic, size, dice)]).sort_by("frame_index"), truth


def _hidden(traffic: Traffic, things: int, dice: np.random.Generator) -> np.ndarray:
    hidden = np.zeros((traffic.frames, things), bool)
    starts = dice.random(hidden.shape) < traffic.hidden / traffic.rate_hz
    for frame, thing in zip(*np.nonzero(starts), strict=True):
        hidden[frame : frame + dice.integers(*traffic.hidden_frames), thing] = True
    return hidden


def _table(
    frames: np.ndarray,
    centre: np.ndarray,
    size: np.ndarray,
    shown: np.ndarray,
    dice: np.random.Generator,
    track: bool,
) -> pa.Table:
    frame, thing = np.nonzero(shown)
    corner = centre[frame, thing] - size[frame, thing] / 2
    columns = {
        "frame_index": frames[frame],
        **dict(zip(SIDES, [*corner.T, *size[frame, thing].T], strict=True)),
    }
    if track:
        return pa.table({**columns, "track_id": thing + 1})
    score = np.clip(dice.normal(0.75, 0.15, len(frame)), 0.05, 1.0)
    return pa.table(
        {
            **columns,
            "pts_s": frames[frame] / 25.0,
            "score": score,
            "category": pa.array(["car"] * len(frame), pa.string()),
        }
    )


def _false(traffic: Traffic, size: np.ndarray, dice: np.random.Generator) -> pa.Table:
    count = dice.poisson(traffic.false_per_frame, traffic.frames)
    frame = np.repeat(np.arange(traffic.frames), count)
    centre = dice.uniform((0, 0), (WIDE_PX, HIGH_PX), (len(frame), 2))
    sides = size[dice.integers(0, len(size), len(frame))] if len(size) else np.full((len(frame), 2), 30.0)
    score = np.clip(dice.normal(0.35, 0.15, len(frame)), 0.05, 1.0)
    columns = {"frame_index": frame, **dict(zip(SIDES, [*(centre - sides / 2).T, *sides.T], strict=True))}
    return pa.table(
        {
            **columns,
            "pts_s": frame / 25.0,
            "score": score,
            "category": pa.array(["car"] * len(frame), pa.string()),
        }
    )
