"""Groups among TRACKS: they keep their id while their members stay, and count what was told once."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from truceline.model.classes import FUSION_CLASSES
from truceline.model.errors import BadInput
from truceline.track.files.groups import Told, groups_table, told_counts

T0 = datetime(2026, 3, 1, 6, tzinfo=UTC)
MICRO = int(T0.timestamp()) * 1_000_000


def tracks(*moments):
    """Each moment: (track, x, existence, detection ids)."""
    rows = [
        {
            "time": T0 + timedelta(seconds=30 * k), "track_id": track, "x_m": float(x), "y_m": 0.0,
            "vx_mps": 10.0, "vy_mps": 0.0, "existence": exists, "detection_ids": used,
            **{f"p_{word}": float(word == "truck") for word in FUSION_CLASSES},
        }
        for k, moment in enumerate(moments)
        for track, x, exists, used in moment
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows)
    return table.set_column(0, "time", table["time"].cast(pa.timestamp("us", "UTC")))


def test_a_group_keeps_its_id_when_its_first_track_leaves():
    first = [(track, 60 * track, 1.0, []) for track in range(1, 6)]
    then = [(track, 60 * track, 1.0, []) for track in range(2, 7)]

    found = groups_table(tracks(first, then), {}).to_pylist()

    assert [row["group_id"] for row in found] == [1, 1]
    assert [row["track_ids"] for row in found] == [[1, 2, 3, 4, 5], [2, 3, 4, 5, 6]]
    assert found[0]["words"] == "column of 5 trucks, heading 090 at 10 m/s"


def test_tracks_that_are_not_in_force_are_in_no_group():
    assert groups_table(tracks([(1, 0, 0.9, []), (2, 50, 0.9, []), (3, 100, 0.4, [])]), {}).num_rows == 0


def test_a_told_count_goes_on_with_its_track():
    found = groups_table(tracks([(1, 0, 1.0, [7])], [(1, 300, 1.0, [])]), {7: Told(10.0, MICRO)}).to_pylist()

    assert [round(row["count"]) for row in found] == [10, 10]


def test_two_reports_of_one_place_are_one_number_and_not_their_sum():
    told = {7: Told(10.0, MICRO), 8: Told(8.0, MICRO)}

    (row,) = groups_table(tracks([(1, 0, 1.0, [7]), (2, 300, 1.0, [8]), (3, 350, 1.0, [])]), told).to_pylist()

    assert 8 < row["count"] < 10
    assert row["count_low"] >= 3 and row["count_high"] <= 13


def test_counts_are_read_where_detections_tell_them(tmp_path):
    path = tmp_path / "d.parquet"
    when = pa.array([T0] * 3, pa.timestamp("us", "UTC"))
    of = {"detection_id": [1, 2, 3], "phenomenon_time": when, "count": [10, None, 1]}
    pq.write_table(pa.table(of), path)

    assert told_counts(path) == {1: Told(10.0, MICRO)}

    pq.write_table(pa.table({**of, "count": [1, 0, 1]}), path)
    with pytest.raises(BadInput, match="column count: row 1: below 1"):
        told_counts(path)
