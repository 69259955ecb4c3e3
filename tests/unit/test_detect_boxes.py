"""Tracks within one video (contract drone, section 7)."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from truceline.detect.boxes.tracking import track_video
from truceline.model.errors import BadInput
from truceline.sim.boxes import SIDES, Traffic, draw


def rows(path, frames, size=(40.0, 20.0), score=0.8, category="car"):
    return pa.table(
        {
            "frame_index": pa.array(frames, pa.int64()),
            "pts_s": np.array(frames) / 25.0,
            "bbox_x_px": [path(f)[0] for f in frames],
            "bbox_y_px": [path(f)[1] for f in frames],
            "bbox_w_px": [size[0]] * len(frames),
            "bbox_h_px": [size[1]] * len(frames),
            "score": [score] * len(frames),
            "category": [category] * len(frames),
        }
    )


def straight(f):
    return 100 + 5.0 * f, 200.0


def test_a_gap_is_filled_with_rows_that_nobody_observed():
    table = rows(straight, [*range(20), *range(30, 50)])

    tracks = track_video(table, "a")

    assert tracks["track_id"].unique().to_pylist() == [1]
    assert tracks["frame_index"].to_pylist() == list(range(50))
    filled = tracks.filter(pc.invert(tracks["observed"]))
    assert filled["frame_index"].to_pylist() == list(range(20, 30))
    assert np.allclose(filled["bbox_x_px"].to_numpy(), [straight(f)[0] for f in range(20, 30)], atol=1)
    assert np.allclose(filled["pts_s"].to_numpy(), np.arange(20, 30) / 25)
    assert max(filled["score"].to_pylist()) < 0.8


def test_a_car_that_stops_out_of_sight_is_the_same_car():
    def stops(f):
        return straight(min(f, 25))

    tracks = track_video(rows(stops, [*range(20), *range(32, 60)]), "a")

    assert tracks["track_id"].unique().to_pylist() == [1]
    x = dict(zip(tracks["frame_index"].to_pylist(), tracks["bbox_x_px"].to_pylist(), strict=True))
    assert abs(x[24] - stops(24)[0]) < 5 and abs(x[30] - stops(30)[0]) < 5


def test_a_car_that_comes_minutes_later_is_another_car():
    tracks = track_video(rows(lambda f: (100.0, 200.0), [*range(20), *range(2000, 2020)]), "a")

    assert tracks["track_id"].unique().to_pylist() == [1, 2]
    assert tracks.num_rows == 40


def test_single_boxes_are_no_tracks():
    false_alarm = rows(lambda f: (900.0, 900.0), [7])

    tracks = track_video(pa.concat_tables([rows(straight, range(20)), false_alarm]), "a")

    assert tracks["track_id"].unique().to_pylist() == [1]


def test_two_cars_that_pass_each_other_keep_their_numbers():
    there = rows(straight, range(40))
    back = rows(lambda f: (300 - 5.0 * f, 215.0), range(40))

    tracks = track_video(pa.concat_tables([there, back]), "a").to_pylist()

    ways = {}
    for row in tracks:
        ways.setdefault(row["track_id"], []).append(row["bbox_x_px"])
    assert sorted(np.sign(np.diff(x)).tolist()[0] for x in ways.values()) == [-1, 1]
    assert all(len(set(np.sign(np.diff(x)))) == 1 for x in ways.values())


def test_a_jump_of_the_camera_breaks_no_track():
    def path(i):
        return lambda f: (100 + 150.0 * i + (130 if f >= 10 else 0), 150 + 60.0 * i + (90 if f >= 10 else 0))

    tracks = track_video(pa.concat_tables([rows(path(i), range(20)) for i in range(10)]), "a")

    assert len(tracks["track_id"].unique()) == 10


def test_frames_analysed_seldom_are_tracked_in_their_own_steps():
    tracks = track_video(rows(straight, [0, 6, 12, 24, 30]), "a")

    assert tracks["frame_index"].to_pylist() == [0, 6, 12, 18, 24, 30]
    assert tracks["observed"].to_pylist() == [True, True, True, False, True, True]


def test_places_and_times_are_carried_and_lie_between_inside_gaps():
    table = rows(straight, [0, 1, 2, 4, 5])
    table = table.append_column(
        "time", pa.array([0, 40_000, 80_000, 160_000, 200_000], pa.timestamp("us", "UTC"))
    )
    for word, values in (
        ("lat_deg", [1.0, 2, 3, 5, 6]),
        ("lon_deg", [0.0] * 5),
        ("ce90_m", [9.0, 9, 9, 12, 9]),
    ):
        table = table.append_column(word, pa.array(values))
    table = table.append_column("model", pa.array(["m"] * 5))

    gap = track_video(table, "a").to_pylist()[3]

    assert (
        not gap["observed"]
        and gap["lat_deg"] == pytest.approx(4.0, abs=0.01)
        and gap["ce90_m"] == 12.0
        and gap["model"] == "m"
    )
    assert gap["time"].microsecond == 120_000


def test_the_category_is_what_most_boxes_say():
    table = pa.concat_tables([rows(straight, range(8)), rows(straight, range(8, 10), category="van")])

    assert track_video(table, "a")["category"].unique().to_pylist() == ["car"]


def test_clips_of_a_folder_do_not_mix():
    one, other = (rows(straight, range(10)).append_column("file_name", pa.array([w] * 10)) for w in "ab")

    tracks = track_video(pa.concat_tables([one, other]), "a")

    assert {(r["file_name"], r["track_id"]) for r in tracks.to_pylist()} == {("a", 1), ("b", 2)}


def test_no_boxes_make_no_tracks():
    assert track_video(rows(straight, []), "a").num_rows == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop_columns(["score"]), "no column score"),
        (lambda t: t.set_column(4, "bbox_w_px", pa.array([1.0, -1.0, 1.0])), "bbox_w_px, row 1"),
        (lambda t: t.set_column(2, "bbox_x_px", pa.array([1.0, None, 1.0])), "bbox_x_px, row 1"),
        (lambda t: t.set_column(7, "category", pa.array([1, 2, 3])), "category"),
        (lambda t: t.append_column("lat_deg", pa.array(["north"] * 3)), "a: lat_deg: is string"),
    ],
)
def test_a_bad_table_is_refused_by_place(change, said):
    with pytest.raises(BadInput, match=said):
        track_video(change(rows(straight, range(3))), "a")


@pytest.mark.parametrize("traffic", [Traffic(things=31, frames=120), Traffic(things=90, frames=80)])
def test_dense_traffic_keeps_its_identities(traffic):
    found, truth = draw(traffic, seed=5)

    tracks = track_video(found, "a")

    kept = total = 0
    by_frame = {f: tracks.filter(pc.equal(tracks["frame_index"], f)) for f in range(traffic.frames)}
    said = {}
    for row in truth.to_pylist():
        there = by_frame[row["frame_index"]]
        if there.num_rows:
            off = np.max([np.abs(there[s].to_numpy() - row[s]) for s in SIDES], axis=0)
            if off.min() < 12:
                said.setdefault(row["track_id"], []).append(there["track_id"][int(off.argmin())].as_py())
        total += 1
    for numbers in said.values():
        kept += np.bincount(numbers).max()
    assert kept / total > 0.95
