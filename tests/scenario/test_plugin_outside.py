"""A plug-in that lives outside the package is found by its entry point and feeds the chain."""

import subprocess
import sys
from pathlib import Path

PLUGIN = Path(__file__).parents[2] / "examples" / "plugin"
MISSION = """schema = "truceline.mission/1"
name = "shocks"

[node]
workers = 0

[[source]]
kind = "seismic"
name = "shock-1"
path = "shocks.csv"
"""
SHOCKS = """time,lat_deg,lon_deg,ce90_m,magnitude
2030-05-01T06:00:00Z,24.5000,10.1000,300,2.1
2030-05-01T06:00:40Z,24.5005,10.1003,300,2.4
2030-05-01T06:00:50Z,24.5005,10.1003,300,0.2
"""


def test_installed_plugin_brings_reports_that_become_an_incident(tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*install, "--no-index", "--target", str(site), str(PLUGIN)], check=True, capture_output=True
    )
    (tmp_path / "mission.toml").write_text(MISSION)
    (tmp_path / "shocks.csv").write_text(SHOCKS)
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r}); from truceline.app.cli import main;"
        f"sys.exit(main(['run', {str(tmp_path / 'mission.toml')!r}, '--data', {str(tmp_path / 'data')!r}]))"
    )

    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "'report': 2" in done.stdout
    assert "explosion_cluster" in done.stdout


def test_unknown_plugin_is_bad_input_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "mission.toml").write_text(MISSION)
    command = [sys.executable, "-m", "truceline.app", "run", str(tmp_path / "mission.toml")]

    done = subprocess.run(
        [*command, "--data", str(tmp_path / "data")], check=False, capture_output=True, text=True
    )

    assert done.returncode == 2
    assert "mission.toml: source[0]: seismic: no plug-in of that name" in done.stderr
    assert not (tmp_path / "data").exists()
