"""Frames and packets find each other, also where the clock of the stream starts anew."""

from pathlib import Path

import numpy as np
import pytest
from truceline.codec.klv import encode
from truceline.codec.klv_cuts import joined
from truceline.codec.klv_matrix import to_rows
from truceline.codec.klv_stream import KlvStream, read_packets
from truceline.detect.pictures.frames import Clip
from truceline.detect.pictures.pixels import Poses
from truceline.sim import clip
from truceline.sim.pose import pose

WRAP_S = 2**33 / 90_000  # ISO/IEC 13818-1, 2.4.3.7: time stamps of 33 bits, 90 000 a second
START_US = 1_700_000_000_000_000
POSE = pose(0.0, 60.0, 8.0, 6.0) | {"frame_center_msl_m": 100.0}


@pytest.mark.parametrize("lead_s", [2.0, 62.0])  # decoders count from below zero, or past the turn
def test_frames_find_their_packets_where_the_clock_starts_anew(tmp_path: Path, monkeypatch, lead_s):
    monkeypatch.setattr(clip, "FIRST_S", WRAP_S - lead_s)
    count = int(lead_s) + 4
    frames = [np.full((32, 48), 60 + i % 9, np.uint8) for i in range(count)]
    packets = [(float(i), encode(START_US + i * 1_000_000, POSE)) for i in range(count)]
    file = tmp_path / "a.ts"
    file.write_bytes(clip.write_clip(frames, packets, 1.0, "mpeg2video"))

    stream = KlvStream("a.ts")
    telemetry = to_rows(joined(list(read_packets([file.read_bytes()], stream))))
    poses = Poses(telemetry)
    times_s = np.array([frame.pts_s for frame in Clip(file, "a.ts").analysed(1, 48)])

    assert telemetry["pts_s"][count - 1].as_py() < 4 < WRAP_S - 100 < telemetry["pts_s"][0].as_py()
    assert poses.packets_at(times_s).tolist() == list(range(count))
    np.testing.assert_allclose(poses.utc_us(times_s), START_US + 1e6 * np.arange(count), atol=100)
    assert np.isfinite(poses.at(times_s).camera.lat_deg).all()
    assert [finding.kind for finding in poses.located.findings] == []
