"""Bad input of every drone verb (contract drone, sections 4 to 8): its code, one line, what is left.

Where nothing can be used: code 2, one line that names the file, and what was at ``--out`` stays. Where some
can: code 0, one line that says what was lost, the same in the Parquet file, and the rows that are whole.
"""

import io
import json
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy import ndimage
from truceline.app.cli import main
from truceline.codec.klv import encode
from truceline.codec.klv_tags import ST0601_KEY
from truceline.codec.mpegts import PACKET, VIDEO_PID, mux
from truceline.sim.clip import write_clip
from truceline.sim.pose import pose

START_US = 1_700_000_000_000_000
COUNT, FPS, FRAMES = 20, 10, 40  # telemetry packets, and frames, of a clip
POSE = pose(90.0, 45.0, 10.0, 8.0) | {"frame_center_msl_m": 100.0, "platform_call_sign": "S" * 200}
CENTRE = {"frame_center_lat_deg": 50.0, "frame_center_lon_deg": 30.014}
NO_ANGLES = {name: value for name, value in POSE.items() if "rel" not in name}
STEADY = [START_US + i * 200_000 for i in range(COUNT)]
UNKNOWN = bytes.fromhex("060e2b34020b01010e01030302000000") + b"\x03abc"
NOISE = bytes(range(1, 101))


def packets(times_us=STEADY, fields=POSE) -> list[bytes]:
    return [encode(time_us, fields) for time_us in times_us]


def broken(packet: bytes) -> bytes:
    """Give a packet a checksum that is wrong."""
    return packet[:-1] + bytes([packet[-1] ^ 1])


def local_set(items: bytes) -> bytes:
    return ST0601_KEY + bytes([len(items)]) + items


def timed(some: list[bytes]) -> list[tuple[float, bytes]]:
    return [(i / 5, one) for i, one in enumerate(some)]


def stream(some: list[bytes]) -> bytes:
    """Telemetry in a transport stream, without video: two transport packets each."""
    return mux([], timed(some))


@cache
def clip(telemetry: bool = True) -> bytes:
    """A bright box that drives over rough ground."""
    rough = ndimage.gaussian_filter(np.random.default_rng(7).normal(0, 1, (240, 320)), 2)
    ground = (100 + 30 * rough / rough.std()).clip(0, 255).astype(np.uint8)
    pictures = []
    for i in range(FRAMES):
        picture = ground.copy()
        picture[120:130, 60 + 4 * i : 76 + 4 * i] = 250
        pictures.append(np.dstack([picture] * 3))
    return write_clip(pictures, timed(packets()) if telemetry else [], FPS)


def with_broken_video(share: float) -> bytes:
    """Blot out the video in the transport packets of the last part of a clip."""
    data, most = bytearray(clip()), len(clip())
    for at in range(0, most, PACKET):
        mine = (data[at + 1] & 0x1F) << 8 | data[at + 2] == VIDEO_PID
        if mine and at >= (1 - share) * most:
            keep = at + (50 if data[at + 1] & 0x40 else 4)
            data[keep : at + PACKET] = bytes(at + PACKET - keep)
    return bytes(data)


def picture(kind: str = "JPEG", turned: bool = False) -> bytes:
    """A grey picture; ``turned`` puts a place into its tags."""
    exif = Image.Exif()
    if turned:
        gps = exif.get_ifd(0x8825)
        gps[1], gps[2], gps[3], gps[4] = "N", (47.0, 30.0, 1.5), "E", (37.0, 15.0, 2.5)
    sink = io.BytesIO()
    Image.new("RGB", (96, 64), "grey").save(sink, kind, exif=exif)
    return sink.getvalue()


def subtitles(*texts: str) -> bytes:
    cues = (f"{i}\n00:00:0{i},000 --> 00:00:0{i},900\n{text}\n\n" for i, text in enumerate(texts, 1))
    return "".join(cues).encode()


def boxes(**changes: pa.Array) -> bytes:
    """Three boxes of one thing as `detect video` writes them; columns may be others, or (None) none."""
    columns = {
        "frame_index": pa.array([0, 1, 2]), "pts_s": pa.array([0.0, 0.2, 0.4]),
        **{f"bbox_{side}_px": pa.array([10.0, 11.0, 12.0]) for side in "xywh"},
        "score": pa.array([0.9, 0.9, 0.9]), "category": pa.array(["car"] * 3),
    }  # fmt: skip
    columns = {name: values for name, values in (columns | changes).items() if values is not None}
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


BEFORE = b"what was there"
KLV, LOCATE, DETECT = "video klv", "video locate", "detect video --model movers"
IMAGES, PHOTOS, LOG, TRACK = "detect images", "photo locate", "telemetry", "video track"
BARE = b"".join(packets())
ONE = packets()[0]
CAR = boxes()
KINDS = ("srt", "tlog", "ulg", "BIN")
JPEG = picture()
PLACE = "GPS(37.25,47.5,15) BAROMETER:12.3"


class Case(NamedTuple):
    """A verb, its input (a file, a folder of files, nothing), and what has to come of it."""

    verb: str
    given: bytes | dict[str, bytes] | None
    says: str = ""  # on stderr, a pattern
    rows: int | None = None  # None: refused
    holds: Callable[[Any], bool] = lambda rows: True
    file: str = "in.ts"  # how the input is called
    names: str = ""  # what the line names, where it is another


def refused(verbs: tuple[str, ...], given: Any, says: str, **more: Any) -> list[Case]:
    return [Case(verb, given, says, **more) for verb in verbs]


def column(name: str) -> Callable[[Any], list[Any]]:
    return lambda rows: rows[name].to_pylist()


def health(*words: str) -> Callable[[Any], bool]:
    """Every row says these words of its sensor's health."""
    return lambda rows: all(one == list(words) for one in rows["health"].to_pylist())


def methods(*words: str) -> Callable[[Any], bool]:
    return lambda rows: set(rows["method"].to_pylist()) == set(words)


def only(count: int, word: str) -> Callable[[Any], bool]:
    """So many rows say this word of their sensor's health, and no row another."""
    return lambda rows: (
        sorted(rows["health"].to_pylist()) == [[]] * (rows.num_rows - count) + [[word]] * count
    )


READERS = (KLV, LOCATE)
CUT_IN_KLV = stream(packets())[:-PACKET]
CUT_IN_TS = stream(packets())[: -PACKET - 50]
LOST_ONE = stream(packets())[: 6 * PACKET] + stream(packets())[7 * PACKET :]
IN_NOISE = clip()[: 50 * PACKET] + NOISE + clip()[50 * PACKET :]
WRONG = [broken(one) if i % 4 == 0 else one for i, one in enumerate(packets())]
TURNED = packets(fields=POSE | CENTRE | {"sensor_rel_azimuth_deg": 20.0})
LEAPING = packets([time_us + 3_600_000_000 * (i >= 10) for i, time_us in enumerate(STEADY)])
LONG_ITEM = local_set(b"\x02\x08" + START_US.to_bytes(8, "big") + b"\x05\x40" + bytes(8))
ABSURD = ONE[:16] + b"\x84\x7f\xff\xff\xff" + ONE[18:]
OUT_OF_RANGE = local_set(b"\x05\x00" + b"\x0d\x04\x80\x00\x00\x00" + b"\x0e\x04\x80\x00\x00\x00")

TELEMETRY = {
    "missing": refused((*READERS, DETECT), None, "cannot be read: No such file"),
    "0 bytes": refused((*READERS, DETECT), b"", "the file is empty"),
    "a text": refused(READERS, b"neither\n" * 99, "neither an MPEG transport stream nor KLV"),
    "a picture": refused(READERS, JPEG, "neither an MPEG transport stream nor KLV"),
    "a folder": refused(READERS, {}, "cannot be read"),
    "video only": refused(READERS, clip(False), "no KLV stream"),
    "unknown keys": refused(READERS, stream([UNKNOWN] * 9), "no KLV stream"),
    "unknown keys, bare": refused(READERS, UNKNOWN * 9, "no KLV stream"),
    "cut in a transport packet": [
        *(Case(v, stream(packets())[:-50], r"\b\d+ bytes of cut packets left over", 19) for v in READERS),
        Case(KLV, CUT_IN_TS, r"\b138 bytes of cut packets left over \(1.9 %\)", 19),
        Case(KLV, clip()[:-88], r"\b100 bytes of cut packets left over", COUNT),
    ],
    "cut in a KLV packet": [
        *(Case(verb, CUT_IN_KLV, r"\b170 bytes of cut packets left over", 19) for verb in READERS),
        *(Case(verb, BARE[:-40], rf"\b{len(ONE) - 40} bytes of cut packets", 19) for verb in READERS),
        Case(KLV, ONE[:-1], r"\(100 %\)", 0),
    ],
    "cut at the front": [
        *(Case(verb, stream(packets())[PACKET:], rows=19) for verb in READERS),
        Case(KLV, stream(packets())[PACKET + 50 :], r"\b138 bytes of noise skipped", 19),
    ],
    "noise": [
        *(Case(verb, IN_NOISE, r"\b100 bytes of noise skipped", COUNT) for verb in READERS),
        Case(KLV, NOISE + clip(), r"\b100 bytes of noise skipped", COUNT),
        Case(KLV, ONE + b"\xff" * 33 + ONE, r"\b33 bytes of noise skipped", 2),
        Case(KLV, ABSURD + BARE, rf"\b{len(ABSURD)} bytes of noise skipped", COUNT),
    ],
    "a transport packet lost": [
        Case(verb, LOST_ONE, r"\b1 transport packets of telemetry missing \(2.5 %\)", 19) for verb in READERS
    ],
    "wrong checksums": [
        Case(KLV, b"".join(WRONG), "", COUNT, lambda t: column("checksum_ok")(t).count(False) == 5),
        Case(LOCATE, b"".join(WRONG), "", COUNT, only(5, "bad_checksum")),
    ],
    "no checksum": [Case(KLV, local_set(b"\x03\x01M"), "", 1, lambda t: column("checksum_ok")(t) == [None])],
    "an item longer than its packet": [
        Case(KLV, LONG_ITEM, "", 1, lambda t: [one["id"] for one in column("raw")(t)[0]] == ["error"]),
        Case(KLV, LONG_ITEM, "", 1, lambda t: column("time")(t)[0].timestamp() == START_US / 1e6),
    ],
    "nothing in an item, and codes of no value": [
        Case(KLV, OUT_OF_RANGE, "", 1, lambda t: {*column("sensor_lat_deg")(t), *column("sensor_lon_deg")(t),
                                                  *column("platform_heading_deg")(t)} == {None}),
    ],
    "no sensor angles": [
        Case(LOCATE, b"".join(packets(fields=NO_ANGLES)), "", COUNT, health("no_pose")),
        Case(LOCATE, b"".join(packets(fields=NO_ANGLES)), "", COUNT, methods("none")),
        Case(LOCATE, b"".join(packets(fields=NO_ANGLES | CENTRE)), "", COUNT, methods("stated")),
        Case(KLV, b"".join(packets(fields=NO_ANGLES)), "", COUNT,
             lambda t: set(column("sensor_rel_azimuth_deg")(t)) == {None}),
    ],
    "a sight above the horizon": [
        Case(LOCATE, b"".join(packets(fields=POSE | {"sensor_rel_elevation_deg": 10.0})), "", COUNT,
             lambda t: health("horizon")(t) and set(column("corner1_lat_deg")(t)) == {None}),
    ],
    "time stamps that leap": [Case(LOCATE, b"".join(LEAPING), "", COUNT, only(1, "time_jump"))],
    "time stamps that run backwards": [
        Case(LOCATE, b"".join(packets()[::-1]), "", COUNT, only(COUNT - 1, "time_jump")),
        Case(KLV, b"".join(packets()[::-1]), "", COUNT),
    ],
    "corrupt video": [Case(verb, with_broken_video(1.0), "", COUNT) for verb in READERS],
    "telemetry without video": [Case(verb, stream(packets()), "", COUNT) for verb in READERS],
    "a height model that is none": [
        Case(f"{LOCATE} --dem {{in}}", BARE, "is no GeoTIFF"),
        Case(f"{LOCATE} --dem {{in}}.tif", BARE, "no such file", names="in.ts.tif"),
        Case(f"{LOCATE} --ground-elevation nan", BARE, "number of metres", names="--ground-elevation"),
    ],
}  # fmt: skip
FOUND = {
    "no video": [
        Case(DETECT, b"text\n" * 99, "no video that can be read"),
        Case(DETECT, JPEG, "no video that can be read"),
        Case(DETECT, BARE, "no video that can be read"),
        Case(DETECT, stream(packets()), "no video"),
        Case(DETECT, {}, "no video in this folder"),
        Case(DETECT, {"a.txt": b"x"}, "no video in this folder"),
    ],
    "no frame decodes": [Case(DETECT, with_broken_video(1.0), "no frame can be decoded")],
    "some frames do not decode": [
        Case(DETECT, with_broken_video(0.4), r"frames that do not decode, skipped: [1-9]\d* \(\d+ %\)", 1),
    ],
    "no telemetry": [
        Case(DETECT, clip(False), "no KLV stream", 1, lambda t: set(column("lat_deg")(t)) == {None}),
    ],
    "noise in a clip": [Case(DETECT, NOISE + clip(), r"\b100 bytes of noise skipped", 1)],
    "a folder of clips": [
        Case(DETECT, {"a.ts": clip(), "b.ts": b""}, "the file is empty; left out", 1,
             lambda t: set(column("file_name")(t)) == {"a.ts"}, names="b.ts"),
        Case(DETECT, {"a.ts": b"text", "b.ts": b""}, "none of its clips can be read"),
    ],
    "options": [
        Case(f"{DETECT} --every 0", clip(), "1 or more", names="--every"),
        Case("detect video --model best", clip(), "'best' is unknown", names="--model"),
        Case(f"{IMAGES} --model best", {"a.jpg": JPEG}, "'best' is unknown", names="--model"),
    ],
    "no pictures": [
        *refused((IMAGES, PHOTOS), None, "is no folder"),
        *refused((IMAGES, PHOTOS), JPEG, "is no folder"),
        *refused((IMAGES, PHOTOS), {"a.txt": b"x"}, "no (picture|photo)"),
        *refused((IMAGES, PHOTOS), {"a.jpg": b"", "b.png": b"text", "c.jpg": JPEG[:300]}, "can be read"),
    ],
    "pictures that cannot be read": [
        Case(verb, {"a.jpg": JPEG, "b.jpg": data}, f"{says}; (skipped|left out)$", 1, names="b.jpg")
        for verb in (IMAGES, PHOTOS)
        for data, says in (
            (b"", "the file is empty"),
            (b"text", r"is no picture \(JPEG, PNG, WebP, TIFF\)"),
            (JPEG[: len(JPEG) // 2], "is a damaged picture: .*"),
        )
    ],
    "a photo without a position": [
        Case(PHOTOS, {"a.jpg": JPEG}, "", 1,
             lambda them: them[0]["geometry"] is None and them[0]["properties"]["health"] == ["no_position"]),
    ],
    "a photo of which only the position is known": [
        Case(PHOTOS, {"a.jpg": picture(turned=True)}, "", 1,
             lambda made: set(made[0]["properties"]["health"]) == {"no_yaw", "no_height"}),
    ],
    "no log": [
        Case(LOG, None, "cannot be read", file="a.srt"),
        Case(LOG, {}, "cannot be read", file="a.srt"),
        *(Case(LOG, b"", "the file is empty", file=f"a.{kind}") for kind in KINDS),
        *(Case(LOG, b"text\n" * 9, "no flight log", file=f"a.{kind}") for kind in (*KINDS, "xyz")),
    ],
    "a log without a position": [
        Case(LOG, subtitles("no fix", "no fix"), "no position", file="a.srt"),
        Case(LOG, b"ULog\x01\x12\x35\x01" + bytes(8), "no position", file="a.ulg"),
        Case(LOG, bytes(8) + b"\xfe\x01" + bytes(9), "no position", file="a.tlog"),
    ],
    "a cue without a position": [
        Case(LOG, subtitles(PLACE, "no fix", PLACE), r"cues without a position: 1 \(33 %\)", 2, file="a.srt"),
        Case(LOG, subtitles(PLACE, PLACE)[:-25], r"\bcues without a position: 1\b", 1, file="a.srt"),
    ],
    "no table of boxes": [
        Case(TRACK, None, "missing"),
        Case(TRACK, b"", "empty"),
        Case(TRACK, b"text\n" * 9, "no Parquet file"),
        Case(TRACK, CAR[: len(CAR) // 2], "no Parquet file"),
    ],
    "bad boxes": [
        Case(TRACK, boxes(score=None), "no column score"),
        Case(TRACK, boxes(frame_index=pa.array(["0", "1", "2"])), "frame_index: is string, not an integer"),
        *(
            Case(TRACK, boxes(**{name: pa.array(values)}), f"{name}, row 1: {says}")
            for name, values, says in (
                ("bbox_x_px", [1.0, float("nan"), 1.0], "holds no number"),
                ("frame_index", [0, None, 2], "holds no number"),
                ("frame_index", [0, -7, 2], "-7 is no value"),
                ("bbox_w_px", [1.0, -3.0, 1.0], "-3 is no value"),
                ("bbox_h_px", [1.0, 0.0, 1.0], "0 is no value"),
                ("bbox_y_px", [1.0, 1e300, 1.0], r"1e\+300 is no value"),
                ("score", [0.5, 1.5, 0.5], "1.5 is no value"),
            )
        ),
    ],
    "no boxes": [Case(TRACK, boxes(**dict.fromkeys(("frame_index",), pa.array([], pa.int64())), **{
        name: pa.array([], kind) for name, kind in (
            *((f"bbox_{side}_px", pa.float64()) for side in "xywh"),
            ("pts_s", pa.float64()), ("score", pa.float64()), ("category", pa.string()))}), "", 0)],
}  # fmt: skip
ALL = {f"{what}, {case.verb}, {i}": case for group in (TELEMETRY, FOUND) for what, cases in group.items()
       for i, case in enumerate(cases)}  # fmt: skip


@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_bad_input_is_one_line_and_what_can_be_used_is_used(case: Case, tmp_path: Path, capsys):
    file, out = tmp_path / "in" / case.file, tmp_path / "out" / "result"
    _give(file, case.given)
    out.parent.mkdir()
    out.write_bytes(BEFORE)

    code = main([*(word.format(**{"in": file}) for word in case.verb.split()), str(file), "--out", str(out)])

    said = capsys.readouterr().err.splitlines()
    assert code == (2 if case.rows is None else 0), said
    assert len(said) == bool(case.says)
    assert not said or re.search(case.says, said[0])
    assert not said or said[0].startswith(f"{'error' if case.rows is None else 'warning'}: ")
    assert not said or (case.names or case.file) in said[0]
    assert list(out.parent.iterdir()) == [out]
    if case.rows is None:
        assert out.read_bytes() == BEFORE
    else:
        _check(case, out, said)


def _give(file: Path, given: bytes | dict[str, bytes] | None) -> None:
    file.parent.mkdir()
    if isinstance(given, dict):
        file.mkdir()
        for name, data in given.items():
            (file / name).write_bytes(data)
    elif given is not None:
        file.write_bytes(given)


def _check(case: Case, out: Path, said: list[str]) -> None:
    """Hold the result against the case: rows of a table, features, or the pictures that boxes are of."""
    if case.verb == IMAGES:
        assert {row["image_id"] for row in json.loads(out.read_text())} <= {"a.jpg"}
        return
    if case.verb == PHOTOS:
        features = json.loads(out.read_text())["features"]
        assert len(features) == case.rows and case.holds(features)
        return
    rows = pq.read_table(out)
    assert rows.num_rows >= case.rows if case.verb == DETECT else rows.num_rows == case.rows
    assert case.holds(rows)
    lost = (pq.read_metadata(out).metadata or {}).get(b"lost", b"").decode()
    assert bool(lost) == bool(said)
    assert re.search(case.says.removesuffix("$"), lost)


def test_corrupt_video_leaves_telemetry_and_footprints_as_they_were(tmp_path: Path):
    tables = []
    for name, data in (("whole.ts", clip()), ("broken.ts", with_broken_video(1.0))):
        (tmp_path / name).write_bytes(data)
        for verb in READERS:
            assert main([*verb.split(), str(tmp_path / name), "--out", str(tmp_path / "o")]) == 0
            tables.append(pq.read_table(tmp_path / "o"))

    assert tables[:2] == tables[2:]


@pytest.mark.parametrize(("told", "is_found"), [(TURNED, True), ([broken(one) for one in TURNED], False)])
def test_packets_with_wrong_checksums_make_no_finding_of_a_bias(told, is_found, tmp_path: Path):
    (tmp_path / "a.klv").write_bytes(b"".join(told))
    words = ["video", "locate", str(tmp_path / "a.klv"), "--health", str(tmp_path / "h"), "--out"]

    assert main([*words, str(tmp_path / "o")]) == 0

    kinds = {one["kind"] for one in json.loads((tmp_path / "h").read_text())}
    assert ("azimuth_bias" in kinds) == is_found


@pytest.mark.parametrize("verb", [KLV, DETECT, LOG])
def test_a_pipe_is_refused_and_does_not_hang(verb, tmp_path: Path, capsys):
    os.mkfifo(tmp_path / "pipe.ts")

    assert main([*verb.split(), str(tmp_path / "pipe.ts"), "--out", str(tmp_path / "o")]) == 2
    assert "pipe.ts: is not a regular file" in capsys.readouterr().err


def test_a_play_list_is_no_video_and_nothing_that_it_names_is_fetched(tmp_path: Path):
    (tmp_path / "a.ts").write_bytes(clip())
    entry = f"#EXTINF:5,\n{tmp_path / 'a.ts'}\n#EXT-X-ENDLIST\n"
    (tmp_path / "a.m3u8").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n{entry}")

    assert main([*DETECT.split(), str(tmp_path / "a.m3u8"), "--out", str(tmp_path / "o")]) == 2


@pytest.mark.parametrize("verb", [KLV, LOCATE])
def test_a_folder_that_is_missing_for_the_result_is_named(verb, tmp_path: Path, capsys):
    (tmp_path / "a.klv").write_bytes(BARE)

    assert main([*verb.split(), str(tmp_path / "a.klv"), "--out", str(tmp_path / "none" / "o")]) == 2
    assert "none" in capsys.readouterr().err
