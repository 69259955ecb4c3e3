"""Optical change, clouds and point series on real data, against labels made by others."""

import csv
import json

import numpy as np
import pytest
from scipy.stats import rankdata
from truceline.app.cli import main
from truceline.detect.optical.cloud_mask import mask_clouds
from truceline.geo.bands import open_bands
from truceline.geo.raster import rasterio


def kappa(truth, found):
    words = np.union1d(truth, found)
    chance = sum((truth == word).mean() * (found == word).mean() for word in words)
    return ((truth == found).mean() - chance) / (1 - chance)


def area_under_curve(truth, score):
    ranks, positive = rankdata(score), int(truth.sum())
    return (ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * (~truth).sum())


def read(path, band=1):
    with rasterio.open(path) as source:
        return source.read(band)


def test_a_real_pair_is_split_as_people_split_it(shared, tmp_path):
    folder = shared / "data/satellite/optical"
    pair = [str(folder / f"taizhou_{word}.tif") for word in ("before", "after")]

    assert main(["detect", "optical", *pair, "--out", str(tmp_path / "out")]) == 0
    truth = read(folder / "taizhou_truth.tif")
    labelled = truth > 0
    changed = (truth == 2)[labelled]
    assert kappa(changed, read(tmp_path / "out/change.tif", 2)[labelled] > 0.5) > 0.82
    assert area_under_curve(changed, read(tmp_path / "out/change.tif")[labelled]) > 0.98
    assert json.loads((tmp_path / "out/report.json").read_bytes())["shift_corrected"] is False


@pytest.mark.parametrize("word", ["sentinel2", "landsat5"])
def test_real_clouds_and_shadows_are_masked(shared, word):
    folder = shared / "data/satellite/clouds"
    truth = read(folder / f"{word}_truth.tif")[:256]
    with open_bands(folder / f"{word}.tif") as scene:
        pixels = scene.read(range(6), 0, 256) * np.float32(1e-4)
    found = np.concatenate(list(mask_clouds(lambda a, b: pixels[:, a:b], truth.shape, 6)))
    shadow_f1 = 2 * ((truth == 3) & (found == 3)).sum() / ((truth == 3).sum() + (found == 3).sum())

    assert kappa(truth.ravel(), found.ravel()) > 0.75
    assert shadow_f1 > 0.70


def test_real_point_series_rank_changed_sites_first(shared, tmp_path):
    folder = shared / "data/satellite/series"
    assert main(["detect", "series", str(folder / "series.csv.gz"), "--out", str(tmp_path / "a.csv")]) == 0
    with (tmp_path / "a.csv").open() as stream:
        found = {row["series_id"]: float(row["change_probability"]) for row in csv.DictReader(stream)}
    sites: dict[str, list[tuple[bool, float]]] = {}
    with (folder / "labels.csv").open() as stream:
        for row in csv.DictReader(stream):
            sites.setdefault(row["site_id"], []).append((row["changed"] == "1", found[row["series_id"]]))
    truth = np.array([any(changed for changed, _ in site) for site in sites.values()])
    score = np.array([max(value for _, value in site) for site in sites.values()])

    assert area_under_curve(truth, score) > 0.83
