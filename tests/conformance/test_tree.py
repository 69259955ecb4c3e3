"""The tree holds what the house has planned, and nothing that belongs to one machine or to later."""

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "truceline"
MOST_LINES = 400
FOLDERS = {
    "codec/flightlog", "app/forms", "app/http", "app/page", "app/routes", "app/verbs", "app/verbs_detect",
    "detect/boxes", "detect/optical", "detect/photos", "detect/pictures", "detect/pictures/weights",
    "detect/radar", "log/audit", "rules/kinds", "sim/corridor", "track/columns", "track/files", "track/life",
    "track/live", "track/pairing", "track/sensors", "track/state",
}  # fmt: skip
TOP = {
    ".ci", "benchmarks", "changes", "docs", "examples", "tests", "training", "truceline", "web",
}  # fmt: skip
KINDS_OF_TEST = {"unit", "property", "authority", "conformance", "scenario", "fuzz"}
VAGUE = re.compile(r"_?(utils?|common|helpers?|misc|manager|handlers?|processors?|data|info|base\d*)")
# Written in pieces, so that this file does not hold them itself.
LATER = re.compile(
    r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "NotImplemented" + "Error"]) + r")\b"
)
MACHINE = re.compile(
    r"(?<![\w.$}/-])/(" + "|".join(["home", "root", "Users", "work", "opt", "mnt"]) + r")/\w"
)
HOSTS = re.compile(
    "|".join(["pypi" + r"\.org", "python" + "hosted", "npm" + r"js\.", "anaconda" + r"\.", "jsdel" + "ivr"])
)
BUILT = {
    "truceline/app/page/page.js",
    "truceline/app/page/map-worker.js",
}  # bundled from web/ and its packages


@cache
def tracked() -> tuple[Path, ...]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git here: the files of the tree are not known")
    return tuple(ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file())


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content and name_of(path) not in BUILT:
            found.append((name_of(path), content.decode("utf-8")))
    return found


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def rooms() -> set[str]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["type"] == "layers")
    return {room.strip() for layer in layers for room in layer.split("|")}


def test_no_file_of_the_package_is_longer_than_a_reader_likes():
    files = [path for path in tracked() if path.suffix == ".py" and PACKAGE in path.parents]
    long = {name_of(path): n for path in files if (n := len(path.read_text().splitlines())) > MOST_LINES}

    assert len(files) > 100
    assert long == {}


def test_every_folder_of_the_package_was_planned():
    planned = {*rooms(), *FOLDERS}
    parents = {path.relative_to(PACKAGE).parent for path in tracked() if PACKAGE in path.parents}
    there = {folder.as_posix() for parent in parents for folder in [parent, *parent.parents]} - {"."}

    assert there - planned == set()
    assert FOLDERS - there == set()


def test_every_folder_beside_the_package_was_planned():
    top = {path.relative_to(ROOT).parts[0] for path in tracked() if len(path.relative_to(ROOT).parts) > 1}
    kinds = {
        path.relative_to(ROOT / "tests").parts[0] for path in tracked() if (ROOT / "tests") in path.parents
    }

    assert top == TOP
    assert {kind for kind in kinds if "." not in kind} == KINDS_OF_TEST


def test_no_module_or_folder_has_a_name_that_says_nothing():
    python = [path for path in tracked() if path.suffix == ".py"]
    parts = {path: (*path.relative_to(ROOT).parent.parts, path.stem) for path in python}

    assert [name_of(path) for path in python if any(VAGUE.fullmatch(part) for part in parts[path])] == []


def test_every_test_file_lies_flat_in_its_kind():
    files = [path for path in tracked() if path.name.startswith("test_") and (ROOT / "tests") in path.parents]

    assert [name_of(path) for path in files if path.parent.parent != ROOT / "tests"] == []


def test_nothing_is_left_for_later():
    assert lines_with(LATER) == []


def test_no_line_names_a_place_of_somebodys_machine():
    assert lines_with(MACHINE) == []


def test_no_line_names_the_host_of_a_registry():
    assert lines_with(HOSTS) == []


def test_locks_hold_hashes():
    for name in ("requirements.lock", "requirements-dev.lock"):
        pinned = re.findall(r"(?m)^[a-z0-9][\w.-]*==", (ROOT / name).read_text())
        parts = re.split(r"(?m)^(?=[a-z0-9][\w.-]*==)", (ROOT / name).read_text())[1:]
        assert len(pinned) > 10
        assert [part.split()[0] for part in parts if "--hash=sha256:" not in part] == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (LATER, "# TO" + "DO later"),
        (LATER, "raise NotImplemented" + "Error"),
        (MACHINE, "path = '/ho" + "me/somebody/x'"),
        (MACHINE, "cd /wo" + "rk/main"),
        (HOSTS, "https://files.python" + "hosted.org/x"),
    ],
)
def test_the_patterns_find_what_they_look_for(pattern, line):
    assert pattern.search(line)
