"""What holds for all boxes that a video may hold."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from truceline.detect.boxes.tracking import track_video
from truceline.sim.boxes import Traffic, draw


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 999), order=st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(seed, order):
    found, _ = draw(Traffic(things=12, frames=25, false_per_frame=3.0, stops=0.5), seed)
    shuffled = list(range(found.num_rows))
    order.shuffle(shuffled)

    assert track_video(found.take(shuffled), "a").equals(track_video(found, "a"))


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 999), things=st.integers(0, 30))
def test_every_track_has_one_row_per_frame_without_holes(seed, things):
    found, _ = draw(Traffic(things=things, frames=30, hidden=1.0), seed)

    tracks = track_video(found, "a")

    frame, track = tracks["frame_index"].to_numpy(), tracks["track_id"].to_numpy()
    assert sorted(set(track)) == list(range(1, len(set(track)) + 1))
    for one in set(track):
        assert (np.diff(frame[track == one]) == 1).all()
