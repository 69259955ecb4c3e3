"""The groups among tracks at each output time: columns and gatherings, with how many they are."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from truceline.model.classes import FUSION_CLASSES
from truceline.model.errors import BadInput
from truceline.model.tables import TIME
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


def told_counts(detections: Path) -> dict[int, float]:
    """Read how many things detections speak of, where they have a column ``count``; by detection_id.

    Raises
    ------
    BadInput
        If it is no column of numbers, or one of them is below 1.
    """
    if "count" not in pq.read_schema(detections).names:
        return {}
    table = pq.read_table(detections, columns=["detection_id", "count"])
    column = table["count"]
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise BadInput(f"{detections}: column count", f"is {column.type}, would be a number")
    count = column.cast(pa.float64()).to_numpy()
    wrong = np.flatnonzero(count < 1)
    if len(wrong):
        raise BadInput(f"{detections}: column count: row {wrong[0]}", "below 1; null where it is not told")
    ids = table["detection_id"].to_numpy()
    return dict(zip(ids[count > 1].tolist(), count[count > 1].tolist(), strict=True))


def groups_table(tracks: pa.Table, counts: Mapping[int, float]) -> pa.Table:
    """Write the groups among TRACKS, sorted by time and group.

    A group keeps its id as long as most of its members were in it the time before.

    Parameters
    ----------
    tracks
        TRACKS of contract fusion.
    counts
        How many things detections speak of, those that speak of several; by detection_id.
    """
    time = tracks["time"].cast(pa.int64()).to_numpy()
    ids = tracks["track_id"].to_numpy()
    stands_for = _stands_for(tracks, ids, counts)
    column = {name: tracks[name].to_numpy() for name in ("x_m", "y_m", "vx_mps", "vy_mps", "existence")}
    shares = {word: tracks[f"p_{word}"].to_numpy() for word in FUSION_CLASSES}
    rows: list[dict[str, object]] = []
    before: dict[int, int] = {}  # track → its group
    begins = np.flatnonzero(np.r_[True, np.diff(time) != 0]) if len(time) else np.zeros(0, int)
    for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(time)], strict=True):
        here = np.arange(begin, end)[column["existence"][begin:end] >= IN_FORCE]
        x, y, vx, vy, exists = (column[name][here] for name in column)
        of_class = {word: p[here] for word, p in shares.items()}
        found = groups_of(Things(x, y, vx, vy, exists, stands_for[here], of_class))
        now: dict[int, int] = {}
        for group, members in _named(found, ids[here], before):
            now |= dict.fromkeys(members, group[0])
            rows.append(_row(int(time[begin]), group[0], group[1], members))
        before = now
    rows.sort(key=lambda row: (row["time"], row["group_id"]))
    return pa.Table.from_pylist(rows, schema=GROUPS).replace_schema_metadata(tracks.schema.metadata)


def _stands_for(tracks: pa.Table, ids: np.ndarray, counts: Mapping[int, float]) -> np.ndarray:
    """Per row of TRACKS how many things it stands for by what was told of its track last."""
    out = np.ones(len(ids))
    if not counts:
        return out
    newest: dict[int, float] = {}
    for row, used in enumerate(tracks["detection_ids"].to_pylist()):
        told = [counts[one] for one in used if one in counts]
        if told:
            newest[int(ids[row])] = told[-1]
        out[row] = newest.get(int(ids[row]), 1.0)
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
