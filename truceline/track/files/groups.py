"""The groups among tracks at each output time: columns and gatherings, with how many they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from truceline.model.classes import FUSION_CLASSES
from truceline.model.errors import BadInput
from truceline.model.tables import TIME
from truceline.track.files.glances import Glances
from truceline.view.counts import together
from truceline.view.groups import Group, Things, groups_of

IN_FORCE = 0.5
GROUPS = pa.schema(
    [
        pa.field("time", TIME),
        pa.field("group_id", pa.int64()),
        pa.field("kind", pa.string()),  # column or gathering
        *(pa.field(word, pa.float64()) for word in ("x_m", "y_m", "radius_m", "speed_mps", "course_deg")),
        pa.field("count", pa.float64()),
        pa.field("count_low", pa.int32()),
        pa.field("count_high", pa.int32()),
        *(pa.field(f"p_{word}", pa.float64()) for word in FUSION_CLASSES),
        pa.field("track_ids", pa.list_(pa.int64())),
        pa.field("words", pa.string()),
    ]
)


class Told(NamedTuple):
    """How many things a detection speaks of, and when."""

    number: float
    time_us: int


def told_counts(detections: Path) -> dict[int, Told]:
    """Read how many things detections speak of, where they have a column ``count``; by detection_id.

    Raises
    ------
    BadInput
        If it is no column of numbers, or one of them is below 1.
    """
    if "count" not in pq.read_schema(detections).names:
        return {}
    table = pq.read_table(detections, columns=["detection_id", "phenomenon_time", "count"])
    column = table["count"]
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise BadInput(f"{detections}: column count", f"is {column.type}, would be a number")
    count = column.cast(pa.float64()).to_numpy()
    wrong = np.flatnonzero(count < 1)
    if len(wrong):
        raise BadInput(f"{detections}: column count: row {wrong[0]}", "below 1; null where it is not told")
    several = count > 1
    ids, time = (
        table["detection_id"].to_numpy(),
        table["phenomenon_time"].cast(TIME).cast(pa.int64()).to_numpy(),
    )
    told = map(Told, count[several].tolist(), time[several].tolist())
    return dict(zip(ids[several].tolist(), told, strict=True))


def groups_table(tracks: pa.Table, counts: Mapping[int, Told], glances: Glances | None = None) -> pa.Table:
    """Write the groups among TRACKS, sorted by time and group.

    A group keeps its id as long as most of its members were in it the time before.

    Parameters
    ----------
    tracks
        TRACKS of contract fusion.
    counts
        How many things detections speak of, those that speak of several; by detection_id.
    glances
        Tells what later looks saw where that was.
    """
    time = tracks["time"].cast(pa.int64()).to_numpy()
    ids = tracks["track_id"].to_numpy()
    heard = _heard(tracks, ids, counts)
    column = {name: tracks[name].to_numpy() for name in ("x_m", "y_m", "vx_mps", "vy_mps", "existence")}
    shares = {word: tracks[f"p_{word}"].to_numpy() for word in FUSION_CLASSES}
    rows: list[dict[str, object]] = []
    before: dict[int, int] = {}  # track → its group
    begins = np.flatnonzero(np.r_[True, np.diff(time) != 0]) if len(time) else np.zeros(0, int)
    for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(time)], strict=True):
        here = np.arange(begin, end)[column["existence"][begin:end] >= IN_FORCE]
        x, y, vx, vy, exists = (column[name][here] for name in column)
        of_class = {word: p[here] for word, p in shares.items()}
        count, spread, looks = np.ones(len(here)), np.zeros(len(here)), {}
        for i in [i for i, row in enumerate(here.tolist()) if row in heard]:
            told, now_us = heard[int(here[i])], int(time[begin])
            count[i], spread[i] = together([(one.number, one.time_us / 1e6) for one in told], now_us / 1e6)
            if glances is not None:
                place, last_us = (float(x[i]), float(y[i])), max(one.time_us for one in told)
                persons = float(of_class["person"][i])
                looks[i] = glances.since(int(ids[here[i]]), place, last_us, now_us, persons)
        found = groups_of(Things(x, y, vx, vy, exists, count, spread, of_class, looks))
        now: dict[int, int] = {}
        for group, members in _named(found, ids[here], before):
            now |= dict.fromkeys(members, group[0])
            rows.append(_row(int(time[begin]), group[0], group[1], members))
        before = now
    rows.sort(key=lambda row: (row["time"], row["group_id"]))
    return pa.Table.from_pylist(rows, schema=GROUPS).replace_schema_metadata(tracks.schema.metadata)


def _heard(tracks: pa.Table, ids: np.ndarray, counts: Mapping[int, Told]) -> dict[int, tuple[Told, ...]]:
    """Tell, by row of TRACKS, what had been told of its track's number."""
    out: dict[int, tuple[Told, ...]] = {}
    if not counts:
        return out
    of: dict[int, tuple[Told, ...]] = {}
    for row, used in enumerate(tracks["detection_ids"].to_pylist()):
        track, fresh = int(ids[row]), [counts[one] for one in used if one in counts]
        if fresh:
            of[track] = (*of.get(track, ()), *fresh)
        if track in of:
            out[row] = of[track]
    return out


def _named(
    found: list[Group], ids: np.ndarray, before: Mapping[int, int]
) -> list[tuple[tuple[int, Group], list[int]]]:
    """Give each group the id that most of its members had, else that of its first track; none twice."""
    told = []
    taken: set[int] = set()
    for group in sorted(found, key=lambda one: (-len(one.members), one.members)):
        members = sorted(ids[list(group.members)].tolist())
        had = [before[track] for track in members if track in before and before[track] not in taken]
        best = max(sorted(set(had)), key=had.count, default=None)
        own = [track for track in members if track not in taken]
        if best is None or 2 * had.count(best) < len(members):
            best = own[0] if own else members[0]
        taken.add(best)
        told.append(((best, group), members))
    return told


def _row(time_us: int, group_id: int, group: Group, members: list[int]) -> dict[str, object]:
    return {
        "time": time_us, "group_id": group_id, "kind": group.kind, "x_m": group.x_m, "y_m": group.y_m,
        "radius_m": group.radius_m, "speed_mps": group.speed_mps, "course_deg": group.course_deg,
        "count": group.count, "count_low": group.count_low, "count_high": group.count_high,
        **{f"p_{word}": share for word, share in group.shares.items()},
        "track_ids": members, "words": group.words,
    }  # fmt: skip
