"""The tracker against the contract's scorer, on its boxes."""

import json
import subprocess
import sys

import pytest
from truceline.app.cli import main

FLOOR = 0.96


@pytest.mark.parametrize("objects", [25, 90])
def test_identities_are_kept(shared, tmp_path, objects):
    data, out = shared / "data/drone/tracks", tmp_path / "tracks.parquet"

    assert (
        main(["video", "track", str(data / f"synthetic_{objects}.detections.parquet"), "--out", str(out)])
        == 0
    )

    scorer, truth = shared / "score/drone/track_idf1.py", data / f"synthetic_{objects}.truth.parquet"
    said = subprocess.run(
        [sys.executable, scorer, out, truth], check=True, capture_output=True, text=True
    ).stdout
    assert json.loads(said)["idf1"] >= FLOOR
