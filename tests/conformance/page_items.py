"""What the made-up mission of the page's tests holds: places, things, claims and proposals, all invented."""

# ruff: noqa: E501  (sentences and scripts are not broken)

import math
import struct
import zlib
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

MISSED = "not seen by UAV-1 at 02:50Z, though it looked there"
NOW = datetime(2026, 11, 24, 3, 12, 5, tzinfo=UTC)
KM_LON = 1 / (111.195 * math.cos(math.radians(64.9)))


def stamp(minutes: float) -> str:
    """Time so many minutes from the made-up present."""
    return (NOW + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def spot(km: float, off_km: float = 0.0) -> tuple[float, float]:
    """Longitude and latitude of a kilometre of the line, and so far off it."""
    north = 2.2 * math.sin(km / 9) + 1.1 * math.sin(km / 4 + 1) + off_km
    return -19.2 + km * KM_LON, 64.9 + north / 111.195


def picture(size: int = 96) -> bytes:
    """A small grey PNG: noise, and three bright echoes."""
    rows = bytearray()
    for y in range(size):
        rows.append(0)
        for x in range(size):
            echo = any(math.hypot(x - a, y - b) < 2.5 for a, b in ((40, 44), (48, 50), (57, 57)))
            rows.append(235 if echo else 40 + (x * 7919 + y * 104729 + x * y * 31) % 47)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(rows)))
        + chunk(b"IEND", b"")
    )


PICTURE = picture()
PICTURE_SHA = sha256(PICTURE).hexdigest()


def zones(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ground; each of several lines goes on where the one before ends, 20 km north of it."""

    def feature(shape: str, coords: Any, **more: Any) -> dict[str, Any]:
        return {"type": "Feature", "geometry": {"type": shape, "coordinates": coords}, "properties": more}

    along = [k / 2 for k in range(121)]
    belt = [spot(k, 2) for k in along] + [spot(k, -2) for k in reversed(along)]
    out = [
        feature("Polygon", [[*belt, belt[0]]], kind="zone", zone="buffer", side="both"),
        feature("LineString", [spot(k, 4 + math.sin(k)) for k in along], kind="road", id="north road"),
        feature("LineString", [spot(k, -5 + math.sin(k / 2)) for k in along], kind="road", id="south road"),
    ]
    for n, line in enumerate(lines or [{"id": "line", "length_km": 60.0}]):
        long = line["length_km"]
        inside = [spot(k, 20 * n) for k in along if n * long <= k <= (n + 1) * long]
        out.append(feature("LineString", inside, kind="line", id=line["id"]))
    out += [
        feature("LineString", [spot(k, -3.5), spot(k, 3.5)], kind="sector", id=str(k)) for k in (16, 30, 46)
    ]
    corners = [spot(51, -3.2), spot(51.6, -3.2), spot(51.6, -2.9), spot(51, -2.9)]
    out.append(
        feature(
            "Polygon", [[*corners, corners[0]]], kind="change", id="alert-1", label="earthwork", seq=470,
            time_utc=stamp(-600), confidence=0.93, area_m2=180_000.0, chip_sha256=PICTURE_SHA,
            note="radar echo rose by 4.1 dB on average, over 18.0 ha since 2026-11-12; earthwork 54%: a narrow line",
        )
    )  # fmt: skip
    posts = enumerate((2.5, 11.6, 17.4, 25.6, 33.4, 43.6, 49.2, 57.6), 1)
    return out + [feature("Point", spot(k, -0.9), kind="post", name=f"OP-{n}") for n, k in posts]


def tracks(many: int) -> list[dict[str, Any]]:
    def item(id_: str, sidc: str, km: float, off: float, age: float, **more: Any) -> dict[str, Any]:
        lon, lat = spot(km, off)
        trail = [list(spot(km - 0.5 * n, off + 0.1 * n)) for n in (4, 3, 2, 1)]
        base = {
            "id": id_,
            "track_id": id_,
            "sidc": sidc,
            "time_utc": stamp(-age),
            "lat_deg": lat,
            "lon_deg": lon,
        }
        return {**base, "ce90_m": 60, "label": id_, "trail": trail, "seq": 100, "existence": 0.98, **more}

    own, side, unknown = "10131000001211000000", "10141500001409000000", "10111500001409000000"
    out = [
        item("C-07", own, 38.6, -0.7, 1, unit=True, ce90_m=8, state="ready"),
        item("A-21", own, 8.2, 0.5, 1, unit=True, ce90_m=8, state="ready"),
        item("B-12", own, 20.8, -0.5, 2, unit=True, ce90_m=8, state="on_task"),
        item("E-03", own, 50.6, -0.9, 1, unit=True, ce90_m=8, state="ready"),
        item("T-24", side, 36.4, 9.8, 2, side="A", ce90_m=150),
        item("T-28", side, 18.6, -5.4, 1, side="B", ce90_m=120),
        item(
            "T-27",
            unknown,
            25.2,
            2.5,
            83,
            ce90_m=250,
            speed_mps=0.4,
            kind="truck",
            last_seen_utc=stamp(-83),
            missed=MISSED,
        ),
        item("T-30", unknown, 52.8, 3.3, 11, ce90_m=600),
        item("T-31", "10111500001109000000", 41.2, 6.8, 14, ce90_m=90, label="T-31"),
    ]
    more = ((own, side, unknown)[n % 3] for n in range(many))
    return out + [
        item(f"M-{n}", sidc, (n * 0.618) % 60, ((n * 0.37) % 30) - 15, 1, trail=[])
        for n, sidc in enumerate(more)
    ]


def incidents() -> list[dict[str, Any]]:
    def item(seq: int, id_: str, kind: str, km: float, off: float, ago: float, **more: Any) -> dict[str, Any]:
        lon, lat = spot(km, off)
        base = {
            "id": id_,
            "case_id": id_,
            "seq": seq,
            "class": kind,
            "report_ids": [],
            "lat_deg": lat,
            "lon_deg": lon,
        }
        times = {"start_utc": stamp(-ago), "end_utc": stamp(-ago + 4), "received_utc": stamp(-ago + 5)}
        return {
            **base,
            **times,
            "state": "open",
            "km": km,
            "offset_km": off,
            "ce90_m": 120,
            "causes": [],
            **more,
        }

    guns = {
        "verdict": "possible_violation", "probability": 0.83, "article": "Article 2 (b)", "zone": "buffer", "ce90_m": 90,
        "report_ids": ["rep-1", "rep-2"], "received_utc": stamp(-7), "measured": {"inside_m": 3200, "count": 3},
        "explanation": {
            "supports": "Three long objects of 7 m stand 3.2 km inside the belt.",
            "challenges": "Balers look alike: the detector takes 8 of 100 for guns. Side A announced farm traffic from 06:00Z.",
        },
    }  # fmt: skip
    blasts = {"report_ids": ["rep-3", "rep-4", "rep-5", "rep-6"], "ce90_m": 420, "verdict": None}
    return [
        item(480, "inc-204", "heavy_weapon_in_zone", 41.2, 6.8, 41, **guns),
        item(490, "inc-205", "explosion_cluster", 12.4, 1.4, 25, **blasts),
        item(300, "inc-203", "no_fly", 35.8, 0.6, 128, verdict="covered_by_notice", probability=0.9),
        item(210, "inc-199", "obstruction", 51.5, -0.8, 350, received_utc=stamp(-247)),
        item(150, "inc-198", "shot_cluster", 19.2, 0.3, 536, report_ids=["rep-7", "rep-8"]),
    ]


def reports() -> list[dict[str, Any]]:
    def item(
        seq: int, who: str, kind: str, km: float, off: float, ago: float, words: str, **more: Any
    ) -> dict[str, Any]:
        lon, lat = spot(km, off)
        id_ = f"rep-{seq - 470}"
        times = {"time_utc": stamp(-ago), "received_utc": stamp(-ago + 1)}
        return {
            "id": id_,
            "seq": seq,
            "type": kind,
            "lat_deg": lat,
            "lon_deg": lon,
            "reporter": who,
            "text": words,
            **times,
            **more,
        }

    out = [
        item(
            471,
            "uav-1",
            "sighting",
            41.2,
            6.8,
            14,
            "3 long objects with wheels, 7 m, warm",
            blobs=[PICTURE_SHA],
        ),
        item(472, "radar satellite", "sighting", 41.2, 6.8, 41, "3 new bright echoes, none on 11 Nov"),
    ]
    heard = [
        item(473 + n, f"array-{n}", "explosion", 12.4, 1.4, 25 - n, "one explosion heard") for n in range(4)
    ]
    moves = []
    for n in range(40):
        km = 38.6 - n * 0.3
        moves.append(item(200 + n, "C-07", "position", km, -0.7, 1 + n * 15, "", subject_id="C-07"))
    return [*out, *heard, *({**m, "id": f"pos-{i}"} for i, m in enumerate(moves))]


def recommendations() -> list[dict[str, Any]]:
    def task(unit: str, to: str, there: int) -> dict[str, Any]:
        times = {
            "depart_s": 60,
            "arrive_s": there,
            "start_s": there,
            "leave_s": there + 1500,
            "return_s": None,
        }
        return {"unit": unit, "task": to, "role": "main", "path": ["n1", "n2"], **times, "explain": None}

    def way(
        what: str, there: float | None, cost: str, proposed: bool = False, barred: str | None = None
    ) -> dict[str, Any]:
        at = None if there is None else stamp(there)
        return {"what": what, "there_utc": at, "cost": cost, "proposed": proposed, "barred_by": barred}

    base = {"now_utc": stamp(-6), "state": "waiting", "changes": [], "decision": None, "places": {}}
    first = {
        **base, "id": "rec-118", "seq": 488, "incident_ids": ["inc-204"], "touched_seq": 488,
        "action": "Send patrol C-07 to look at 3 possible towed guns",
        "why": "Fog reaches km 40 at about 04:00Z. Later than 03:20Z the patrol arrives without sight.",
        "due_utc": stamp(8.5), "valid_until_utc": stamp(60), "left_uncovered": ["km 36.0–39.4 for 50 min"],
        "tasks": [task("C-07", "inc-204", 900)],
        "ways": [
            way("C-07 by road", 15, "Uncovered: km 36.0–39.4 for 50 min", proposed=True),
            way("UAV-1 looks first, lower", 4, "Battery: leaves km 44–52 unseen 35 min; cannot tell baler from gun"),
            way("E-03 by road", 29, "Uncovered: km 48–54 for 80 min; in fog"),
            way("Wait for daylight", 118, "Nothing uncovered; objects may be gone"),
            way("B-12", None, "", barred="Birch does not patrol north of the line at night"),
        ],
    }  # fmt: skip
    second = {
        **base, "id": "rec-119", "seq": 491, "incident_ids": ["inc-205"], "touched_seq": 491,
        "action": "Call both sides, send A-21 to OP-2 for a crater check at first light",
        "why": "The hotline offers joint checks for 60 minutes after an event.",
        "due_utc": stamp(28.5), "valid_until_utc": stamp(90), "left_uncovered": [],
        "tasks": [task("A-21", "inc-205", 6500)],
        "ways": [
            way("Call, look at 05:00Z", 108, "Nothing uncovered", proposed=True),
            way("A-21 goes now", 26, "Uncovered: km 5–10 for 70 min; mines unmarked north of OP-2"),
            way("Record only", None, "Joint check lapses at 03:47Z"),
        ],
    }  # fmt: skip
    return [first, second]


def sources() -> list[dict[str, Any]]:
    def item(name: str, age_s: float, owes: float, status: str = "ok", reason: str = "") -> dict[str, Any]:
        return {
            "name": name,
            "kind": "made up",
            "last_utc": stamp(-age_s / 60),
            "owes_s": owes,
            "status": status,
            "reason": reason,
        }

    well = [item(f"Camera {n}", 3, 10) for n in range(1, 15)] + [
        item(f"Array {n}", 1, 5) for n in range(1, 9)
    ]
    return [
        item("Radar R-3", 4800, 10, "stale", "silent"),
        item("UAV-2", 4000, 600, "blocked", "grounded, fog"),
        *well,
    ]


def gaps() -> list[dict[str, Any]]:
    def item(a: float, b: float, start: float, end: float, reason: str) -> dict[str, Any]:
        return {"km_from": a, "km_to": b, "from_utc": stamp(start), "until_utc": stamp(end), "reason": reason}

    return [
        item(22, 29.2, -80, 5, "Fog; radar R-3 silent; UAV-2 grounded"),
        item(33, 36.4, -667, -610, "Patrol C-05 denied passage by side A"),
        item(50, 55.5, -512, -442, "Wind above UAV limit"),
    ]


def passes() -> list[dict[str, Any]]:
    """Satellites that can look: two past, one within the hour, one in the afternoon."""

    def one(satellite: str, minutes: float, km_from: float, km_to: float) -> dict[str, Any]:
        return {
            "satellite": satellite, "norad_id": 1, "from_utc": stamp(minutes - 3), "until_utc": stamp(minutes + 3),
            "highest_utc": stamp(minutes), "km_from": km_from, "km_to": km_to, "max_elevation_deg": 51.0,
            "direction": "ascending", "sunlit_ground": minutes > 300, "epoch_age_days": 1.5,
        }  # fmt: skip

    return [
        one("SENTINEL-1A", -600, 0, 60),
        one("SENTINEL-2B", -95, 30, 60),
        one("SENTINEL-1C", 38, 0, 60),
        one("SENTINEL-2A", 470, 0, 20),
    ]


def sought() -> dict[str, Any]:
    """Who saw T-27 last, and what was looked at since."""

    def look(sensor: str, outcome: str, looks: int, minutes: float) -> dict[str, Any]:
        return {"sensor": sensor, "outcome": outcome, "looks": looks, "last_utc": stamp(minutes), "seq": 470}

    seen = {"seq": 412, "row": 3, "sensor": "Radar R-3", "time_utc": stamp(-83)}
    looked = [
        look("UAV-1", "missed", 2, -22),
        look("Camera 4", "slow", 9, -1),
        look("Camera 5", "elsewhere", 30, -1),
    ]
    said = {"time_utc": stamp(-160), "said": "two men at the wheel of a lorry, tarpaulin down", "report": 398}
    return {"item": {}, "seen": seen, "looked": looked, "reported": [said]}


def told() -> dict[str, Any]:
    """Say what a patrol counted where hardly anything is known."""
    words = "10 trucks reported at 02:05Z, 3 known: 7 unaccounted for"
    lon, lat = spot(11, 4.0)
    at = {"lon_deg": lon, "lat_deg": lat, "radius_m": 800}
    return {"id": "group-r-9", "words": words, **at, "track_ids": [], "unaccounted": 7}


def past_tracks(known_then: bool) -> list[dict[str, Any]]:
    """The one track of a past moment: where it is known to have been, or was known to be."""
    lon, lat = spot(30.0 if known_then else 31.0, 1.0)
    base = {
        "id": "track-9",
        "track_id": "9",
        "label": "T-9",
        "sidc": "10111500001409000000",
        "lat_deg": lat,
        "lon_deg": lon,
    }
    return [
        {
            **base,
            "time_utc": stamp(-120),
            "last_seen_utc": stamp(-120),
            "ce90_m": 40,
            "trail": [],
            "seq": 90,
            "existence": 0.9,
            "kind": "car",
        }
    ]
