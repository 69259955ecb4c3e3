"""Damaged drone video, case by case, through each verb and the source of a running mission.

What can be used is used; what was lost is said, and stands in what is written.
"""

from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
from truceline.app.cli import main
from truceline.codec.klv import encode
from truceline.codec.mpegts import PACKET, TELEMETRY_PID, mux
from truceline.sim.clip import write_clip
from truceline.sim.pose import pose
from truceline.sources.video import Video

START_US = 1_700_000_000_000_000
COUNT = 30
POSE = pose(90.0, 45.0, 10.0, 8.0) | {"frame_center_msl_m": 100.0, "platform_call_sign": "STORK 1"}
NO_ANGLES = {name: value for name, value in POSE.items() if "rel" not in name}
STEADY = [START_US + i * 200_000 for i in range(COUNT)]
JUMPING = [time_us + 3_600_000_000 * (i >= 15) for i, time_us in enumerate(STEADY)]
DICE = np.random.default_rng(3)
PICTURES = [DICE.integers(0, 255, (64, 96, 3), np.uint8) for _ in range(2 * COUNT)]


def packets(times=STEADY, pose=POSE) -> list[tuple[float, bytes]]:
    return [(i / 5, encode(time_us, pose)) for i, time_us in enumerate(times)]


def clip(told) -> bytes:
    return write_clip(PICTURES, told, 10.0)


def flipped() -> list[tuple[float, bytes]]:
    """Packets with a bit of the call sign flipped in every third."""
    out = packets()
    for i in range(0, COUNT, 3):
        time_s, packet = out[i]
        out[i] = time_s, packet.replace(b"STORK 1", b"STORK 3")
    return out


def without_some(data: bytes) -> bytes:
    """Leave out every fifth transport packet of telemetry."""
    kept, seen = [], 0
    for at in range(0, len(data), PACKET):
        one = data[at : at + PACKET]
        mine = (one[1] & 0x1F) << 8 | one[2] == TELEMETRY_PID
        seen += mine
        if not (mine and seen % 5 == 0):
            kept.append(one)
    return b"".join(kept)


def with_noise(data: bytes) -> bytes:
    middle = len(data) // PACKET // 2 * PACKET
    return data[:middle] + bytes(range(1, 60)) + data[middle:]


class Case(NamedTuple):
    """What a file holds, and what each way of reading it has to say; rows None: refused."""

    data: bytes
    klv: int | None
    says: str = ""
    health: str = ""
    video: bool = True
    reason: str = ""


WHOLE = clip(packets())
CASES = {
    "whole": Case(WHOLE, COUNT),
    "cut off": Case(WHOLE[: len(WHOLE) - 3 * PACKET - 70], COUNT, "left over", reason="left over"),
    "noise": Case(with_noise(WHOLE), COUNT, "59 bytes of noise", reason="59 bytes of noise"),
    "packets lost": Case(
        without_some(WHOLE), 24, "telemetry missing", reason="telemetry missing"
    ),
    "no telemetry": Case(clip([]), None, "no KLV stream", reason="no telemetry"),
    "no video": Case(mux([], [(1 + at, one) for at, one in packets()]), COUNT, video=False),
    "wrong checksums": Case(clip(flipped()), COUNT, health="bad_checksum", reason="bad_checksum in 10"),
    "no sensor angles": Case(clip(packets(pose=NO_ANGLES)), COUNT, health="no_pose", reason="no_pose in 30"),
    "clock jumps": Case(clip(packets(JUMPING)), COUNT, health="time_jump", reason="time_jump in 1"),
    "clock runs backwards": Case(clip(packets(STEADY[::-1])), COUNT, health="time_jump", reason="time_jump"),
    "empty": Case(b"", None, "empty", video=False, reason="empty"),
}  # fmt: skip


@pytest.fixture(params=CASES)
def case(request, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.ts").write_bytes(CASES[request.param].data)
    (tmp_path / "o.parquet").write_bytes(b"what was there")
    return CASES[request.param]


def test_what_can_be_used_is_used_and_the_rest_is_said(case, tmp_path, capsys, shelf):
    file, out = tmp_path / "in" / "a.ts", tmp_path / "o.parquet"

    code = main(["video", "klv", str(file), "--out", str(out)])
    said = capsys.readouterr().err
    assert (code, said.count("\n") <= 2, case.says in said) == (0 if case.klv else 2, True, True)
    if case.klv is None:
        assert out.read_bytes() == b"what was there" and "a.ts" in said
    else:
        assert pq.read_table(out).num_rows == case.klv
        assert case.says in pq.read_metadata(out).metadata.get(b"lost", b"").decode()
        assert main(["video", "locate", str(file), "--out", str(out)]) == 0
        words = {word for row in pq.read_table(out)["health"].to_pylist() for word in row}
        assert words == ({case.health} if case.health else set())

    code = main(["detect", "video", "--model", "movers", str(file), "--out", str(out)])
    said = capsys.readouterr().err
    assert code == (0 if case.video else 2)
    assert case.says in said or not case.video

    (taken,) = Video(name="uav", path=file.parent).observe(shelf, False)
    assert taken.noun.status == ("degraded" if case.reason else "ok")
    assert case.reason in taken.noun.reason
