"""The verb detect series: what it says of made-up points, and what it refuses."""

import csv
import gzip
from datetime import datetime, timedelta

import numpy as np
import pytest
from truceline.app.cli import main

HEADER = ["series_id", "time", "orbit_state", *(f"{word}_{n}" for word in ("vv", "vh") for n in range(9))]
START = datetime.fromisoformat("2024-01-01T04:00:00+00:00")


def rows(key, step_db=0.0, count=60, at=30, seed=0):
    rng = np.random.default_rng(seed)
    for number in range(count):
        rise = 10 ** (step_db / 10) if number >= at else 1.0
        looks = rng.gamma(4, 1 / 4, 18)
        powers = [*(0.1 * looks[:9]), *(0.02 * rise * looks[9:])]
        moment = (START + timedelta(days=6 * number)).isoformat().replace("+00:00", "Z")
        yield [key, moment, "ascending", *(f"{power:.6g}" for power in powers)]


class Table:
    def __init__(self, folder):
        self.path, self.out = folder / "series.csv", folder / "alerts.csv"
        self.rows = [*rows("b-falls", -5.0, seed=1), *rows("a-same", seed=2), *rows("c-short", 6.0, count=5)]
        self.header = list(HEADER)

    def run(self):
        with self.path.open("w", newline="") as stream:
            csv.writer(stream).writerows([self.header, *self.rows])
        return main(["detect", "series", str(self.path), "--out", str(self.out)])

    def answers(self):
        with self.out.open() as stream:
            return {row["series_id"]: row for row in csv.DictReader(stream)}


@pytest.fixture
def table(tmp_path):
    return Table(tmp_path)


def test_a_step_is_told_with_its_time_and_direction_and_speckle_is_not(table):
    assert table.run() == 0
    found = table.answers()
    stepped = datetime.fromisoformat(found["b-falls"]["first_seen"])

    assert list(found) == ["a-same", "b-falls", "c-short"]
    assert float(found["b-falls"]["change_probability"]) > 0.8
    assert found["b-falls"]["direction"] == "decrease"
    assert abs(stepped - (START + timedelta(days=180))) <= timedelta(days=6)
    assert found["b-falls"]["change_time"] < found["b-falls"]["first_seen"]
    assert float(found["a-same"]["change_probability"]) < 0.3
    for key in ("a-same", "c-short"):
        assert [found[key][word] for word in ("change_time", "first_seen", "direction")] == ["", "", "none"]
    assert found["c-short"]["n_obs"] == "5"
    assert found["c-short"]["change_probability"]


def test_neither_the_order_of_rows_nor_packing_matters(table):
    table.run()
    once = table.out.read_bytes()
    table.rows.reverse()
    table.run()
    assert table.out.read_bytes() == once
    packed = table.path.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(table.path.read_bytes()))
    assert main(["detect", "series", str(packed), "--out", str(table.out)]) == 0
    assert table.out.read_bytes() == once


def test_missing_pixels_and_dates_are_no_error(table):
    table.rows[3][5:8] = [""] * 3
    table.rows[4][3:] = [""] * 18
    table.rows[5][12:] = ["0"] * 9

    assert table.run() == 0
    assert table.answers()["b-falls"]["n_obs"] == "58"


def test_a_level_of_its_own_for_each_orbit_is_no_change(table):
    table.rows = list(rows("x", seed=4))
    for row in table.rows[::2]:
        row[2] = "descending"
        row[12:] = [f"{float(power) * 3:.6g}" for power in row[12:]]

    table.run()
    assert float(table.answers()["x"]["change_probability"]) < 0.3


def spoil(row, column, text):
    return lambda t: t.rows[row].__setitem__(column, text)


BAD = {
    "no number": (spoil(3, 4, "x"), ":5: vv_1"),
    "infinite": (spoil(3, 12, "inf"), ":5: vh_0"),
    "no time": (spoil(0, 1, "yesterday"), ":2: time"),
    "no zone": (spoil(0, 1, "2024-01-01T04:00:00"), ":2: time"),
    "no name": (spoil(1, 0, " "), ":3: series_id"),
    "short row": (lambda t: t.rows[7].pop(), ":9: has 20 columns"),
    "column missing": (lambda t: t.header.__setitem__(8, "vv_9"), ":1: column vv_5 is missing"),
    "column unknown": (lambda t: t.header.append("extra"), ":1: column 'extra' is unknown"),
    "nothing": (lambda t: t.rows.clear(), ": holds no row"),
}


@pytest.mark.parametrize("word", list(BAD))
def test_bad_tables_are_refused_by_column_or_line(table, capsys, word):
    change, where = BAD[word]
    change(table)
    table.out.write_text("kept")

    assert table.run() == 2
    assert capsys.readouterr().err.startswith(f"error: {table.path}{where}")
    assert table.out.read_text() == "kept"


def test_a_truncated_archive_is_refused(table, capsys):
    table.run()
    packed = table.path.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(table.path.read_bytes())[:-2000])
    table.out.unlink()

    assert main(["detect", "series", str(packed), "--out", str(table.out)]) == 2
    assert "truncated or damaged" in capsys.readouterr().err
    assert not table.out.exists()


def test_decibels_are_refused_and_a_few_powers_below_zero_are_no_data(table, capsys):
    linear = [list(row) for row in table.rows]
    table.rows = [[*row[:3], *(f"{10 * np.log10(float(power)):.3f}" for power in row[3:])] for row in linear]

    assert table.run() == 2
    assert "looks like dB; linear power is wanted" in capsys.readouterr().err
    assert not table.out.exists()
    table.rows = [[*row[:3], "-0.001", *row[4:]] for row in linear]
    assert table.run() == 0
