"""The wheel holds the whole package, also what is no Python: page, corridor, type mark."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (file,) = out.glob("*.whl")
    return zipfile.ZipFile(file)


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile):
    files = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "truceline").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }

    assert files <= set(wheel.namelist())
    assert {
        "truceline/py.typed",
        "truceline/app/page/page.js",
        "truceline/sim/corridor/mission.toml",
    } <= files


def test_the_wheel_holds_nothing_else(wheel: zipfile.ZipFile):
    assert {name.split("/")[0].partition("-")[0] for name in wheel.namelist()} == {"truceline"}
    assert not [name for name in wheel.namelist() if "__pycache__" in name]


def test_the_wheel_brings_the_command(wheel: zipfile.ZipFile):
    (points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))

    assert "truceline = truceline.app.cli:main" in wheel.read(points).decode()
