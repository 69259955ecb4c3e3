"""Photos as they come in: where they were taken, what ground they show, and what is wrong with them."""

import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image
from truceline.plug import load
from truceline.sources.photos import Photos
from truceline.view.frame import frame_of

LAT, LON = 47.0, 37.0


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def photo(
    yaw: float | None = 90.0, pitch: float = -90.0, above: float | None = 60.0, place=(LAT, LON)
) -> bytes:
    """A photo of 480 x 360 pixels whose longer side shows as much ground as it is high."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = round(480 / 600 * 43.2666)
    if place is not None:
        gps = exif.get_ifd(0x8825)
        gps[1], gps[2], gps[3], gps[4] = "N", (place[0], 0.0, 0.0), "E", (place[1], 0.0, 0.0)
        gps[29], gps[7] = "2025:06:01", (10.0, 20.0, 30.0)
    items = f'drone-dji:GimbalPitchDegree="{pitch}"'
    items += f' drone-dji:RelativeAltitude="+{above}"' if above is not None else ""
    items += f' drone-dji:GimbalYawDegree="{yaw:+.2f}"' if yaw is not None else ""
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {items}/></x:xmpmeta>'
    out = io.BytesIO()
    Image.new("RGB", (480, 360), "grey").save(out, "JPEG", exif=exif, xmp=xmp.encode())
    return out.getvalue()


def take(inbox, shelf, **settings):
    return list(Photos(name="quad-1", path=inbox, **settings).observe(shelf, follow=False))


def test_a_photo_is_an_observation_of_the_ground_that_it_shows(inbox, shelf):
    (inbox / "a.jpg").write_bytes(photo())

    (taken,) = take(inbox, shelf)

    seen = taken.noun
    assert (seen.status, seen.reason) == ("ok", "")
    assert seen.phenomenon.from_utc == datetime(2025, 6, 1, 10, 20, 30, tzinfo=UTC)
    frame = frame_of(seen, 3)
    assert (frame.center_lat_deg, frame.center_lon_deg) == pytest.approx((LAT, LON), abs=1e-7)
    # Looking east, 60 m wide: the top of the picture is east, its left side north.
    (left_lon, left_lat), (_, right_lat) = frame.corners[:2]
    assert (left_lat - LAT) * 111_170 == pytest.approx(30, rel=0.03)
    assert right_lat < LAT < left_lat and left_lon > LON
    assert frame.ce90_m == pytest.approx(2.146 * (2.5**2 + 1.05**2) ** 0.5, rel=0.02)
    assert [blob.media_type for blob in taken.blobs] == ["image/jpeg"]
    assert seen.footprint["type"] == "Polygon" and len(seen.footprint["coordinates"][0]) == 5


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"place": None}, "no_position"),
        ({"yaw": None}, "no_yaw"),
        ({"above": None}, "no_height"),
        ({"pitch": 5.0}, "horizon"),
    ],
)
def test_what_a_photo_does_not_tell_is_said(inbox, shelf, fields, word):
    (inbox / "a.jpg").write_bytes(photo(**fields))

    (taken,) = take(inbox, shelf)

    assert taken.noun.status == "degraded" and word in taken.noun.reason
    assert (taken.noun.footprint is None) == (word != "no_height")


def test_a_file_that_is_no_photo_is_degraded_and_the_rest_goes_on(inbox, shelf):
    (inbox / "a.jpg").write_bytes(b"no photo")
    (inbox / "b.jpg").write_bytes(photo())

    first, second = take(inbox, shelf)

    assert first.noun.status == "degraded" and "is no picture" in first.noun.reason and not first.blobs
    assert second.noun.status == "ok"


def test_a_photo_with_a_small_picture_behind_it_is_a_photo(inbox, shelf):
    # CIPA DC-007, multi-picture format: cameras and drones store a preview behind the photo itself.
    whole, both = Image.open(io.BytesIO(photo())), io.BytesIO()
    small = whole.resize((48, 36))
    whole.save(both, "MPO", save_all=True, append_images=[small], exif=whole.getexif(), xmp=whole.info["xmp"])
    (inbox / "a.jpg").write_bytes(both.getvalue())
    assert Image.open(both).format == "MPO"

    (taken,) = take(inbox, shelf)

    assert (taken.noun.status, taken.noun.reason) == ("ok", "")
    assert [blob.media_type for blob in taken.blobs] == ["image/jpeg"]


def test_a_photo_that_was_taken_in_is_not_taken_again(inbox, shelf):
    (inbox / "a.jpg").write_bytes(photo())
    shelf.known = (hashlib.sha256(photo()).hexdigest(),)

    assert take(inbox, shelf) == []


def test_the_plug_in_is_found_by_its_word():
    assert isinstance(load("sources", {"kind": "photos", "name": "q", "path": "in"}), Photos)
