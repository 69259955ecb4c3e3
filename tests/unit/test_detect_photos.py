"""Photos on the ground: what they state, what their overlap says, turned ones, and bad files."""

import io
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from truceline.app.cli import main
from truceline.detect.photos.place import place_photos
from truceline.detect.photos.reader import read_photo
from truceline.geo.crs import from_local, to_local
from truceline.model.errors import BadInput

ORIGIN = 47.0, 37.0
WIDTH, HEIGHT, FOCAL_PX, ABOVE_M = 480, 360, 400.0, 60.0
GROUND_M_PER_PX = 0.1


def ground(seed: int = 3) -> np.ndarray:
    """A square of 200 m of texture, north up, its middle at the origin."""
    rng = np.random.default_rng(seed)
    fine = cv2.GaussianBlur(rng.normal(0, 1, (2000, 2000)).astype(np.float32), (0, 0), 2)
    coarse = cv2.GaussianBlur(rng.normal(0, 1, (2000, 2000)).astype(np.float32), (0, 0), 9)
    return np.clip(128 + 300 * fine + 600 * coarse, 0, 255).astype(np.uint8)


def picture(texture: np.ndarray, east: float, north: float, yaw_deg: float) -> np.ndarray:
    """What a camera looking straight down sees."""
    metre = ABOVE_M / FOCAL_PX / GROUND_M_PER_PX
    c, s = math.cos(math.radians(yaw_deg)), math.sin(math.radians(yaw_deg))
    x0, y0 = 1000 + east / GROUND_M_PER_PX, 1000 - north / GROUND_M_PER_PX
    back = np.array([[metre * c, -metre * s, 0.0], [metre * s, metre * c, 0.0]])
    back[:, 2] = np.array([x0, y0]) - back[:, :2] @ [WIDTH / 2, HEIGHT / 2]
    return cv2.warpAffine(texture, back, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def rational(value: float) -> tuple[float, float, float]:
    value = abs(value)
    minutes = (value - int(value)) * 60
    return float(int(value)), float(int(minutes)), (minutes - int(minutes)) * 60


def jpeg(
    pixels: np.ndarray, place: tuple[float, float] | None, yaw: float | None, orientation: int = 1
) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    told = exif.get_ifd(0x8769)
    told[0xA405] = round(FOCAL_PX / math.hypot(WIDTH, HEIGHT) * 43.2666)
    told[0xA002], told[0xA003] = 2 * WIDTH, 2 * HEIGHT  # more than is stored
    if place is not None:
        gps = exif.get_ifd(0x8825)
        gps[1], gps[2], gps[3], gps[4] = "N", rational(place[0]), "E", rational(place[1])
    items = f'drone-dji:RelativeAltitude="+{ABOVE_M}" drone-dji:GimbalPitchDegree="-90.00"'
    if yaw is not None:
        items += f' drone-dji:GimbalYawDegree="{yaw:+.2f}"'
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {items}/></x:xmpmeta>'
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=92, exif=exif, xmp=xmp.encode())
    return out.getvalue()


STRIP = [(-30.0, -4.0, 10.0), (-10.0, 0.0, 12.0), (10.0, 2.0, 9.0), (30.0, 4.0, 190.0), (40.0, 20.0, 100.0)]


@pytest.fixture(scope="module")
def flight():
    texture, rng = ground(), np.random.default_rng(7)
    photos = []
    for k, (east, north, yaw) in enumerate(STRIP):
        lat, lon = from_local(*(np.array([east, north]) + rng.normal(0, 1.0, 2)), *ORIGIN)
        stated = yaw + (180.0 if k == 2 else 0.0) + float(rng.normal(0, 2))
        data = jpeg(picture(texture, east, north, yaw), (float(lat), float(lon)), stated)
        photos.append(read_photo(f"{k}.jpg", data))
    return photos


@pytest.fixture(scope="module")
def placed_flight(flight):
    return place_photos(flight)


def corner_errors_m(placed, k: int) -> np.ndarray:
    east, north, yaw = STRIP[k]
    half = np.array([(-1, 1), (1, 1), (1, -1), (-1, -1)]) * [WIDTH / 2, HEIGHT / 2] * ABOVE_M / FOCAL_PX
    c, s = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
    truth = half @ np.array([[c, -s], [s, c]]) + [east, north]
    got = np.stack(to_local(placed.corners[:, 1], placed.corners[:, 0], *ORIGIN), 1)
    return np.linalg.norm(got - truth, axis=1)


def test_overlap_places_photos_and_flags_exactly_the_turned_one(placed_flight):
    placed = placed_flight

    assert [one.health for one in placed] == [[], [], ["yaw_180"], [], []]
    assert {one.method for one in placed} == {"overlap"}
    errors = np.array([corner_errors_m(one, k) for k, one in enumerate(placed)])
    # Of the footprints against each other: what all have in common (GNSS, compass) cannot be seen.
    assert np.median(errors) < 2.5
    assert all(errors[k].max() < placed[k].ce90_m + 4 for k in range(5))


def test_order_of_the_photos_does_not_matter(flight, placed_flight):
    forth, back = placed_flight, place_photos(flight[::-1])[::-1]

    for one, other in zip(forth, back, strict=True):
        assert one.photo.name == other.photo.name
        np.testing.assert_array_equal(one.corners, other.corners)


def test_photos_without_overlap_keep_what_they_state(flight):
    tags = flight[0].tags
    far = [flight[0], flight[0]._replace(name="z.jpg", tags=tags._replace(lat_deg=tags.lat_deg + 0.1))]

    placed = place_photos(far)

    assert [one.method for one in placed] == ["stated", "stated"]
    assert placed[0].heading_deg == pytest.approx(tags.yaw_deg % 360, abs=0.01)
    assert placed[0].ce90_m > 5


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_stored_turn_of_a_picture_is_taken_into_account(flight, orientation):
    shape = {"width_px": HEIGHT, "height_px": WIDTH} if orientation in (6, 8) else {}
    (plain,) = place_photos([flight[0]])

    tags = flight[0].tags._replace(orientation=orientation, **shape)
    (turned,) = place_photos([flight[0]._replace(tags=tags)])

    # Upright corners (top-left first) are those of the stored picture from another one on.
    step = {3: 2, 6: 1, 8: 3}[orientation]
    np.testing.assert_allclose(turned.corners, np.roll(plain.corners, -step, axis=0), atol=1e-9)


def test_photo_without_position_height_or_yaw_says_so():
    pixels = np.full((HEIGHT, WIDTH), 90, np.uint8)
    bare = read_photo("a.jpg", jpeg(pixels, None, None))
    unturned = read_photo("b.jpg", jpeg(pixels, ORIGIN, None))
    unturned = unturned._replace(tags=unturned.tags._replace(above_m=math.nan))

    first, second = place_photos([bare, unturned])

    assert (first.corners, first.health, first.method) == (None, ["no_position"], "none")
    assert second.health == ["no_yaw", "no_height"]
    assert second.ce90_m is not None


def test_stored_pixels_count_not_those_that_exif_tells():
    photo = read_photo("a.jpg", jpeg(np.zeros((HEIGHT, WIDTH), np.uint8), ORIGIN, 0.0))

    assert (photo.tags.width_px, photo.tags.height_px) == (WIDTH, HEIGHT)
    assert photo.tags.focal_px == pytest.approx(FOCAL_PX, rel=0.02)


def test_verb_writes_features_and_names_what_it_cannot_read(tmp_path: Path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(jpeg(np.zeros((HEIGHT, WIDTH), np.uint8), ORIGIN, 45.0))
    (folder / "b.jpg").write_bytes(b"no picture")
    (folder / "c.jpg").write_bytes(jpeg(np.zeros((HEIGHT, WIDTH), np.uint8), None, 45.0))

    assert main(["photo", "locate", str(folder), "--out", str(tmp_path / "o.geojson")]) == 0

    assert "b.jpg" in capsys.readouterr().err
    made = json.loads((tmp_path / "o.geojson").read_text())
    assert [one["properties"]["file_name"] for one in made["features"]] == ["a.jpg", "c.jpg"]
    assert made["features"][0]["geometry"]["type"] == "Polygon"
    assert made["features"][1]["geometry"] is None
    assert made["features"][0]["properties"].keys() == {
        "file_name", "time", "center_lat_deg", "center_lon_deg", "corners_lonlat", "heading_deg", "ce90_m",
        "method", "health",
    }  # fmt: skip


def test_real_flight_agrees_where_photos_overlap(shared: Path):
    # README of the data: the photos DJI_0024 to DJI_0026 contradict their own yaw; 0.2 m is reachable.
    folder = shared / "data/drone/photos"
    ties = json.loads((folder / "ties.json").read_bytes())
    chosen = ties["images"][3:]  # enough to see both sides, and quicker
    placed = place_photos([read_photo(n, (folder / n).read_bytes()) for n in chosen])

    turned = [one.photo.name for one in placed if "yaw_180" in one.health]
    assert turned == ["DJI_0024.JPG", "DJI_0025.JPG", "DJI_0026.JPG"]
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * [ties["width"], ties["height"]]
    origin = placed[0].center
    planes = [
        cv2.getPerspectiveTransform(
            square.astype(np.float32),
            np.stack(to_local(one.corners[:, 1], one.corners[:, 0], *origin), 1).astype(np.float32),
        )
        for one in placed
    ]
    apart = []
    for i, j, *places in ((i - 3, j - 3, *rest) for i, j, *rest in ties["ties"] if min(i, j) >= 3):
        here, there = (
            cv2.perspectiveTransform(np.array([[p]], float), planes[k])[0, 0]
            for k, p in ((i, places[:2]), (j, places[2:]))
        )
        apart.append(np.linalg.norm(here - there))
    assert np.percentile(apart, 50) < 0.3
    assert np.percentile(apart, 90) < 0.6


def test_damaged_tags_are_refused_or_read_without_a_word():
    good, rng = jpeg(np.zeros((45, 60), np.uint8), ORIGIN, 45.0), np.random.default_rng(3)
    for number in range(200):
        data = bytearray(good)
        for at in rng.integers(2, len(data), 1 + number % 10):
            data[at] = int(rng.integers(0, 256))
        try:
            read_photo("x.jpg", bytes(data[: None if number % 5 else len(data) // 2]))
        except BadInput as error:
            assert error.where == "x.jpg"


def test_a_photo_of_sixteen_bits_keeps_its_contrast():
    deep = np.linspace(20000, 30000, 64 * 48).reshape(48, 64).astype(np.uint16)
    out = io.BytesIO()
    Image.fromarray(deep).save(out, "TIFF")

    grey = read_photo("a.tif", out.getvalue()).grey

    assert grey.dtype == np.uint8 and grey.min() < 5 and grey.max() > 250
