"""``truceline fuse``: the same bytes for any row order, and nothing of the future in a causal row."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from truceline.app.cli import main
from truceline.track.files.fusing import follow, output_times, tracks_table
from truceline.track.files.inputs import read_inputs


@pytest.fixture
def slice_of(shared, tmp_path):
    """Twenty minutes of the real-size made-up corridor."""
    source, folder = shared / "data" / "fusion" / "n50_s1", tmp_path / "in"
    folder.mkdir()
    start = pq.read_table(source / "detections.parquet")["phenomenon_time"].to_pylist()[0]
    until = pa.scalar(start.replace(minute=20), pa.timestamp("us", "UTC"))
    for name in ("detections", "looks"):
        table = pq.read_table(source / f"{name}.parquet")
        pq.write_table(table.filter(pc.less(table["result_time"], until)), folder / f"{name}.parquet")
    pq.write_table(pq.read_table(source / "sensors.parquet"), folder / "sensors.parquet")
    return folder


def fuse(folder, out, *more):
    files = [str(folder / "detections.parquet"), "--sensors", str(folder / "sensors.parquet")]
    assert main(["fuse", *files, "--looks", str(folder / "looks.parquet"), "--out", str(out), *more]) == 0
    return out


def test_row_order_and_workers_change_no_byte(slice_of, tmp_path):
    first = [
        fuse(slice_of, tmp_path / f"a{mode}", f"--{mode}", "--workers", "1") for mode in ("causal", "smooth")
    ]
    for name in ("detections", "looks", "sensors"):
        table = pq.read_table(slice_of / f"{name}.parquet")
        order = np.random.default_rng(3).permutation(table.num_rows)
        pq.write_table(table.take(pa.array(order)), slice_of / f"{name}.parquet")

    second = [
        fuse(slice_of, tmp_path / f"b{mode}", f"--{mode}", "--workers", "4") for mode in ("causal", "smooth")
    ]

    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_the_size_of_areas_changes_no_row(shared):
    folder = shared / "data" / "fusion" / "n500_s1_12min"

    def tracks(area_m: float) -> pa.Table:
        inputs = read_inputs(*(folder / f"{name}.parquet" for name in ("detections", "sensors", "looks")))
        times = output_times(inputs, 30, None, None)
        return tracks_table(follow(inputs, times, by_arrival=True, area_m=area_m), inputs, times)

    everywhere = tracks(1e6)

    assert everywhere.num_rows > 5000
    assert tracks(500.0).equals(everywhere)
    assert tracks(4000.0).equals(everywhere)


def test_a_causal_row_rests_on_nothing_that_came_later(slice_of, tmp_path):
    span = ("--start", "2026-03-01T06:00:00Z", "--end", "2026-03-01T06:12:00Z")
    whole = pq.read_table(fuse(slice_of, tmp_path / "whole", *span))
    cut = pa.scalar(whole["time"][-1].as_py().replace(minute=8), pa.timestamp("us", "UTC"))
    for name in ("detections", "looks"):
        table = pq.read_table(slice_of / f"{name}.parquet")
        pq.write_table(table.filter(pc.less_equal(table["result_time"], cut)), slice_of / f"{name}.parquet")

    short = pq.read_table(fuse(slice_of, tmp_path / "short", *span))

    before = whole.filter(pc.less_equal(whole["time"], cut))
    assert before.num_rows > 100
    assert short.filter(pc.less_equal(short["time"], cut)).equals(before)


def test_tracks_are_legal_by_the_contract(slice_of, tmp_path):
    table = pq.read_table(fuse(slice_of, tmp_path / "t", "--sensor-report", str(tmp_path / "r.json")))

    keys = list(zip(table["time"].to_pylist(), table["track_id"].to_pylist(), strict=True))
    assert keys == sorted(set(keys))
    det = np.asarray(table["sxx_m2"]) * np.asarray(table["syy_m2"]) - np.asarray(table["sxy_m2"]) ** 2
    assert (det > 0).all() and (np.asarray(table["sxx_m2"]) > 0).all()
    shares = sum(np.asarray(table[c]) for c in table.column_names if c.startswith("p_"))
    assert shares == pytest.approx(1)
    used = [d for ids in table["detection_ids"].to_pylist() for d in ids]
    assert len(used) == len(set(used))
    assert '"suspect": true' not in (tmp_path / "r.json").read_text()
