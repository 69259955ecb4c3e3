"""Throws damaged bytes at every parser of drone data, as many as asked for.

usage: python tests/fuzz/drone_inputs.py [--inputs 1000000] [--parser NAME] [--seed 1]
Each parser may refuse an input (BadInput) and nothing else; each must come back within a second, and
memory must not grow. Exit 1 and the input in hex when one does not.
"""

import argparse
import io
import resource
import struct
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image
from truceline.codec.flightlog.dataflash import read_dataflash
from truceline.codec.flightlog.mavlink import MavlinkLog, positions_table
from truceline.codec.flightlog.subtitles import read_subtitles
from truceline.codec.flightlog.ulog import read_ulog
from truceline.codec.klv import encode, items, universal_items
from truceline.codec.klv_cuts import joined
from truceline.codec.klv_matrix import to_rows
from truceline.codec.klv_sets import security_of, targets_of, view_of
from truceline.codec.klv_stream import KlvStream
from truceline.codec.klv_tags import EG0104_FLOAT, EG0104_KEY
from truceline.codec.mpegts import Unit, mux
from truceline.detect.photos.reader import read_photo
from truceline.model.errors import BadInput
from truceline.sources.datagrams import Rtp

LONGEST_S = 1.0
GROWTH_KB = 200_000  # of a million inputs: caches of the libraries, once

PACKET = encode(
    1_700_000_000_000_000,
    {
        "sensor_lat_deg": 47.0, "sensor_lon_deg": 37.0, "sensor_msl_m": 1500.0, "platform_heading_deg": 10.0,
        "platform_call_sign": "ONE", "slant_range_m": 900.0, "uas_ls_version": 17, "zoom_pct": 4.0,
    },
    [(48, b"\1\1\1\2\1\1"), (74, b"\4\1\1\x65\6\5\7\1\2\0\1")],
)  # fmt: skip
LEGACY = EG0104_KEY + b"\x81\x8c" + b"".join(key + b"\4" + bytes(4) for key in [*EG0104_FLOAT][:7])
STREAM = mux(
    [Unit(1 + i / 25, 1 + i / 25, i == 0, bytes(150)) for i in range(4)],
    [(1 + i / 25, PACKET) for i in range(4)],
)


def _cells(part: bytes, data: bytes) -> bytes:
    """One cell of an access unit in a synchronous stream: a PES packet that fits a transport packet."""
    payload = b"\0\1" + part + len(data).to_bytes(2, "big") + data
    pes = b"\0\0\1\xfc" + (len(payload) + 3).to_bytes(2, "big") + b"\x84\0\0" + payload
    spare = 183 - len(pes)
    return b"\x47\x42\0\x30" + bytes([spare]) + (b"\0" + b"\xff" * (spare - 1) if spare else b"") + pes


CELLS = (_cells(b"\x9f", PACKET[:70]) + _cells(b"\x1f", PACKET[70:90]) + _cells(b"\x5f", PACKET[90:])) * 3
SUBTITLES = (
    b"1\n00:00:01,000 --> 00:00:02,000\nHOME(1.0,2.0) 2017.08.05 14:11:51\nGPS(3.0,4.0,16) BAROMETER:1.9\n\n"
    b"2\n00:00:02,000 --> 00:00:03,000\n[latitude : -34.8] [longtitude : -57.8] [altitude: 74.7]\n"
)
FIRST = b"\xfe\x1c" + bytes([9, 1, 1, 33]) + bytes(28 + 2)
SECOND = b"\xfd\x04\0\0\0\1\1\x21\0\0" + bytes(4 + 2)
FRAMES = (bytes(8) + FIRST + bytes(8) + SECOND) * 4


def _message(kind: bytes, body: bytes) -> bytes:
    return struct.pack("<H", len(body)) + kind + body


ULOG = (
    b"ULog\x01\x12\x35\x01" + bytes(8) + _message(b"B", bytes(40))
    + _message(b"F", b"vehicle_gps_position:uint64_t timestamp;int32_t lat;int32_t lon;uint8_t fix_type")
    + _message(b"A", b"\0\7\0vehicle_gps_position")
    + b"".join(_message(b"D", b"\7\0" + struct.pack("<QiiB", i, 1, 2, 3)) for i in range(4))
)  # fmt: skip
FLASH = (
    b"\xa3\x95\x80\2\x1bPOS\0QLLff" + bytes(11) + b"TimeUS,Lat,Lng,Alt,RelHomeAlt".ljust(64, b"\0")
    + (b"\xa3\x95\2" + bytes(24)) * 4
)  # fmt: skip
FIXES = (
    b"\xa3\x95\x80\1\x1aGPS\0BIHLLeI" + bytes(9) + b"Status,TimeMS,Week,Lat,Lng,Alt,T".ljust(64, b"\0")
    + (b"\xa3\x95\1\3" + bytes(4) + b"\x08\x07" + bytes(16)) * 4
)  # fmt: skip


def read_stream(data: bytes) -> None:
    """Read a stream in two pieces, and make rows of it."""
    stream = KlvStream("fuzz")
    half = len(data) // 2
    to_rows(joined([stream.feed(data[:half]), stream.feed(data[half:]), stream.finish()]))


def read_frames(data: bytes) -> None:
    """Read a log in two pieces."""
    log = MavlinkLog()
    half = len(data) // 2
    positions_table([log.feed(data[:half]), log.feed(data[half:], last=True)])


def read_sets(data: bytes) -> None:
    """Read bytes as items and as every nested set."""
    list(items(data, 0))
    list(universal_items(data, 0))
    security_of(data)
    targets_of(data, 640, 512)
    view_of(data)


def read_datagrams(data: bytes) -> None:
    """Take the heads off three datagrams."""
    rtp, third = Rtp(), len(data) // 3
    for start in range(0, len(data), max(1, third)):
        rtp.payload(data[start : start + third])


def _photo(kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    told, gps = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
    told[0xA405], told[0xA002], told[0x9011], told[0x9003] = 24, 64, "+02:00", "2025:06:01 10:20:30"
    gps[1], gps[2], gps[3], gps[4] = "S", (47.0, 30.0, 1.5), "E", (37.0, 15.0, 2.5)
    gps[29], gps[7] = "2025:06:01", (10.0, 20.0, 30.0)
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:D drone-dji:GimbalYawDegree="+12.5" Camera:Pitch="1/2">'
        b'<drone-skydio:CameraOrientationNED drone-skydio:Yaw="3"/></r:D></x:xmpmeta>'
    )
    out = io.BytesIO()
    Image.new("RGB", (32, 24), "grey").save(out, kind, exif=exif, **({"xmp": xmp} if kind == "JPEG" else {}))
    return out.getvalue()


PARSERS: dict[str, tuple[Callable[[bytes], object], tuple[bytes, ...]]] = {
    "stream": (read_stream, (STREAM, CELLS, PACKET * 3, LEGACY * 2, PACKET + LEGACY)),
    "sets": (read_sets, (b"\1\1\1\2\1\1", b"\4\1\1\x65\6\5\7\1\2\0\1", PACKET[20:])),
    "subtitles": (read_subtitles, (SUBTITLES,)),
    "mavlink": (read_frames, (FRAMES,)),
    "ulog": (read_ulog, (ULOG,)),
    "dataflash": (read_dataflash, (FLASH, FIXES)),
    "photo": (lambda data: read_photo("fuzz", data), (_photo("JPEG"), _photo("PNG"), _photo("WEBP"))),
    "rtp": (read_datagrams, (b"\x90\x21" + bytes(14) + STREAM[:188], b"\xb2\xa1" + bytes(30) + b"\2\2")),
}


def damaged(seeds: tuple[bytes, ...], count: int, seed: int) -> Iterator[bytes]:
    """Flip, cut, double, insert and overwrite, a few times each; now and then nothing but noise."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        if number % 50 == 0:
            yield rng.bytes(int(rng.integers(0, 400)))
            continue
        data = bytearray(seeds[number % len(seeds)])
        for _ in range(int(rng.integers(1, 6))):
            kind, at = int(rng.integers(0, 6)), int(rng.integers(0, max(1, len(data))))
            if kind == 0 and data:
                data[at] ^= 1 << int(rng.integers(0, 8))
            elif kind == 1:
                del data[at : at + int(rng.integers(1, 40))]
            elif kind == 2:
                data[at:at] = data[at : at + int(rng.integers(1, 60))]
            elif kind == 3:
                data[at:at] = rng.bytes(int(rng.integers(1, 30)))
            elif kind == 4 and data:
                data[at] = (0, 0x7F, 0x80, 0xFF, 0x84, 0x47)[int(rng.integers(0, 6))]
            else:
                data = data[: at + 1]
        yield bytes(data)


def throw(name: str, count: int, seed: int) -> str:
    """Throw inputs at one parser; answer what went wrong, or nothing."""
    parse, seeds = PARSERS[name]
    begun_kb = 0
    for number, data in enumerate(damaged(seeds, count, seed)):
        start = time.process_time()
        try:
            parse(data)
        except BadInput:
            pass
        except Exception as error:
            return f"{name}: {type(error).__name__}: {error}: {data.hex()}"
        if time.process_time() - start > LONGEST_S:
            return f"{name}: took longer than {LONGEST_S} s: {data.hex()}"
        if number == min(2000, count // 2):
            begun_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begun_kb
    return f"{name}: grew by {grown_kb} kB" if grown_kb > GROWTH_KB else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--parser", choices=sorted(PARSERS))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name in [options.parser] if options.parser else sorted(PARSERS):
        start = time.process_time()
        wrong = throw(name, options.inputs, options.seed)
        if wrong:
            print(wrong, file=sys.stderr)
            return 1
        took_s = time.process_time() - start
        print(f"{name}: {options.inputs} inputs, {took_s:.0f} s of processor time, none bad")
    return 0


if __name__ == "__main__":
    sys.exit(main())
