"""What each detection weighs in the tracks of a file: its share of what is said about the place."""

import numpy as np
import pyarrow as pa

from truceline.track.files.fusing import Course
from truceline.track.files.inputs import Inputs

WEIGHTS = pa.schema(
    [
        pa.field("time", pa.timestamp("us", "UTC")),
        pa.field("track_id", pa.int64()),
        pa.field("detection_id", pa.int64()),
        pa.field("weight", pa.float64()),
    ]
)


def weights_table(tracks: pa.Table, course: Course, inputs: Inputs) -> pa.Table:
    """Write one row per detection that a row of TRACKS newly used, in the order of TRACKS.

    The weight is the information that a detection brought about the place (the inverse of its variance,
    offsets of its sensor taken off), as a share, 0 to 1, of what all of that row brought.

    Parameters
    ----------
    tracks
        TRACKS of contract fusion.
    course, inputs
        The run that it was written from.
    """
    lists = tracks["detection_ids"].combine_chunks()
    used = lists.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
    counts = np.diff(lists.offsets.to_numpy())
    row = np.repeat(np.arange(len(counts)), counts)
    ids = inputs.detections["detection_id"][course.order]
    information = 2 / (course.detections.z[:, 2] + course.detections.z[:, 3])
    by_id = np.argsort(ids, kind="mergesort")
    told = information[by_id[np.searchsorted(ids[by_id], used)]] if len(used) else np.zeros(0)
    total = np.bincount(row, weights=told, minlength=len(counts))
    columns = {
        "time": tracks["time"].take(pa.array(row)),
        "track_id": tracks["track_id"].take(pa.array(row)),
        "detection_id": pa.array(used),
        "weight": pa.array(np.round(told / total[row], 6)),
    }
    return pa.table([columns[field.name].cast(field.type) for field in WEIGHTS], schema=WEIGHTS)
