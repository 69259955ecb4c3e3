"""Boxes in the frames of one clip become things: the same vehicle has one number, one word, one score."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from truceline.detect.boxes.rows import SIDES
from truceline.detect.boxes.tracking import track_video
from truceline.detect.pictures.spotter import Spotted

_HIT = {"bbox_x_px": "x_px", "bbox_y_px": "y_px", "bbox_w_px": "w_px", "bbox_h_px": "h_px"}


def followed(spotted: Sequence[Spotted]) -> list[Spotted]:
    """Give each box the number of its thing and what all boxes of that say together; others keep -1.

    The word is the one with most score, the score the mean of its boxes. Boxes that no track took in are
    likelier false: they are shown and made unreadable, but no row tells of them.
    """
    if not spotted:
        return []
    hits = [one.hit for one in spotted]
    columns = {side: pa.array([getattr(hit, _HIT[side]) for hit in hits], pa.float64()) for side in SIDES}
    table = pa.table(
        {
            "frame_index": pa.array([hit.frame for hit in hits], pa.int64()),
            "pts_s": pa.array([hit.pts_s for hit in hits], pa.float64()),
            **columns,
            "score": pa.array([hit.score for hit in hits], pa.float64()),
            "category": pa.array([one.category for one in spotted]),
            "number": pa.array(range(len(hits))),
        }
    )
    tracks = track_video(table, "clip")
    tracks = tracks.filter(tracks["observed"])
    number, thing = tracks["number"].to_numpy(), tracks["track_id"].to_numpy()
    words = dict(zip(thing.tolist(), tracks["category"].to_pylist(), strict=True))
    score = np.array([hit.score for hit in hits])
    total, count = np.bincount(thing, score[number], thing.max(initial=0) + 1), np.bincount(thing)
    found = list(spotted)
    for at, one in zip(number.tolist(), thing.tolist(), strict=True):
        mean = round(float(total[one] / count[one]), 4)
        found[at] = found[at]._replace(hit=hits[at]._replace(thing=one, score=mean), category=words[one])
    return found
