"""The rows of one round, as the log keeps them (tables.TRACK)."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from truceline.model.classes import FUSION_CLASSES
from truceline.model.tables import TIME, TRACK
from truceline.model.units import CE90_PER_SIGMA
from truceline.track.live.running import Seen
from truceline.track.state.motion import scale
from truceline.track.state.types import Array
from truceline.view.counts import how_many
from truceline.view.groups import AREA_M

IN_FORCE = 0.5


def round_table(seen: Seen, continues: Mapping[int, int]) -> pa.Table:
    """Write one row per track seen in a round, as it was when last seen, and one per track missed since.

    Parameters
    ----------
    seen
        What the round showed.
    continues
        Tracks that turned out later to be others, and which.
    """
    ids, owner = _renamed(seen.ids, continues), _renamed(seen.owner, continues)
    # Of two rows of what turned out to be one thing the later speaks.
    missed = np.array([by is not None for by in seen.missed_by], bool)
    order = np.lexsort((seen.out[:, 0], missed, ids))
    last = np.r_[(np.diff(ids[order]) != 0) | np.diff(missed[order]), True] if len(order) else missed
    order = order[last]
    again = np.r_[False, (np.diff(ids[order]) == 0) & (np.diff(seen.out[order, 0]) <= 0)][: len(order)]
    order = order[~again]  # seen since it was missed
    ids, out = ids[order], seen.out[order]
    half, mean = (out[:, 3] - out[:, 4]) / 2, (out[:, 3] + out[:, 4]) / 2
    columns = {
        "track_id": pa.array(ids),
        "time_utc": _times(out[:, 0]),
        "lat_deg": out[:, 2],
        "lon_deg": (out[:, 1] + 180) % 360 - 180,
        "ce90_m": CE90_PER_SIGMA * np.sqrt(mean + np.hypot(half, out[:, 5])),
        "speed_mps": np.hypot(out[:, 6], out[:, 7]),
        "course_deg": np.degrees(np.arctan2(out[:, 6], out[:, 7])) % 360,
        "exists_p": out[:, 8],
        **{f"p_{word}": out[:, 9 + i] for i, word in enumerate(FUSION_CLASSES)},
        "side": pa.array([seen.side[i] for i in order.tolist()], pa.string()),
        "last_seen_utc": _times(out[:, 16]),
        "detections_used": pa.array(out[:, 17].astype(np.int64)),
        "count": _count(out, seen.told[order], missed[order]),
        "told": pa.array(seen.told[order, 0], mask=seen.told[order, 0] <= 1),
        "told_spread": pa.array(seen.told[order, 1], mask=seen.told[order, 0] <= 1),
        "from_rows": _used(seen, ids, owner, missed[order]),
        "missed_by": pa.array([seen.missed_by[i] for i in order.tolist()], pa.string()),
    }
    fields = [f for f in TRACK if f.name != "missed_by" or missed[order].any()]
    return pa.table([pa.array(columns[f.name]).cast(f.type) for f in fields], schema=pa.schema(fields))


def final_names(seen: Seen, continues: Mapping[int, int]) -> dict[int, int]:
    """Tell which of the tracks of a round go by another name in the end, and by which."""
    names = np.array(list(continues), np.int64)
    mine = np.isin(names, seen.ids) | np.isin(names, seen.owner)
    return {track: _final(track, continues) for track in names[mine].tolist()}


def _count(out: Array, told: Array, missed: Array) -> Array:
    """How many things each track stands for, those near it left out that are followed by themselves.

    Of several tracks in one place of which numbers were told the first stands for all that is left.
    """
    count, several = np.ones(len(told), np.int64), (told[:, 0] > 1)
    done = np.zeros(len(told), bool)
    for i in np.flatnonzero(several).tolist():
        if done[i]:
            continue
        in_force = ((out[:, 8] >= IN_FORCE) | several) & (missed == missed[i])
        near = (np.hypot(*_apart(out, i)) <= AREA_M) & in_force
        done |= near & several
        sure = np.where(several[near], 1.0, out[near, 8])
        number, _, _ = how_many(sure, told[near, 0], told[near, 1])
        count[i] = max(round(number - sure.sum()) + 1, 1)
    return count


def _apart(out: Array, i: int) -> tuple[Array, Array]:
    mx, my = scale(float(out[i, 2]), True)
    return ((out[:, 1] - out[i, 1] + 540) % 360 - 180) * mx, (out[:, 2] - out[i, 2]) * my


def _renamed(ids: Array, continues: Mapping[int, int]) -> Array:
    if not continues:
        return ids
    return np.array([_final(track, continues) for track in ids.tolist()], np.int64)


def _final(track: int, continues: Mapping[int, int]) -> int:
    while track in continues:
        track = continues[track]
    return track


def _used(seen: Seen, ids: Array, owner: Array, missed: Array) -> pa.Array:
    """Per track the rows that it used, each with its share of what they said about the place."""
    ids = np.where(missed, -1, ids)
    mine = np.flatnonzero(np.isin(owner, ids))
    mine = mine[np.argsort(owner[mine], kind="mergesort")]
    counts = np.searchsorted(owner[mine], ids, "right") - np.searchsorted(owner[mine], ids)
    total = np.bincount(
        np.repeat(np.arange(len(ids)), counts), weights=seen.information[mine], minlength=len(ids)
    )
    weight = seen.information[mine] / np.repeat(total, counts)
    rows = pa.StructArray.from_arrays(
        [
            pa.array(seen.entries[seen.entry[mine]].tolist(), pa.string()),
            pa.array(seen.row[mine], pa.int64()),
            pa.array(np.round(weight, 4)),
        ],
        ["entry", "row", "weight"],
    )
    return pa.ListArray.from_arrays(pa.array(np.r_[0, np.cumsum(counts)].astype(np.int32)), rows)


def _times(seconds: Array) -> pa.Array:
    return pa.array(np.rint(seconds * 1e6).astype(np.int64)).cast(TIME)
