"""Real Sentinel-1 stacks hold rain, wind and wet soil, "neither a change to be alerted" (their README)."""

import json
from pathlib import Path

import pytest
from truceline.app.cli import main


@pytest.mark.parametrize("stack", ["T137-292319-IW1", "T137-292324-IW2"])  # open sea, dry plain
def test_weather_over_sea_and_plain_confirms_nothing(shared: Path, tmp_path: Path, stack: str):
    items = shared / "data" / "satellite" / "s1" / f"{stack}.items.json"

    assert main(["detect", "sar", str(items), "--out", str(tmp_path / "out"), "--quiet"]) == 0

    alerts = json.loads((tmp_path / "out" / "alerts.geojson").read_text())["features"]
    assert [alert for alert in alerts if alert["properties"]["state"] == "confirmed"] == []
