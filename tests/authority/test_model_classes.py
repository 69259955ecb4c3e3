"""The one table of classes, held against the contract's page."""

import itertools
import re
from pathlib import Path

import pytest
from truceline.model import classes
from truceline.model.classes import (
    BASE_KINDS,
    CANDIDATES,
    CATEGORY_COLUMNS,
    FUSION_CLASSES,
    INCIDENT_ENTITIES,
    MEANING_ACTIVITIES,
    MEANING_CANDIDATES,
)

WORDS = re.compile("`([^`]+)`")


@pytest.fixture
def page(shared: Path) -> str:
    return (shared / "contracts/classes.md").read_text()


def rows(page: str, heading: str) -> list[list[str]]:
    """Cells of the table rows that follow a table's head line."""
    after = page[page.index(heading) :].splitlines()[2:]
    table = itertools.takewhile(lambda line: line.startswith("|"), after)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def words(cell: str) -> list[str]:
    return [word for part in WORDS.findall(cell) for word in part.split()]


def test_every_base_kind_has_the_column_symbol_and_path_of_the_page(page):
    expected = {}
    for kinds, column, symbol_set, entity, cot in rows(page, "| base kind (*zone*)"):
        fusion = words(column)[0].removeprefix("p_") if words(column) else None
        for kind in words(kinds):
            expected[kind] = (fusion, symbol_set, entity, words(cot)[0])

    assert len(expected) > 25
    assert {kind: tuple(row) for kind, row in BASE_KINDS.items()} == expected


def test_every_column_has_the_candidates_of_the_page(page):
    table = {
        words(column)[0].removeprefix("p_"): words(names)
        for column, names in rows(page, "| fusion column | candidates |")
    }

    written = {word: names for word, names in table.items() if not any("class" in name for name in names)}
    assert {word: list(kinds) for word, kinds in CANDIDATES.items()} == written
    assert set(table) == set(FUSION_CLASSES)


def test_every_picture_category_spreads_over_the_columns_of_the_page(page):
    expected = {}
    for categories, columns in rows(page, "| drone category | fusion column |"):
        for category in words(categories):
            expected[category] = {word.removeprefix("p_") for word in words(columns)}

    assert {category: set(columns) for category, columns in CATEGORY_COLUMNS.items()} == expected


def test_every_meaning_of_a_changed_place_becomes_what_the_page_says(page):
    candidates, activities = {}, {}
    for source, becomes in rows(page, "| source | becomes (contract *zone*) |"):
        meanings = [word for word in words(source) if word not in ("meaning", "alert")]
        if "`sighting`" in becomes and ("candidates" in becomes or meanings == ["track"]):
            candidates[meanings[0]] = [word for word in words(becomes) if word != "sighting"]
        elif "with that word" in becomes:
            activities = dict.fromkeys(meanings) | {
                word: (re.search(rf"`{word}` → `(\w+)`", becomes) or [None, word])[1] for word in meanings
            }

    assert {meaning: list(kinds) for meaning, kinds in MEANING_CANDIDATES.items()} == candidates
    assert activities == MEANING_ACTIVITIES


def test_incidents_have_the_symbols_of_the_page(page):
    said = re.search(r"Incidents: symbol set (\d+), (.*?);", page)
    assert said is not None
    entities = dict(re.findall(r"(\d{6}) \(`?([a-z_ ]+)`?\)", said[2]))

    for entity, what in entities.items():
        class_ = "absence" if what == "all others" else what
        assert classes.incident_sidc(class_, exercise=False) == f"1001{said[1]}0000{entity}0000"
    assert {
        what: entity for entity, what in entities.items() if what in INCIDENT_ENTITIES
    } == INCIDENT_ENTITIES


def test_no_code_ever_says_hostile_or_suspect():
    said = {
        classes.sidc(kind, identity, exercise)
        for kind in BASE_KINDS
        for identity in ("own", "party", "unknown")
        for exercise in (True, False)
    }

    assert all(re.fullmatch(r"10[01][341]\d{2}0000\d{6}0000", code) for code in said)
    with pytest.raises(KeyError):
        classes.sidc("tank", "hostile", exercise=False)
