"""Frames of a clip and who looks on: in order, all of them, and what goes wrong there is heard of."""

import numpy as np
import pytest
from truceline.detect.pictures.frames import Clip
from truceline.sim.clip import write_clip

COUNT = 12


@pytest.fixture
def clip(tmp_path):
    pictures = [np.full((64, 96, 3), 10 * i, np.uint8) for i in range(COUNT)]
    (tmp_path / "a.ts").write_bytes(write_clip(pictures, [], 10.0))
    return Clip(tmp_path / "a.ts", "a.ts")


def test_an_onlooker_has_seen_every_frame_in_order_at_the_end(clip):
    seen = []

    frames = list(clip.analysed(2, 64, lambda number, *_: seen.append(number)))

    assert seen == [frame.number for frame in frames] == list(range(0, COUNT, 2))


def test_what_an_onlooker_raises_is_raised(clip):
    def fall(number, pts_s, frame):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(clip.analysed(1, 64, fall))


def test_frames_may_be_left_before_the_end(clip):
    seen = []
    frames = clip.analysed(1, 64, lambda number, *_: seen.append(number))

    next(frames)
    frames.close()

    assert seen in ([], [0])
