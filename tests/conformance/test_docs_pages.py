"""The pages that are written from the code say what the code says."""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from truceline.app.cli import build_parser, words
from truceline.app.server import ROUTES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def make(docs: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(docs / "make.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DOCS, tmp_path / "docs"))


def below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from below(one)


def test_the_written_pages_are_the_ones_the_code_gives():
    checked = make(DOCS, "--check")

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_page_that_was_changed_by_hand_is_named_and_written_again(copy):
    page = copy / "commands" / "verify.md"
    good = page.read_text()
    page.write_text(good.replace("--known-checkpoint", "--known"))

    checked, written = make(copy, "--check"), make(copy)

    assert (checked.returncode, checked.stdout) == (1, "docs/commands/verify.md: differs\n")
    assert written.returncode == 0
    assert page.read_text() == good


def test_a_page_of_a_command_that_is_gone_is_named_and_removed(copy):
    gone = copy / "commands" / "gone.md"
    gone.write_text("# truceline gone\n")

    checked, written = make(copy, "--check"), make(copy)

    assert (checked.returncode, checked.stdout) == (1, "docs/commands/gone.md: differs\n")
    assert (written.returncode, gone.exists()) == (0, False)


@pytest.mark.parametrize("word", words())
def test_every_option_and_line_of_help_stands_on_the_page_of_its_command(word):
    parser = next(one for one in below(build_parser(word)) if one.prog == f"truceline {word}")
    page = (DOCS / "commands" / f"{word}.md").read_text()

    for one in below(parser):
        section = page.partition(f" {one.prog}\n")[2]
        options = set(re.findall(r"(?<![\w-])--[a-z0-9-]+", one.format_usage()))
        assert options <= set(re.findall(r"(?<![\w-])--[a-z0-9-]+", section))
        for action in one._actions:
            plain = (action.help or "").replace("|", "\\|")
            assert action.dest == "help" or plain.partition("<")[0].replace("%%", "%") in section


def test_the_index_of_commands_lists_every_verb_once():
    listed = re.findall(
        r"^\| \[(\w+)\]\((\w+)\.md\)", (DOCS / "commands" / "README.md").read_text(), re.MULTILINE
    )

    assert listed == [(word, word) for word in words()]


def test_every_route_stands_on_the_page_of_the_api_with_its_roles():
    page = (DOCS / "api.md").read_text()

    for route in ROUTES:
        roles = "open to all" if route.is_open else ", ".join(route.roles)
        assert f"| {route.method} | `{route.path}` | {roles} |" in page


def test_pages_name_no_place_of_the_machine_that_wrote_them():
    for page in [*DOCS.glob("*.md"), *DOCS.glob("commands/*.md")]:
        text = page.read_text()
        assert str(ROOT) not in text
        assert str(Path.home()) + "/" not in text
