"""Grids of disturbed satellite navigation become notes for people, and a day that is degraded."""

import threading
from datetime import UTC, datetime

import pytest
from truceline.codec.observation_lines import report_line
from truceline.model.observed import Observation, Report
from truceline.sources.gnss_grid import GnssGrid

HEADER = "lat_deg,lon_deg,cell_deg,count_good_aircraft,count_bad_aircraft"

HEXAGONS = "hex,count_good_aircraft,count_bad_aircraft"


class Basket:
    def __init__(self, known=()):
        self.stop, self.known = threading.Event(), set(known)

    def now(self):
        return datetime(2026, 3, 1, tzinfo=UTC)

    def has(self, key):
        return key in self.known

    def has_finished(self, piece):
        return False

    def finish(self, piece):
        pass


def taken(folder, basket=None, **settings):
    source = GnssGrid(name="gnss", path=folder, **settings)
    return list(source.observe(basket or Basket(), follow=False))


def test_disturbed_cells_are_noted_worst_first_and_do_not_reach_the_rules(tmp_path):
    (tmp_path / "grid-2025-05-09.csv").write_text(
        f"{HEADER}\n35.0,33.0,0.5,90,10\n35.5,33.0,0.5,50,50\n36.0,33.0,0.5,99,1\n36.0,34.0,0.5,1,2\n"
    )
    first, second, day = taken(tmp_path)

    assert isinstance(first.noun, Report)
    assert (first.noun.lat_deg, second.noun.lat_deg) == (35.5, 35.0)
    assert first.noun.text == "satellite navigation disturbed on 2025-05-09: 50% of 100 aircraft"
    assert first.noun.ce90_m == pytest.approx(0.5 * 111_195 * 2.146 / 12**0.5, abs=1)
    assert report_line(first.id, first.noun, "unknown", "gnss") is None
    assert (day.noun.status, day.noun.footprint) == ("degraded", None)
    assert day.noun.phenomenon.from_utc == datetime(2025, 5, 9, tzinfo=UTC)
    assert taken(tmp_path, Basket({day.noun.key})) == []


def test_a_hexagon_lies_where_its_index_says(tmp_path):
    # Index and middle as the documentation of the H3 library gives them.
    (tmp_path / "2025-05-09.csv").write_text(f"{HEXAGONS}\n8928308280fffff,50,50\n")
    note, day = taken(tmp_path)

    assert note.noun.lat_deg == pytest.approx(37.776702, abs=1e-5)
    assert note.noun.lon_deg == pytest.approx(-122.418459, abs=1e-5)
    assert note.noun.ce90_m == pytest.approx(2.146 * (105_332 / 12) ** 0.5, rel=0.1)  # mean area at this size
    assert note.noun.attributes["hex"] == "8928308280fffff"
    assert day.noun.status == "degraded"


def test_a_quiet_day_is_ok(tmp_path):
    (tmp_path / "2025-05-09.csv").write_text(f"{HEADER}\n35.0,33.0,0.5,90,1\n")
    (day,) = taken(tmp_path)

    assert (day.noun.status, day.noun.reason) == ("ok", "")


@pytest.mark.parametrize(
    ("word", "content", "why"),
    [
        ("2025-05-09.csv", f"{HEADER}\nx,33.0,0.5,90,10\n", "1 left out: 2025-05-09.csv:2: lat_deg"),
        ("2025-05-09.csv", f"{HEADER}\n35,33.0,0.5,-1,10\n", "1 left out: 2025-05-09.csv:2: a count"),
        ("2025-05-09.csv", f"{HEADER}\n95,33.0,0.5,1,10\n", "1 left out: 2025-05-09.csv:2: a place"),
        ("2025-05-09.csv", f"{HEADER}\n35,33.0,nan,1,10\n", "1 left out: 2025-05-09.csv:2: cell_deg"),
        ("2025-05-09.csv", f"{HEXAGONS}\n84,1,2\n", "1 left out: 2025-05-09.csv:2: hex: '84' is no H3 cell"),
        ("2025-05-09.csv", "hex,count_good_aircraft\n", "column count_bad_aircraft is missing"),
        ("today.csv", f"{HEADER}\n", "its name holds no day"),
        ("2025-13-09.csv", f"{HEADER}\n", "its name holds no day"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path, word, content, why):
    (tmp_path / word).write_text(content)
    (day,) = taken(tmp_path)

    assert isinstance(day.noun, Observation)
    assert day.noun.status == "degraded"
    assert why in day.noun.reason
