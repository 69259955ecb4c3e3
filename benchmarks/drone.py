"""How fast drone telemetry is read, each figure beside a peer of the same run.

usage: python benchmarks/drone.py [--quick] [--packets N]
The peers: a plain decoder that goes through transport packets and items one by one, and a copy of the same
bytes in memory. All of them find the bytes in memory.
Figures are processor time, medians of runs in turns; the answers are compared first.
"""

import argparse
import io
import statistics
import struct
import sys
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from truceline.codec.demux import Demux
from truceline.codec.flightlog.mavlink import MavlinkLog
from truceline.codec.klv import TELEMETRY, Packet, decode, encode, find_packet
from truceline.codec.klv_cuts import joined
from truceline.codec.klv_matrix import to_rows
from truceline.codec.klv_rows import to_table
from truceline.codec.klv_stream import KlvStream
from truceline.codec.klv_tags import EG0104_FLOAT, EG0104_KEY, EG0104_TIME
from truceline.codec.mpegts import Unit, mux
from truceline.geo.footprint import locate

CHUNK_BYTES, BATCH = 188 << 16, 16_384  # as the verb reads
START_US = 1_700_000_000_000_000


def flight(count: int, seed: int = 1) -> list[bytes]:
    """Make packets as a turret sends them: five layouts, all values moving."""
    rng = np.random.default_rng(seed)
    turn = np.cumsum(rng.normal(0, 0.2, count))
    packets = []
    for i in range(count):
        fields = {
            "mission_id": "BENCH", "platform_heading_deg": (200 + turn[i]) % 360, "platform_pitch_deg": 2.0,
            "platform_roll_deg": float(np.clip(5 * turn[i] % 40 - 20, -40, 40)),
            "platform_designation": "UAV",
            "image_source_sensor": "EO", "sensor_lat_deg": 47 + i * 1e-5, "sensor_lon_deg": 37 + i * 1e-5,
            "sensor_msl_m": 2900.0 + turn[i] % 10, "sensor_hfov_deg": 3.0, "sensor_vfov_deg": 2.0,
            "sensor_rel_azimuth_deg": (90 - turn[i]) % 360, "sensor_rel_elevation_deg": -25.0,
            "sensor_rel_roll_deg": 0.0, "slant_range_m": 3000.0 + turn[i], "target_width_m": 150.0,
            "frame_center_lat_deg": 47.01 + i * 1e-5, "frame_center_lon_deg": 37.01 + i * 1e-5,
            "frame_center_msl_m": 1850.0, "platform_ground_speed_mps": 60,
        }  # fmt: skip
        if i % 5:
            fields["platform_call_sign"] = "STORK " + "X" * (i % 5)
        packets.append(encode(START_US + i * 200_000, fields, [(48, b"\1\1\1"), (94, bytes(34))]))
    return packets


def legacy(count: int, seed: int = 2) -> list[bytes]:
    """Make sets of EG 0104, all values moving."""
    dice = np.random.default_rng(seed)
    keys = list(EG0104_FLOAT)
    sets = []
    for i in range(count):
        value = EG0104_TIME + b"\x08" + (START_US + i * 33_333).to_bytes(8, "big")
        told = dice.normal(40, 1, len(keys))
        value += b"".join(key + b"\x04" + struct.pack(">f", x) for key, x in zip(keys, told, strict=True))
        sets.append(EG0104_KEY + b"\x82" + len(value).to_bytes(2, "big") + value)
    return sets


def plain(data: bytes) -> list[Packet]:
    """Decode packet by packet, item by item."""
    found, at = [], 0
    while (cut := find_packet(data, at)) is not None and cut.end <= len(data):
        packet = decode(data[at : cut.end], cut.value - at)
        if packet is not None:
            found.append(packet)
        at = cut.end
        if at >= len(data):
            break
    return found


def plain_stream(data: bytes) -> list[Packet]:
    """Collect the payload of telemetry transport packet by transport packet, then decode item by item."""
    waiting: dict[int, bytearray] = {}
    whole = []
    for at in range(0, len(data) - 187, 188):
        if data[at] != 0x47 or not data[at + 3] & 0x10:
            continue
        pid = (data[at + 1] & 0x1F) << 8 | data[at + 2]
        begin = at + 5 + data[at + 4] if data[at + 3] & 0x20 else at + 4
        if data[at + 1] & 0x40:
            if pid in waiting:
                whole.append(bytes(waiting.pop(pid)))
            if data[begin : begin + 3] == b"\0\0\1" and data[begin + 3] in (0xBD, 0xFC):
                waiting[pid] = bytearray(data[begin : at + 188])
        elif pid in waiting:
            waiting[pid] += data[begin : at + 188]
    whole += [bytes(one) for one in waiting.values()]
    return [packet for one in whole for packet in plain(one[9 + one[8] :])]


def pieces(data: bytes) -> list[bytes]:
    """Cut as a file is read."""
    return [data[i : i + CHUNK_BYTES] for i in range(0, len(data), CHUNK_BYTES)]


def ours(parts: list[bytes]) -> list:
    """Decode into rows."""
    stream = KlvStream("bench")
    cuts = joined([stream.feed(part) for part in parts])
    cuts = joined([cuts, stream.finish()])
    return [to_rows(cuts.rows(i, min(i + BATCH, cuts.count)), i) for i in range(0, cuts.count, BATCH)]


def written(parts: list[bytes]) -> int:
    """Decode into rows and write them as Parquet, as the verb does."""
    out = io.BytesIO()
    with pq.ParquetWriter(out, TELEMETRY) as writer:
        for table in ours(parts):
            writer.write_table(table)
    return len(out.getvalue())


def demuxed(parts: list[bytes]) -> int:
    """Read a transport stream."""
    demux = Demux()
    found = sum(len(demux.feed(part).pid) for part in parts)
    return found + len(demux.finish().pid)


def seconds(*acts: Callable[[], object], rounds: int) -> list[float]:
    """Run each in turns; the median processor time of each."""
    told: list[list[float]] = [[] for _ in acts]
    for _ in range(rounds):
        for act, times in zip(acts, told, strict=True):
            start = time.process_time()
            act()
            times.append(time.process_time() - start)
    return [statistics.median(times) for times in told]


def row(what: str, mine: str, peer: str, ratio: float, asked: str = "") -> None:
    print(f"{what:44s} {mine:>16s} {peer:>26s} {ratio:8.2f}x {asked}")


def streams(name: str, sets: list[bytes], rounds: int, copies: int) -> bool:
    """Compare reading sets inside a video of 18 kB a frame; tell whether the answers agree."""
    units = [Unit(1 + i / 30, 1 + i / 30, i % 30 == 0, bytes(18_000)) for i in range(900)]
    stream = mux(units, [(1 + i / 30, sets[i]) for i in range(900)]) * copies
    parts = pieces(stream)
    table = pa.concat_tables(ours(parts)).drop_columns(["pid", "pts_s"])
    told = to_table(plain_stream(stream)).drop_columns(["pid", "pts_s"])
    if not table.equals(told):
        print(f"{name}: the two readers of a transport stream do not agree", file=sys.stderr)
        return False
    mine, demux, theirs, copy = seconds(
        lambda: ours(parts),
        lambda: demuxed(parts),
        lambda: plain_stream(stream),
        lambda: bytearray(stream),
        rounds=rounds,
    )
    count = table.num_rows
    peer = f"plain {count / theirs:,.0f}/s"
    row(f"{name} sets in {len(stream) / 1e6:.0f} MB of video", f"{count / mine:,.0f}/s", peer, theirs / mine)
    speed, copied = len(stream) / demux / 1e6, len(stream) / copy / 1e6
    row(
        "  of it, the transport stream",
        f"{speed:,.0f} MB/s",
        f"memory copy {copied:,.0f} MB/s",
        speed / copied,
    )
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer packets and rounds")
    parser.add_argument("--packets", type=int, default=20_000)
    options = parser.parse_args()
    count, rounds = (5_000, 3) if options.quick else (options.packets, 5)
    packets = flight(count)
    data = b"".join(packets)
    one_by_one = plain(data)
    parts = pieces(data)
    if not ours(parts)[0].equals(to_table(one_by_one[:BATCH])):
        print("the two decoders do not agree", file=sys.stderr)
        return 1
    print(f"{'what':44s} {'ours':>16s} {'peer':>26s} {'ratio':>9s}")
    mine, file, theirs = seconds(
        lambda: ours(parts), lambda: written(parts), lambda: plain(data), rounds=rounds
    )
    peer = f"plain {count / theirs:,.0f}/s"
    row("KLV packets to rows", f"{count / mine:,.0f}/s", peer, theirs / mine, "asked 6, aim 12")
    row("KLV packets to a Parquet file", f"{count / file:,.0f}/s", peer, theirs / file, "asked 6, aim 12")
    for name, sets in (("ST 0601", packets), ("EG 0104", legacy(900))):
        if not streams(name, sets, rounds, 2 if options.quick else 6):
            return 1
    table = ours(parts)[0]
    (mine,) = seconds(lambda: locate(table), rounds=rounds)
    per_s = table.num_rows / mine
    row("footprints and health", f"{per_s:,.0f}/s", "30 packets a second", per_s / 30, "times real time")
    noise = b"".join(bytes(8) + b"\xfe\x1c" + bytes(34) for _ in range(count))
    (mine,) = seconds(lambda: MavlinkLog().feed(noise, last=True), rounds=rounds)
    row("MAVLink log", f"{len(noise) / mine / 1e6:,.0f} MB/s", "100 Hz of 44 bytes", len(noise) / mine / 4400)
    tenth = b"".join(packets[: count // 10])
    tenth_parts = pieces(tenth)
    small, large = seconds(lambda: ours(tenth_parts), lambda: ours(parts), rounds=rounds)
    row("KLV: cost of ten times as much", f"{large / small:.1f}x", "straight line: 10x", large / small)
    return 0


if __name__ == "__main__":
    sys.exit(main())
