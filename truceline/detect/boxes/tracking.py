"""Tracks within one video: boxes of `detect video` in, one row per object and frame out."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from truceline.detect.boxes.fill import fill
from truceline.detect.boxes.follow import Boxes, Ints, follow
from truceline.detect.boxes.join import join
from truceline.detect.boxes.rows import (
    NEEDED,
    PLACED,
    SIDES,
    Clock,
    boxes_of,
    numbers,
    on_the_ground,
    rows_of,
)
from truceline.model.errors import BadInput

LEAST_HITS = 3  # boxes that make a track: false alarms seldom come in threes
MOST_PX = 1e9  # a box farther off, or larger, is no box
RANGES = {"frame_index": (0.0, 2.0**53), "score": (0.0, 1.0)} | dict.fromkeys(SIDES, (-MOST_PX, MOST_PX))
LONGEST_GAP_S, LEAST_GAP_FRAMES, MOST_GAP_FRAMES = 1.3, 8.0, 60.0


def track_video(table: pa.Table, where: str) -> pa.Table:
    """Track the boxes of a video (of each ``file_name``, if there are several).

    Parameters
    ----------
    table
        Columns of contract drone, section 3; the order of rows does not matter.
    where
        Name of the file, for messages.

    Returns
    -------
    pyarrow.Table
        Contract drone, section 7; sorted by frame and track. Where the input has places, they are smoothed
        over each track, and ``speed_mps``, ``course_deg`` and ``speed_sigma_mps`` are told besides.

    Raises
    ------
    BadInput
        Naming the first bad column or row.
    """
    _check(table, where)
    _check_places(table, where)
    if "file_name" not in table.column_names:
        return _track_one(table, 1)[0]
    parts, first = [], 1
    for word in sorted(set(table["file_name"].to_pylist()), key=str):
        same = pc.is_null(table["file_name"]) if word is None else pc.equal(table["file_name"], word)
        part, first = _track_one(table.filter(same), first)
        parts.append(part)
    return pa.concat_tables(parts) if parts else _track_one(table, 1)[0]


def _check(table: pa.Table, where: str) -> None:
    missing = [word for word in NEEDED if word not in table.column_names]
    if missing:
        raise BadInput(where, f"no column {missing[0]}; wanted are {', '.join(NEEDED)}")
    for word in NEEDED:
        kind = table.schema.field(word).type
        if word == "category":
            right, wanted = pa.types.is_string(kind) or pa.types.is_large_string(kind), "text"
        elif word == "frame_index":
            right, wanted = pa.types.is_integer(kind), "an integer"
        else:
            right, wanted = pa.types.is_floating(kind) or pa.types.is_integer(kind), "a number"
        if not right and not (table.num_rows == 0 and pa.types.is_null(kind)):
            raise BadInput(f"{where}: {word}", f"is {kind}, not {wanted}")
        if word not in ("pts_s", "category") and table.num_rows:
            values, (least, most) = numbers(table, word), RANGES[word]
            good = (values >= least) & (values <= most) & ((values > 0) | (word not in SIDES[2:]))
            if not good.all():
                row = int(np.argmin(good))
                wrong = f"{values[row]:g} is no value that a box can have"
                raise BadInput(
                    f"{where}: {word}, row {row}", "holds no number" if np.isnan(values[row]) else wrong
                )


def _check_places(table: pa.Table, where: str) -> None:
    """Refuse places that are no numbers; columns that mean nothing here are carried as they are."""
    for word in PLACED:
        kind = table.schema.field(word).type if word in table.column_names and word != "time" else pa.null()
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
            raise BadInput(f"{where}: {word}", f"is {kind}, not a number")


def _track_one(table: pa.Table, first_id: int) -> tuple[pa.Table, int]:
    table = _sorted(table)
    clock = Clock.of(table)
    boxes = boxes_of(table, clock)
    labels = join(boxes, follow(boxes), _longest_gap(clock))
    least = min(LEAST_HITS, max(1, clock.frames))
    kept = np.bincount(labels)[labels] >= least if len(labels) else np.zeros(0, bool)
    rows = np.flatnonzero(kept)
    boxes = Boxes(*[column[rows] for column in boxes])
    table = table.take(pa.array(rows))
    ids, labels = np.unique(labels[rows], return_inverse=True)
    out = rows_of(table, fill(boxes, labels), clock, labels, _categories(table, labels))
    ids_from = pa.scalar(first_id, pa.int64())
    out = out.set_column(2, "track_id", pc.add(out["track_id"], ids_from))
    return on_the_ground(out), first_id + len(ids)


def _longest_gap(clock: Clock) -> float:
    """Give the frames after which nobody is taken for the same."""
    rate_hz = clock.rate_hz()
    return float(np.clip(LONGEST_GAP_S * rate_hz, LEAST_GAP_FRAMES, MOST_GAP_FRAMES))


def _sorted(table: pa.Table) -> pa.Table:
    """Order rows by what they say, so that the order in which they came does not matter."""
    words = (*NEEDED, *(word for word in PLACED if word in table.column_names))
    return table.take(pc.sort_indices(table, [(word, "ascending") for word in words]))


def _categories(table: pa.Table, labels: Ints) -> npt.NDArray[Any]:
    """Give each track the word that its boxes say with the highest scores together."""
    if not len(labels):
        return np.zeros(0, object)
    words, said = np.unique(np.array(table["category"].fill_null("").to_pylist(), str), return_inverse=True)
    votes = np.zeros((labels.max() + 1, len(words)))
    np.add.at(votes, (labels, said), numbers(table, "score"))
    return np.asarray(words.astype(object)[votes.argmax(1)])
