"""A foreign program (FFmpeg, through PyAV) reads the streams that we write."""

import io

import av
import numpy as np
import pytest
from truceline.codec.klv import encode
from truceline.codec.klv_stream import KlvStream, read_packets
from truceline.model.errors import BadInput
from truceline.sim.clip import write_clip

START_US = 1_700_000_000_000_000


def frames(count: int = 30) -> list[np.ndarray]:
    y, x = np.mgrid[:96, :128]
    ground = (x * 2 + y % 64).astype(np.uint8)
    return [np.roll(np.dstack([ground] * 3), i, axis=1) for i in range(count)]


def packets(count: int = 15) -> list[tuple[float, bytes]]:
    return [
        (i / 5, encode(START_US + i * 200_000, {"platform_call_sign": f"S{i}" * 60})) for i in range(count)
    ]


@pytest.mark.parametrize("codec", ["h264", "mpeg2video"])
def test_ffmpeg_decodes_the_video_and_finds_the_telemetry_unchanged(codec):
    clip = write_clip(frames(), packets(), 10.0, codec)

    with av.open(io.BytesIO(clip)) as container:
        kinds = [
            (stream.type, stream.codec_context and stream.codec_context.name) for stream in container.streams
        ]
        pictures, data = [], []
        for packet in container.demux():
            if packet.stream.type == "video":
                pictures += [(frame.time, frame.to_ndarray(format="gray")) for frame in packet.decode()]
            elif packet.size:
                data.append((float(packet.pts * packet.time_base), bytes(packet)))

    assert kinds == [("video", codec), ("data", None)]
    assert [time for time, _ in pictures] == pytest.approx([1 + i / 10 for i in range(30)], abs=1e-4)
    assert np.abs(pictures[7][1].astype(int) - frames()[7][..., 0]).mean() < 6
    assert data == [(pytest.approx(1 + time, abs=1e-4), packet) for time, packet in packets()]


def test_our_own_reader_agrees():
    reader = KlvStream("clip")
    read = [p for some in read_packets([write_clip(frames(), packets(), 10.0)], reader) for p in some]

    assert [p.time_us for p in read] == [START_US + i * 200_000 for i in range(15)]
    assert all(p.checksum_ok for p in read)
    assert reader.notes() == []


def test_same_frames_give_the_same_bytes():
    assert write_clip(frames(8), packets(3), 10.0) == write_clip(frames(8), packets(3), 10.0)


def test_clip_without_a_frame_is_refused():
    with pytest.raises(BadInput):
        write_clip([], packets(), 10.0)
