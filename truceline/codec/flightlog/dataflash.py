"""ArduPilot data-flash logs (ardupilot.org, "Diagnosing problems using Logs"): self-describing records."""

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from truceline.codec.flightlog.track import is_place, track_table

HEAD = b"\xa3\x95"
_FORMAT = 128
_FORMAT_BYTES = 89
FIX_3D = 3
WEEK_US = 604_800_000_000
GPS_EPOCH_US = 315_964_800_000_000  # 1980-01-06
# IERS Bulletin C: GPS minus UTC in seconds, from these days on (microseconds since 1970).
LEAPS = (
    (1_483_228_800_000_000, 18), (1_435_708_800_000_000, 17), (1_341_100_800_000_000, 16),
    (1_230_768_000_000_000, 15), (1_136_073_600_000_000, 14), (0, 13),
)  # fmt: skip
_CODES = {
    "a": "32h", "b": "b", "B": "B", "h": "h", "H": "H", "i": "i", "I": "I", "f": "f", "d": "d", "n": "4s",
    "N": "16s", "Z": "64s", "c": "h", "C": "H", "e": "i", "E": "I", "L": "i", "M": "B", "q": "q", "Q": "Q",
    "g": "e",
}  # fmt: skip
_SCALES = {"c": 0.01, "C": 0.01, "e": 0.01, "E": 0.01, "L": 1e-7}

Array = npt.NDArray[np.float64]


class _Format(NamedTuple):
    name: str
    size: int
    code: struct.Struct
    columns: list[str]
    scales: list[float]


class DataFlash(NamedTuple):
    """Records by message name, as columns of numbers, and how many bytes could not be read."""

    messages: dict[str, dict[str, Array]]
    skipped_bytes: int
    left_over_bytes: int


def parse(data: bytes) -> DataFlash:
    """Read the records that tell where the aircraft was (``POS``, ``GPS``)."""
    sizes = {_FORMAT: _FORMAT_BYTES}
    formats: dict[int, _Format] = {}
    found: dict[int, list[bytes]] = {}
    at, end, skipped = 0, len(data), 0
    while at + 3 <= end:
        size = sizes.get(data[at + 2]) if data.startswith(HEAD, at) else None
        if size is None:
            step = data.find(HEAD, at + 1)
            step = end if step < 0 else step
            skipped += step - at
            at = step
            continue
        if at + size > end:
            break
        kind = data[at + 2]
        if kind == _FORMAT:
            told, length, made = _read_format(data[at + 3 : at + size])
            if length >= 3:
                sizes[told] = length
            if made is not None:
                formats[told], found[told] = made, []
        elif kind in found:
            found[kind].append(data[at + 3 : at + size])
        at += size
    messages = {one.name: _columns(one, found[kind]) for kind, one in formats.items() if found[kind]}
    return DataFlash(messages, skipped, end - at)


def _read_format(body: bytes) -> tuple[int, int, _Format | None]:
    kind, size = body[0], body[1]
    name, codes, labels = (
        part.rstrip(b"\0").decode("ascii", "replace") for part in (body[2:6], body[6:22], body[22:86])
    )
    columns = labels.split(",")
    if name not in ("POS", "GPS") or any(code not in _CODES for code in codes) or len(columns) != len(codes):
        return kind, size, None
    code = struct.Struct("<" + "".join(_CODES[one] for one in codes))
    if code.size != size - 3 or "a" in codes:
        return kind, size, None
    return kind, size, _Format(name, size, code, columns, [_SCALES.get(one, 1.0) for one in codes])


def _columns(form: _Format, records: list[bytes]) -> dict[str, Array]:
    values = list(zip(*form.code.iter_unpack(b"".join(records)), strict=True))
    return {
        name: np.array(column, float) * scale if scale != 1e-7 else np.array(column, float) / 1e7
        for name, column, scale in zip(form.columns, values, form.scales, strict=True)
        if not isinstance(column[0], bytes)
    }


def read_dataflash(data: bytes) -> tuple[pa.Table, DataFlash]:
    """Read the positions of a log: ``POS`` records, else ``GPS`` records with a fix.

    Returns
    -------
    tuple
        Rows of a track, and the log (for what was not read).
    """
    log = parse(data)
    gps = _fixes(log.messages.get("GPS", {}))
    name = "POS" if "POS" in log.messages else "GPS"
    rows = log.messages["POS"] if name == "POS" else _first_receiver(gps)
    if not {"Lat", "Lng"} <= rows.keys():
        return track_table({"lat_deg": np.zeros(0), "lon_deg": np.zeros(0)}, name), log
    good = is_place(rows["Lat"], rows["Lng"])
    rows = {column: values[good] for column, values in rows.items()}
    boot_us = _boot_us(rows, name)
    nothing = np.full(len(boot_us), np.nan)
    columns = {
        "t_s": (boot_us - boot_us[:1]) / 1e6,
        "time": np.round(boot_us + _offset_us(gps)),
        "lat_deg": rows["Lat"],
        "lon_deg": rows["Lng"],
        "msl_m": rows.get("Alt", nothing),
        "rel_alt_m": rows.get("RelHomeAlt", rows.get("RelAlt", nothing)),
    }
    return track_table(columns, name), log


def _fixes(gps: dict[str, Array]) -> dict[str, Array]:
    """GPS records that have a fix, of whatever receiver."""
    if "Status" not in gps:
        return {}
    good = gps["Status"] >= FIX_3D
    return {column: values[good] for column, values in gps.items()}


def _first_receiver(gps: dict[str, Array]) -> dict[str, Array]:
    """Records of one receiver alone: two of them would make the track jump to and fro."""
    if "I" not in gps or not len(gps["I"]):
        return gps
    first = gps["I"] == gps["I"].min()
    return {column: values[first] for column, values in gps.items()}


def _boot_us(rows: dict[str, Array], name: str) -> Array:
    """Time since boot. GPS records before 2015 hold it in ``T``; their ``TimeMS`` is that of the week."""
    if "TimeUS" in rows:
        return rows["TimeUS"]
    told_ms = rows.get("T" if name == "GPS" else "TimeMS")
    return np.full(len(rows["Lat"]), np.nan) if told_ms is None else told_ms * 1e3


def _offset_us(gps: dict[str, Array]) -> float:
    """UTC minus boot time, by the first record with a fix."""
    week, told_ms = gps.get("GWk", gps.get("Week")), gps.get("GMS", gps.get("TimeMS"))
    if week is None or told_ms is None or "Lat" not in gps or not len(week):
        return np.nan
    told_us = GPS_EPOCH_US + week[0] * WEEK_US + told_ms[0] * 1e3
    leap_s = next((leap for begin, leap in LEAPS if told_us >= begin), LEAPS[-1][1])
    return float(told_us - leap_s * 1e6 - _boot_us(gps, "GPS")[0])
