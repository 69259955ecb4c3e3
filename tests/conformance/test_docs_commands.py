"""What the pages tell a reader to type can be typed, and the missions they name can be read."""

import argparse
import re
import shlex
from pathlib import Path

import pytest
from truceline.app.cli import build_parser, words
from truceline.dispatch.instance import read_instance
from truceline.flow.mission import load_mission
from truceline.rules.agreement import read_agreement

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(DOCS.glob("*.md")),
    *sorted(ROOT.glob("examples/**/*.md")),
]
STARTS = ("truceline ", "python3 run.py ", ".venv/bin/truceline ")
RUN_PY = {"setup": {"--dev"}, "test": set()}  # the words of run.py that are no verbs, and their options
MISSIONS = [
    *sorted((ROOT / "examples").glob("*.toml")),
    ROOT / "truceline" / "sim" / "corridor" / "mission.toml",
]


def block_lines(text: str) -> list[str]:
    fenced = [line for part in text.split("```")[1::2] for line in part.splitlines()]
    indented = [line for line in text.splitlines() if line.startswith("    ")]
    lines = [re.split(r"\s{2,}#?", line.strip())[0] for line in fenced + indented]
    return [line for line in lines if line.startswith(STARTS)]


def inline_calls(text: str) -> list[str]:
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"(?m)^    .*$", "", text))
    return [span for span in spans if span.startswith(STARTS)]


def arguments(line: str) -> list[str]:
    start = next(start for start in STARTS if line.startswith(start))
    return shlex.split(line[len(start) :])


def parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {word: one for action in found for word, one in action.choices.items()}


BLOCKS = [(page, line) for page in PAGES for line in block_lines(page.read_text())]
INLINE = [(page, line) for page in PAGES for line in inline_calls(page.read_text())]


def test_the_pages_hold_commands_to_check():
    assert {page.name for page, _ in BLOCKS} >= {"README.md", "quickstart.md"}
    assert len(INLINE) > 5


@pytest.mark.parametrize(("page", "line"), BLOCKS, ids=lambda one: one if isinstance(one, str) else one.name)
def test_a_command_line_of_a_page_is_accepted(page, line):
    typed = arguments(line)
    if line.startswith("python3 run.py") and typed[0] in RUN_PY:
        assert set(typed[1:]) <= RUN_PY[typed[0]]
        return
    try:
        build_parser().parse_args(typed)
    except SystemExit as ending:
        assert ending.code == 0, line  # --help and --version


@pytest.mark.parametrize(("page", "line"), INLINE, ids=lambda one: one if isinstance(one, str) else one.name)
def test_a_command_named_in_passing_exists_with_its_options(page, line):
    typed = arguments(line)
    if line.startswith("python3 run.py") and typed[0] in RUN_PY:
        return
    parser, known = build_parser(), {"--help", "--version"}
    for word in typed:
        if word in parsers(parser):
            parser = parsers(parser)[word]
            known |= {name for action in parser._actions for name in action.option_strings}

    assert typed[0] in (*words(), "VERB", "--help", "--version")
    assert {word for word in typed if word.startswith("--")} <= known


def test_the_mission_of_the_quick_start_can_be_read(tmp_path):
    text = (DOCS / "quickstart.md").read_text()
    lines = text[text.index("    schema = ") :].splitlines()
    shown = lines[: next(i for i, line in enumerate(lines) if line[:1].strip())]
    (tmp_path / "mission.toml").write_text("\n".join(line[4:] for line in shown))

    mission = load_mission(tmp_path / "mission.toml")

    assert [one.kind for one in mission.sources] == ["patrol"]
    assert mission.file.agreement == "agreement.toml"


@pytest.mark.parametrize("path", MISSIONS, ids=lambda path: path.stem)
def test_an_example_mission_can_be_read_with_all_it_names(path, request, monkeypatch):
    needs_data = "$TRUCELINE_SHARED" in path.read_text()
    if needs_data:
        monkeypatch.setenv("TRUCELINE_SHARED", str(request.getfixturevalue("shared")))

    mission = load_mission(path)

    assert mission.exercise
    assert mission.sources
    agreement, force = mission.beside(mission.file.agreement), mission.force_bytes()
    assert agreement is not None
    assert read_agreement(agreement).provisions
    assert force is not None
    assert read_instance(force, "force").units
    for source in mission.sources:
        where = getattr(source.plug, "path", None)
        assert where is None or where.exists() or "corridor" in path.parts
