"""`truceline detect images` (contract drone, section 4)."""

import itertools
import json
import struct

import numpy as np
import pytest
from PIL import Image
from truceline.app.cli import main
from truceline.detect.pictures import finder, looks
from truceline.detect.pictures.finder import Found, agreed, starts
from truceline.detect.pictures.reading import read_picture
from truceline.model.errors import BadInput, Broken


def noise(*shape, seed=1):
    return np.random.default_rng(seed).integers(0, 255, shape, np.uint8)


def save(path, pixels, **how):
    Image.fromarray(pixels).save(path, **how)


def run(*words):
    return main([str(word) for word in words])


def found(boxes, scores, groups=None):
    n = len(scores)
    return Found(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(groups or [0] * n),
        np.zeros(n, np.int64),
    )


def test_rows_have_the_contracts_members_and_lie_inside_the_picture(tmp_path):
    (tmp_path / "in").mkdir()
    save(tmp_path / "in/a.jpg", noise(120, 160, 3))
    save(tmp_path / "in/b.png", noise(96, 128, 3, seed=2))

    assert run("detect", "images", tmp_path / "in", "--out", tmp_path / "o.json") == 0

    for row in json.loads((tmp_path / "o.json").read_text()):
        assert set(row) == {"image_id", "category", "category_id", "bbox", "score"}
        x, y, w, h = row["bbox"]
        assert row["image_id"] in ("a.jpg", "b.png") and 0 < row["score"] <= 1
        assert x >= 0 and y >= 0 and x + w <= 160.01 and y + h <= 120.01


def test_the_same_pictures_give_the_same_bytes(tmp_path):
    (tmp_path / "in").mkdir()
    save(tmp_path / "in/a.webp", noise(128, 160, 3))

    for name in "xy":
        assert run("detect", "images", tmp_path / "in", "--out", tmp_path / name) == 0

    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_thermal_is_grey_and_of_that_size(tmp_path):
    save(tmp_path / "t.png", noise(512, 640))
    save(tmp_path / "c.png", noise(512, 640, 3))
    save(tmp_path / "s.png", noise(100, 100))

    assert [read_picture(tmp_path / f"{n}.png").is_thermal for n in "tcs"] == [True, False, False]


def test_pixels_are_as_stored_whatever_the_orientation_says(tmp_path):
    image = Image.fromarray(noise(40, 60, 3))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)

    assert read_picture(tmp_path / "a.jpg").pixels.shape == (40, 60, 3)


def test_sixteen_bits_become_eight(tmp_path):
    Image.fromarray(np.linspace(20000, 30000, 4096).reshape(64, 64).astype(np.uint16)).save(
        tmp_path / "a.tif"
    )

    pixels = read_picture(tmp_path / "a.tif").pixels

    assert pixels.dtype == np.uint8 and pixels.min() < 5 and pixels.max() > 250


def test_a_picture_of_too_many_pixels_is_refused_before_decoding(tmp_path, monkeypatch):
    monkeypatch.setattr("truceline.detect.pictures.reading.FRAME_PIXELS", 100)
    save(tmp_path / "a.png", noise(20, 20, 3))

    with pytest.raises(BadInput, match="too many"):
        read_picture(tmp_path / "a.png")


def test_damage_that_the_picture_library_does_not_expect_makes_it_unreadable(tmp_path):
    save(tmp_path / "a.tif", noise(20, 20, 3))
    content = bytearray((tmp_path / "a.tif").read_bytes())
    at = content.index(struct.pack("<HH", 273, 4))  # TIFF 6.0: StripOffsets, as LONG
    content[at + 2] = 5  # RATIONAL: no place in a file
    (tmp_path / "a.tif").write_bytes(content)

    with pytest.raises(BadInput, match=r"^a\.tif: is a damaged picture"):
        read_picture(tmp_path / "a.tif")


def test_weights_that_were_changed_are_not_opened(monkeypatch):
    monkeypatch.setitem(finder.SHA256, "thermal", "0" * 64)
    finder.session.cache_clear()

    with pytest.raises(Broken, match="not the file that was trained"):
        finder.session("thermal")
    finder.session.cache_clear()


def test_looks_that_agree_make_one_box_and_lone_ones_lose_score():
    one = found([[0, 0, 10, 10], [50, 50, 60, 60]], [0.9, 0.8])
    two = found([[1, 0, 11, 10]], [0.7])

    out = agreed([one, two], 0.5)

    assert len(out.scores) == 2
    assert out.scores.tolist() == pytest.approx([0.8, 0.4])
    assert 0 < out.boxes[0, 0] < 1


@pytest.mark.parametrize("block", [7, 256])
def test_each_box_goes_to_the_best_that_it_overlaps_however_many_are_compared_at_a_time(monkeypatch, block):
    monkeypatch.setattr(finder, "BLOCK", block)
    dice = np.random.default_rng(3)
    corner, side = dice.uniform(0, 120, (300, 2)), dice.uniform(8, 30, (300, 2))
    boxes, scores = np.hstack([corner, corner + side]), np.sort(dice.random(300))[::-1]
    left = list(range(300))
    wanted = []
    while left:  # one by one, as the rule is told
        best = left[0]
        least, most = (
            np.maximum(boxes[best, :2], boxes[left, :2]),
            np.minimum(boxes[best, 2:], boxes[left, 2:]),
        )
        shared = np.clip(most - least, 0, None).prod(1)
        same = shared / (side[best].prod() + side[left].prod(1) - shared) > 0.5
        group = [one for one, alike in zip(left, same, strict=True) if alike]
        wanted.append((min(scores[group].sum() / 2, scores[best]), len(group)))
        left = [one for one in left if one not in group]
    assert max(size for _, size in wanted) > 1

    out = agreed([found(boxes, scores), finder.NOTHING], 0.5)

    assert out.scores.tolist() == pytest.approx(
        sorted((score for score, _ in wanted), reverse=True), abs=1e-6
    )


def test_persons_of_a_thermal_still_are_those_of_the_network_that_tells_them(monkeypatch):
    def sees(name, *_):
        return found(
            [[100, 100, 110, 120], [200, 200, 240, 240]], [0.9, 0.9], [1, 0] if name == "plain" else [2, 0]
        )

    monkeypatch.setattr(looks, "find", sees)
    monkeypatch.setattr(looks, "look_again", lambda _, boxes: boxes)

    out = looks.raw_thermal(np.zeros((512, 640, 1), np.uint8))

    assert set(out.groups.tolist()) == {0, 2}


def test_boxes_of_different_groups_do_not_merge():
    assert len(agreed([found([[0, 0, 10, 10], [0, 0, 10, 10]], [0.9, 0.8], [0, 1])], 0.5).scores) == 2


@pytest.mark.parametrize("length", [1, 1536, 1537, 4000, 9000])
def test_tiles_cover_a_side_with_overlap(length):
    begins = starts(length)

    assert begins[0] == 0 and begins[-1] + finder.TILE_PX >= length
    assert all(b - a <= finder.TILE_PX - finder.OVERLAP_PX for a, b in itertools.pairwise(begins))


def test_a_picture_in_tiles_gives_the_boxes_of_the_whole(monkeypatch):
    picture = noise(192, 640, 3, seed=4)
    whole = finder.find("visible", picture, 1.0, 0.02)
    monkeypatch.setattr(finder, "TILE_PX", 448)

    assert len(finder.find("visible", picture, 1.0, 0.02).scores) >= 0.5 * len(whole.scores)


def test_a_black_hot_picture_said_to_be_one_gives_the_boxes_of_the_white_hot_one(tmp_path, monkeypatch):
    warm = np.full((512, 640), 30, np.uint8)
    warm[100:120, 200:210] = 240

    def brightest(picture):
        row, column, _ = np.unravel_index(picture.argmax(), picture.shape)
        return found([(column, row, column + 10, row + 20)], [0.9])

    monkeypatch.setattr(looks, "raw_thermal", brightest)
    told = []
    for hot, pixels in (("white", warm), ("black", 255 - warm)):
        (tmp_path / hot).mkdir()
        save(tmp_path / hot / "t.png", pixels)
        assert run("detect", "images", tmp_path / hot, "--out", tmp_path / f"{hot}.json", "--hot", hot) == 0
        told.append(json.loads((tmp_path / f"{hot}.json").read_text()))

    assert told[0] == told[1] and told[0][0]["bbox"] == [200, 100, 10, 20]
