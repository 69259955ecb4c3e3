"""A series processed at once, in parts, in any order of its items and with any threads is the same."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, shape
from truceline.app.cli import main
from truceline.detect import desk
from truceline.detect.radar.backscatter import encode
from truceline.detect.radar.history import History, SarSettings, Stamp
from truceline.detect.radar.history_file import load_history, save_history
from truceline.detect.radar.series import observe
from truceline.geo.raster import rasterio
from truceline.sim.scene import Ground, Patch, write_scene

GROUND = Ground(lat_deg=35.0, lon_deg=33.0, size_px=64, seed=5)
START = datetime(2026, 3, 1, 3, 44, 10, tzinfo=UTC)
OPTIONS = ["--baseline", "4", "--far", "0.01", "--quiet"]
DATES = 12


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """Items of a series with a lasting and a passing change, absolute hrefs."""
    folder = tmp_path_factory.mktemp("series")
    items = []
    for number in range(DATES):
        lasting = [Patch(20, 20, 8, 8, 6.0, 5.0)] if number >= 7 else []
        passing = [Patch(45, 40, 8, 8, -6.0, -6.0)] if number == 7 else []
        moment = START + timedelta(days=12 * number)
        item = json.loads(
            write_scene(folder, f"i{number:02d}", moment, GROUND, number, lasting + passing).read_text()
        )
        for word, asset in item["assets"].items():
            asset["href"] = str(folder / f"i{number:02d}_{word}.tif")
        items.append(item)
    return items


def detect(folder: Path, items: list[dict], out: str, *options: str) -> Path:
    file = folder / "items.json"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    assert main(["detect", "sar", str(file), "--out", str(folder / out), *OPTIONS, *options]) == 0
    return folder / out


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@settings(max_examples=6)
@given(cuts=st.sets(st.integers(1, DATES - 1), max_size=5))
def test_adding_dates_to_a_state_equals_one_run(series, tmp_path_factory, cuts: set[int]):
    folder = tmp_path_factory.mktemp("cuts")
    whole = contents(detect(folder, series, "whole"))
    for end in [*sorted(cuts), DATES]:
        parts = detect(folder, series[max(0, end - 14) : end], "parts", "--state", str(folder / "state"))

    assert contents(parts) == whole


@settings(max_examples=4)
@given(
    cuts=st.sets(st.integers(1, DATES - 1), max_size=4), orbits=st.permutations([7, 80, 7, 80, 152, 7] * 2)
)
def test_dates_of_several_orbits_added_to_a_state_equal_one_run(series, tmp_path_factory, cuts, orbits):
    folder = tmp_path_factory.mktemp("orbits")
    mixed = [
        {**item, "properties": {**item["properties"], "sat:relative_orbit": orbit}}
        for item, orbit in zip(series, orbits, strict=True)
    ]
    whole = contents(detect(folder, mixed, "whole", "--threads", "1", "--state", str(folder / "one")))
    for end in [*sorted(cuts), DATES]:
        parts = detect(folder, mixed[max(0, end - 14) : end], "parts", "--state", str(folder / "state"))

    assert contents(parts) == whole
    assert (folder / "state").read_bytes() == (folder / "one").read_bytes()


def test_one_item_at_a_time_gives_the_scores_of_one_run(series, tmp_path):
    whole = contents(detect(tmp_path, series, "whole", "--scores"))
    scores = {}
    for item in series:
        part = detect(tmp_path, [item], "part", "--scores", "--state", str(tmp_path / "state"))
        scores |= {name: data for name, data in contents(part).items() if name.startswith("scores/")}

    assert scores == {name: data for name, data in whole.items() if name.startswith("scores/")}
    assert len(scores) == DATES - 4


def test_the_order_of_items_and_the_number_of_threads_are_irrelevant(series, tmp_path):
    shuffled = random.Random(1).sample(series, len(series))

    one = contents(detect(tmp_path, series, "one", "--threads", "1"))

    assert contents(detect(tmp_path, shuffled, "two", "--threads", "7")) == one


@pytest.mark.parametrize("rows", [16, 28])
def test_a_large_scene_in_files_and_in_other_strips_gives_the_same(series, tmp_path, monkeypatch, rows: int):
    series = [
        {**item, "properties": {**item["properties"], "sat:relative_orbit": 7 + number % 2}}
        for number, item in enumerate(series)
    ]
    one = contents(detect(tmp_path, series, "one", "--state", str(tmp_path / "one.state")))
    monkeypatch.setattr(desk, "IN_MEMORY_PX", 0)
    monkeypatch.setattr(desk, "STRIP_ROWS", rows)

    assert contents(detect(tmp_path, series, "two", "--state", str(tmp_path / "two.state"))) == one
    assert (tmp_path / "two.state").read_bytes() == (tmp_path / "one.state").read_bytes()
    assert {file.name for file in tmp_path.iterdir()} == {
        "items.json",
        "one",
        "two",
        "one.state",
        "two.state",
    }


def test_a_later_date_does_not_change_an_earlier_score(series, tmp_path):
    short = contents(detect(tmp_path, series[:9], "short", "--scores"))
    whole = contents(detect(tmp_path, series, "whole", "--scores"))

    for name in (name for name in short if name.startswith("scores/")):
        assert whole[name] == short[name]


def test_the_lasting_change_is_confirmed_and_the_passing_one_gone(series, tmp_path):
    # The contract's own share: at one pixel in a hundred some speckle makes objects of its own.
    out = detect(tmp_path, series, "out", "--far", "0.001")

    (alert,) = json.loads((out / "alerts.geojson").read_text())["features"]
    said = alert["properties"]
    assert (said["state"], said["direction"]) == ("confirmed", "increase")
    assert said["first_seen"] == "2026-05-24T03:44:10Z"
    assert said["item_ids"] == ["i07", "i08", "i09", "i10", "i11"] and said["n_seen"] == 5
    assert said["probability"] > 0.9 and said["ce90_m"] > 0
    with rasterio.open(out / "change.tif") as source:
        score, state, first, peak = source.read()
        assert source.descriptions == ("score", "state", "first_seen", "peak_score")
    assert (state[22:26, 22:26] == 2).all() and (state[45:53, 40:48] != 2).all()
    days = (START + timedelta(days=84) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(days=1)
    assert np.abs(first[22:26, 22:26] - days).max() < 0.01
    assert (peak[22:26, 22:26] >= 1).all() and np.isfinite(score).all()


def test_ids_stay_while_the_object_lives(series, tmp_path):
    lat, lon = GROUND.grid.at(24.0, 24.0)
    seen = []
    for item in series:
        out = detect(tmp_path, [item], "out", "--state", str(tmp_path / "state"))
        for alert in json.loads((out / "alerts.geojson").read_text())["features"]:
            if shape(alert["geometry"]).contains(Point(lon, lat)):
                seen.append((alert["properties"]["id"], alert["properties"]["state"]))

    assert [state for _, state in seen] == ["provisional"] + ["confirmed"] * 4
    assert len({alert_id for alert_id, _ in seen}) == 1


@given(st.binary(min_size=1, max_size=3), st.integers(0, 10**9))
def test_a_changed_or_cut_state_is_refused(tmp_path_factory, noise: bytes, place: int):
    from truceline.model.errors import BadInput

    file = tmp_path_factory.mktemp("state") / "state"
    history = History.new(SarSettings(), GROUND.grid, ("vv",))
    observe(history, Stamp("a", START), encode(np.ones((1, 64, 64), np.float32)))
    save_history(history, file)
    assert load_history(file).stamps == history.stamps
    whole = file.read_bytes()
    at = place % len(whole)
    flipped = whole[:at] + bytes([whole[at] ^ (1 + noise[0] % 255)]) + whole[at + 1 :]
    for bad in (whole[:at], whole[:at] + noise + whole[at:], whole + noise, flipped):
        file.write_bytes(bad)
        with pytest.raises(BadInput):
            load_history(file)
