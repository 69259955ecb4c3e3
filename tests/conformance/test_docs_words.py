"""Whatever there is has its place in the documentation, and the documentation names nothing else."""

import ast
import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import msgspec
import pytest
from truceline import detect, documents, model, plug, sources
from truceline.flow import mission
from truceline.model.errors import BadInput
from truceline.model.facts import KINDS
from truceline.rules import kinds

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ROOMS = {"sources": sources, "detect": detect, "rules.kinds": kinds, "documents": documents}
WRITTEN = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
BOASTS = (
    "smart",
    "simple",
    "simply",
    "just",
    "robust",
    "powerful",
    "seamless",
    "cutting-edge",
    "world-class",
)


def plugins() -> list[tuple[str, str]]:
    found = []
    for room, package in ROOMS.items():
        for module in pkgutil.iter_modules(package.__path__):
            try:
                plug.find(room, module.name)
            except BadInput:
                continue
            found.append((room, module.name))
    return found


def imported_by_tests() -> set[str]:
    found = set()
    for file in [*(ROOT / "tests").rglob("*.py"), *(ROOT / "examples").rglob("test_*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {one.name for one in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return found


def nouns() -> set[str]:
    found = set()
    for one in pkgutil.iter_modules(model.__path__):
        module = import_module(f"{model.__name__}.{one.name}")
        for name, value in vars(module).items():
            is_ours = inspect.isclass(value) and value.__module__ == module.__name__
            if is_ours and issubclass(value, msgspec.Struct) and not name.startswith("_"):
                found.add(name)
    return found


def section(text: str, title: str) -> str:
    return re.split(r"^#+ ", text.partition(f"# {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def test_every_room_has_plug_ins_to_look_at():
    assert {room for room, _ in plugins()} == set(ROOMS)


@pytest.mark.parametrize(("room", "word"), plugins())
def test_every_plug_in_says_what_it_is_and_stands_with_its_settings(room, word):
    found = plug.find(room, word)
    part = section((DOCS / "settings.md").read_text(), word)
    shared = (
        {"name"}
        if room == "sources"
        else {"id", "article", "text", "parties", "valid_from", "valid_until", "terms"}
    )

    assert found.__doc__
    assert part, f"{word} has no part of its own"
    for field in msgspec.structs.fields(found):
        if field.name not in shared:
            assert f"| `{field.encode_name}` |" in part


@pytest.mark.parametrize(("room", "word"), plugins())
def test_every_plug_in_is_used_by_a_test(room, word):
    module = plug.find(room, word).__module__
    if room == "rules.kinds":  # rules are made by the agreement that names their type
        tests = "".join(file.read_text() for file in (ROOT / "tests").glob("*/test_rules_*.py"))
        assert re.search(rf"""type *= *\\?["']{word}\\?["']""", tests)
    else:
        assert any(name == module or name.startswith(module + ".") for name in imported_by_tests())


def test_every_key_of_the_mission_file_stands_in_the_settings():
    page = (DOCS / "settings.md").read_text()

    for title, struct in {
        "Settings": mission.MissionFile,
        "[node]": mission.NodeTable,
        "[clock]": mission.ClockTable,
        "[fuse]": mission.FuseTable,
        "[watch]": mission.WatchTable,
        "[[player]]": mission.Player,
    }.items():
        keys = re.findall(r"^\| `(\w+)` \|", section(page, title), re.MULTILINE)
        assert keys == list(struct.__struct_encode_fields__)


def test_the_log_page_names_every_kind_of_entry_and_no_other():
    rows = re.findall(r"^\| `([a-z_]+)` \|", (DOCS / "log.md").read_text(), re.MULTILINE)

    assert sorted(rows) == sorted(KINDS)


def test_the_glossary_names_every_noun_and_no_other():
    named = set(re.findall(r"`([A-Z]\w+)`", (DOCS / "glossary.md").read_text()))

    assert nouns() - named == set()
    assert named - nouns() == set()


def test_a_word_stands_once_in_the_glossary():
    heads = re.findall(r"^- \*\*([^*]+)\*\*", (DOCS / "glossary.md").read_text(), re.MULTILINE)
    words = [word for head in heads for word in head.split(", ")]

    assert len(words) > 50
    assert sorted(words) == sorted(set(words))


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_of_a_page_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if "://" not in link:
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_does_not_boast(page):
    prose = re.sub(r"`[^`]*`", "", page.read_text()).lower()

    assert [word for word in BOASTS if re.search(rf"\b{word}\b", prose)] == []


def test_every_page_stands_in_the_index():
    index = (DOCS / "index.md").read_text()

    for page in DOCS.glob("*.md"):
        assert page.name == "index.md" or f"]({page.name})" in index


def test_fragments_of_the_changelog_are_one_sentence_each():
    for fragment in (ROOT / "changes").iterdir():
        if fragment.name == ".gitkeep":
            continue
        text = fragment.read_text()
        assert re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed)\.md", fragment.name)
        assert re.fullmatch(r"[A-Z][^\n]*\.\n", text), f"{fragment.name}: one sentence on one line"
        assert not re.search(r"[.!?] [A-Z]", text), f"{fragment.name}: more than one sentence"
