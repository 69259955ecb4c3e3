"""Rows of boxes as numbers, and numbers as rows (contract drone, sections 3 and 7)."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from truceline.detect.boxes.fill import Filled
from truceline.detect.boxes.follow import Array, Boxes, Ints
from truceline.detect.boxes.ground import smooth

SIDES = ("bbox_x_px", "bbox_y_px", "bbox_w_px", "bbox_h_px")
NEEDED = ("frame_index", "pts_s", *SIDES, "score", "category")
PLACED = ("time", "lat_deg", "lon_deg", "ce90_m", "slide_east_m", "slide_north_m")
SLID = ("slide_east_m", "slide_north_m")  # of the pose over the ground, since anywhere
UNSEEN = 0.5  # what nobody saw is less sure than what was seen on either side


class Clock(NamedTuple):
    """Frames of a video.

    Attributes
    ----------
    step
        Between analysed frames.
    frames
        How many have boxes.
    known, pts_s
        Frame indices with a time, and that time.
    """

    step: int
    frames: int
    known: Ints
    pts_s: Array

    @classmethod
    def of(cls, table: pa.Table) -> "Clock":
        """Read the clock off a table sorted by frame."""
        frames, first = np.unique(table["frame_index"].to_numpy(), return_index=True)
        steps = np.diff(frames)
        step = int(np.bincount(np.minimum(steps, 100_000)).argmax()) if len(steps) else 1
        pts_s = numbers(table, "pts_s")[first]
        known = np.isfinite(pts_s)
        return cls(max(step, 1), len(frames), frames[known].astype(np.int64), pts_s[known])

    def rate_hz(self) -> float:
        """Give the analysed frames per second, 0 if no times tell."""
        length_s = float(self.pts_s[-1] - self.pts_s[0]) if len(self.pts_s) > 1 else 0.0
        return float(self.known[-1] - self.known[0]) / self.step / length_s if length_s > 0 else 0.0


def numbers(table: pa.Table, word: str) -> Array:
    """Give a column as float64, null as NaN."""
    return np.asarray(table[word].cast(pa.float64()).to_numpy(), float)


def boxes_of(table: pa.Table, clock: Clock) -> Boxes:
    """Give the boxes of a table; frames are counted in steps of the clock."""
    x, y, w, h = (numbers(table, word) for word in SIDES)
    frame = numbers(table, "frame_index") / clock.step
    return Boxes(
        frame, np.column_stack([x + w / 2, y + h / 2]), np.column_stack([w, h]), numbers(table, "score")
    )


def rows_of(
    table: pa.Table, filled: Filled, clock: Clock, labels: Ints, categories: npt.NDArray[Any]
) -> pa.Table:
    """Put seen and filled rows together, sorted by frame and track (contract drone, section 7).

    Parameters
    ----------
    table, labels
        What was seen, and the track of each row, from 0.
    filled
        What was not.
    clock
        Of the table.
    categories
        One word per track.
    """
    track = np.concatenate([labels, labels[filled.before]])
    frame_index = np.round(filled.frame * clock.step).astype(np.int64)
    score = numbers(table, "score")
    made: dict[str, Array] = {
        "pts_s": np.interp(frame_index, clock.known, clock.pts_s)
        if len(clock.known)
        else np.full(len(frame_index), np.nan),
        "score": UNSEEN * np.minimum(score[filled.before], score[filled.after]),
        **dict(zip(SIDES, [*(filled.centre - filled.size / 2).T, *filled.size.T], strict=True)),
    }
    columns: dict[str, Any] = {
        "frame_index": np.concatenate([table["frame_index"].to_numpy(), frame_index]).astype(np.int64),
        "pts_s": None,
        "track_id": track.astype(np.int64),
        **dict.fromkeys(SIDES),
        "category": pa.array(categories[track], pa.string()),
        "observed": np.arange(len(track)) < table.num_rows,
        "score": None,
    }
    for word, values in made.items():
        columns[word] = pa.array(
            np.concatenate([numbers(table, word), values]), pa.float64(), from_pandas=True
        )
    for word in table.column_names:
        if word not in NEEDED:
            columns[word] = pa.concat_arrays(
                [table[word].combine_chunks(), _between(table[word], word, filled)]
            )
    return pa.table(columns).sort_by([("frame_index", "ascending"), ("track_id", "ascending")])


def _between(column: pa.ChunkedArray, word: str, filled: Filled) -> pa.Array:
    """Say what a carried column holds inside gaps: places and times lie between, the rest is as before."""
    kind = column.type
    before, after = (column.take(pa.array(at)).combine_chunks() for at in (filled.before, filled.after))
    if word not in PLACED or not (pa.types.is_timestamp(kind) or pa.types.is_floating(kind)):
        return before
    unknown = before.is_null().to_numpy(False) | after.is_null().to_numpy(False)
    if pa.types.is_timestamp(kind):
        first, last = (side.cast(pa.int64()).fill_null(0).to_numpy() for side in (before, after))
        mixed = first + np.round((last - first) * filled.share).astype(np.int64)
        return pa.array(mixed, mask=unknown).cast(kind)
    first, last = (side.fill_null(0).to_numpy() for side in (before, after))
    mixed = np.maximum(first, last) if word == "ce90_m" else first + (last - first) * filled.share
    return pa.array(mixed, kind, mask=unknown)


def on_the_ground(tracks: pa.Table) -> pa.Table:
    """Smooth the places of tracks, and add speed, course and the speed's standard deviation."""
    if not {"lat_deg", "lon_deg", "ce90_m"} <= set(tracks.column_names):
        return tracks
    time_s = numbers(tracks, "pts_s")
    if not np.isfinite(time_s).any() and "time" in tracks.column_names:
        time_s = _seconds(tracks["time"])
    lat, lon, ce90_m = (numbers(tracks, word) for word in ("lat_deg", "lon_deg", "ce90_m"))
    slid = None
    if set(SLID) <= set(tracks.column_names):
        slid = np.nan_to_num(np.stack([numbers(tracks, word) for word in SLID], 1))
    way = smooth(tracks["track_id"].to_numpy(), time_s, lat, lon, ce90_m, slid)
    for word, values in way._asdict().items():
        column = pa.array(values, pa.float64(), from_pandas=True)
        at = tracks.schema.get_field_index(word)
        tracks = tracks.append_column(word, column) if at < 0 else tracks.set_column(at, word, column)
    return tracks


def _seconds(times: pa.ChunkedArray) -> Array:
    if not pa.types.is_timestamp(times.type):
        return np.full(len(times), np.nan)
    known = times.is_valid().to_numpy()
    since = times.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).fill_null(0).to_numpy() / 1e6
    return np.where(known, since, np.nan)
