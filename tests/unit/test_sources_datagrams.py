"""Live streams on loopback: UDP and RTP video, MAVLink; cuts, losses, and what is not listened to."""

import socket
import struct
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from truceline.codec.klv import encode
from truceline.codec.mpegts import Unit, mux
from truceline.flow.mission import load_mission
from truceline.model.errors import BadInput
from truceline.sim.pose import pose
from truceline.sources import datagrams
from truceline.sources.datagrams import address_of
from truceline.sources.telemetry import Telemetry
from truceline.sources.video import Video

START_US = 1_700_000_000_000_000
POSE = pose(90.0, 45.0, 10.0, 8.0) | {"frame_center_msl_m": 100.0}


def clip(seconds: int) -> bytes:
    units = [Unit(1 + i / 10, 1 + i / 10, i % 10 == 0, bytes(300)) for i in range(10 * seconds)]
    return mux(units, [(1 + i / 5, encode(START_US + i * 200_000, POSE)) for i in range(5 * seconds)])


def frame(number: int, lat_deg: float) -> bytes:
    """A stamped GLOBAL_POSITION_INT of MAVLink 1."""
    fields = number, round(lat_deg * 1e7), 305657724, 250_000, 120_000, 0, 0, 0, 0
    told = bytes([28, number & 255, 1, 1, 33]) + struct.pack("<IiiiihhhH", *fields)
    crc = 0xFFFF
    for byte in told + bytes([104]):
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    stamp = (START_US + number * 200_000).to_bytes(8, "big")
    return stamp + b"\xfe" + told + crc.to_bytes(2, "little")


@pytest.fixture
def port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def send(port: int, parts: list[bytes]) -> threading.Thread:
    """Send everything once, in order, as soon as somebody listens; it all fits into the listener's buffer."""

    def work() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.connect(("127.0.0.1", port))
            while not is_heard(out):
                time.sleep(0.01)
            for part in parts:
                out.send(part)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def is_heard(out: socket.socket) -> bool:
    """Knock with empty datagrams: where nobody listens, the first is refused and the second says so."""
    try:
        out.send(b"")
        out.send(b"")
    except ConnectionRefusedError:
        return False
    return True


def rtp(number: int, payload: bytes) -> bytes:
    return struct.pack(">BBHII", 0x80, 33, number & 0xFFFF, 0, 7) + payload


def datagram_parts(data: bytes) -> list[bytes]:
    return [data[i : i + 7 * 188] for i in range(0, len(data), 7 * 188)]


@pytest.mark.parametrize("form", ["udp", "rtp"])
def test_live_video_is_cut_at_key_frames_and_loses_no_packet(form, port, shelf, monkeypatch):
    monkeypatch.setattr(datagrams, "QUIET_S", 1.0)
    parts = datagram_parts(clip(12))
    if form == "rtp":
        parts = [rtp(65_530 + i, part) for i, part in enumerate(parts)]
    thread = send(port, parts)

    taken = list(Video(name="u", path=Path(f"udp://127.0.0.1:{port}"), piece_s=4.0).observe(shelf, False))

    thread.join()
    assert [one.noun.attributes["packets"] for one in taken] == [21, 20, 19]
    assert {one.noun.status for one in taken} == {"ok"}
    assert taken[0].noun.footprint["type"] == "Polygon"


def test_lost_datagrams_are_counted(port, shelf, monkeypatch):
    monkeypatch.setattr(datagrams, "QUIET_S", 1.0)
    parts = [rtp(i, part) for i, part in enumerate(datagram_parts(clip(3)))]
    thread = send(port, parts[:5] + parts[8:])

    (taken,) = Video(name="u", path=Path(f"udp://127.0.0.1:{port}")).observe(shelf, False)

    thread.join()
    assert taken.noun.status == "degraded"
    assert "3 datagrams lost" in taken.noun.reason


def test_noise_is_said_of_the_piece_that_it_came_with(port, shelf, monkeypatch):
    monkeypatch.setattr(datagrams, "QUIET_S", 1.0)
    parts = datagram_parts(clip(12))
    thread = send(port, [*parts[:2], b"noise" * 30, *parts[2:]])

    taken = list(Video(name="u", path=Path(f"udp://127.0.0.1:{port}"), piece_s=4.0).observe(shelf, False))

    thread.join()
    assert [one.noun.status for one in taken] == ["degraded", "ok", "ok"]
    assert "150 bytes of noise" in taken[0].noun.reason


def test_bare_packets_are_taken_live_too(port, shelf, monkeypatch):
    monkeypatch.setattr(datagrams, "QUIET_S", 1.0)
    thread = send(port, [encode(START_US + i * 200_000, POSE) for i in range(30)])

    (taken,) = Video(name="u", path=Path(f"udp://127.0.0.1:{port}")).observe(shelf, False)

    thread.join()
    assert taken.noun.attributes["packets"] == 30


def test_live_mavlink_becomes_a_track(port, shelf, monkeypatch):
    monkeypatch.setattr("truceline.sources.telemetry.QUIET_S", 1.0)
    thread = send(port, [frame(i, 46 + i / 1000)[8:] for i in range(20)])

    (taken,) = Telemetry(name="d", path=Path(f"udp://127.0.0.1:{port}")).observe(shelf, False)

    thread.join()
    rows = pq.read_table(shelf.root / taken.blobs[0].sha256)
    assert rows["lat_deg"].to_pylist() == pytest.approx([46 + i / 1000 for i in range(20)])
    assert taken.noun.attributes["sensor_lat_deg"] == pytest.approx(46.019)


@pytest.mark.parametrize("path", ["udp://8.8.8.8:5004", "udp://example:5004", "udp://127.0.0.1:0", "udp://x"])
def test_only_loopback_is_listened_to(path):
    with pytest.raises(BadInput, match=r"loopback|must be"):
        address_of(path)


def test_port_in_use_is_said(port, shelf):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))

        with pytest.raises(BadInput, match="cannot be listened to"):
            list(Video(name="u", path=Path(f"udp://127.0.0.1:{port}")).observe(shelf, False))


def test_folder_of_logs_gives_an_observation_each(tmp_path, shelf):
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.tlog").write_bytes(b"".join(frame(i, 46.0) for i in range(5)))
    (folder / "b.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nGPS(149.0,-20.2,16)\n")
    (folder / "c.ulg").write_bytes(b"nothing of the kind")

    taken = list(Telemetry(name="d", path=folder).observe(shelf, False))

    assert [one.noun.status for one in taken] == ["ok", "degraded", "degraded"]
    assert taken[0].noun.attributes["positions"] == 5
    assert "no zone" in taken[1].noun.reason


def test_mission_leaves_an_address_as_it_is(tmp_path):
    text = 'schema = "truceline.mission/1"\nname = "m"\n[[source]]\nkind = "video"\nname = "u"\n'
    (tmp_path / "m.toml").write_text(text + 'path = "udp://127.0.0.1:5004"\n')

    (source,) = load_mission(tmp_path / "m.toml").sources

    assert address_of(str(source.plug.path)) == ("127.0.0.1", 5004)
