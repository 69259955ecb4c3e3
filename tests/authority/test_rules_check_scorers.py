"""The scorers of the contract, run as programs of their own on real agreements."""

import subprocess
import sys
from pathlib import Path

import pytest

CLI = f"{sys.executable} -m truceline.app"


def score(program: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(program), *arguments], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_vignette_holds_in_any_order(shared):
    agreements = shared / "data/zone/agreements"
    vignettes = shared / "score/zone/vignettes_dev.json"

    said = score(
        shared / "score/zone/score_check.py", "--cli", CLI, "--vignettes", str(vignettes),
        "--agreements", str(agreements), "--invariance", "--singles", "2", "-v",
    )  # fmt: skip

    assert "vignettes 128/128" in said


@pytest.mark.slow
def test_bad_input_is_named_and_writes_nothing(shared):
    agreement = shared / "data/zone/agreements/example_corridor.toml"

    assert "errors 20/20" in score(
        shared / "score/zone/score_errors.py", "--cli", CLI, "--agreement", str(agreement)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["example_corridor", "korea_cma"])
def test_zones_are_geodesic_offsets(shared, tmp_path, name):
    agreement, out = shared / f"data/zone/agreements/{name}.toml", tmp_path / "zones.geojson"
    subprocess.run([*CLI.split(), "zone", str(agreement), "--out", str(out)], check=True)

    said = score(shared / "score/zone/score_zone.py", str(agreement), str(out), "--points", "600")

    assert "membership 100.000 %" in said
