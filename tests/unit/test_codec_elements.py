"""Element sets: what is read, and how a bad line is named."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from truceline.codec.elements import checksum, nearest_sets, read_elements
from truceline.model.errors import BadInput

ONE = "1 39634U 14016A   25129.48193779  .00000222  00000+0  56871-4 0  9990"
TWO = "2 39634  98.1800 137.8668 0001386  90.8293 269.3066 14.59199646591170"
OMM = {
    "OBJECT_NAME": "SENTINEL-1A", "OBJECT_ID": "2014-016A", "EPOCH": "2025-05-09T11:33:59.425056",
    "MEAN_MOTION": 14.59199646, "ECCENTRICITY": 0.0001386, "INCLINATION": 98.18, "RA_OF_ASC_NODE": 137.8668,
    "ARG_OF_PERICENTER": 90.8293, "MEAN_ANOMALY": 269.3066, "EPHEMERIS_TYPE": 0, "CLASSIFICATION_TYPE": "U",
    "NORAD_CAT_ID": 39634, "ELEMENT_SET_NO": 999, "REV_AT_EPOCH": 59117, "BSTAR": 5.6871e-5,
    "MEAN_MOTION_DOT": 2.22e-6, "MEAN_MOTION_DDOT": 0,
}  # fmt: skip


def summed(line: str) -> str:
    return line[:68] + str(checksum(line[:68] + "0"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"0 SENTINEL-1A\n{ONE}\n{TWO}\n", "SENTINEL-1A"),
        (f"\r\n# a remark\r\nSENTINEL-1A   \r\n{ONE}\r\n\r\n{TWO}\r\n", "SENTINEL-1A"),
        (f"{ONE}\n{TWO}", "39634"),
    ],
)
def test_a_set_is_read_with_and_without_a_name(text, name):
    (found,) = read_elements(text.encode(), "f")

    assert (found.satellite, found.norad_id, found.bstar) == (name, 39634, pytest.approx(5.6871e-5))
    assert found.epoch_utc == datetime(2025, 5, 9, 11, 33, 59, 425056, tzinfo=UTC)
    assert (found.eccentricity, found.inclination_deg) == (0.0001386, 98.18)


def test_an_omm_says_the_same_as_two_lines_in_json_and_csv():
    table = ",".join(OMM) + "\n" + ",".join(str(value) for value in OMM.values()) + "\n"
    (lines,) = read_elements(f"SENTINEL-1A\n{ONE}\n{TWO}\n".encode(), "f")

    assert read_elements(json.dumps([OMM]).encode(), "f") == (lines,)
    assert read_elements(table.encode(), "f") == (lines,)


def test_numbers_past_99999_are_read_in_alpha_5():
    one, two = (summed(line[:2] + "E8493" + line[7:]) for line in (ONE, TWO))

    assert read_elements(f"{one}\n{two}\n".encode(), "f")[0].norad_id == 148493


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (f"A\n{ONE[:-1]}1\n{TWO}\n", "f:2"),
        (f"A\n{ONE}\n{TWO[:-1]}9\n", "f:3"),
        (f"A\n{ONE[:-1]}\n{TWO}\n", "f:2"),
        (f"A\n{ONE}\n{TWO} \n", "f:3"),
        (f"A\n{ONE}\n{summed(TWO[:2] + '39635' + TWO[7:])}\n", "f:3"),
        (f"A\n{ONE}\n", "f:2"),
        (f"A\n{TWO}\n", "f:2"),
        (f"A\nB\n{ONE}\n{TWO}\n", "f:2"),
        (f"{ONE}\n{TWO}\nA\n", "f"),
        (f"{ONE}\n{ONE}\n{TWO}\n", "f:2"),
        (f"{summed(ONE.replace('25129', '25X29'))}\n{TWO}\n", "f:1"),
        (f"{summed(ONE.replace('25129', '25000'))}\n{TWO}\n", "f:2"),
        ("", "f"),
        ("[]", "f"),
        ('[{"OBJECT_NAME": "A"}]', "f:0"),
        (json.dumps({**OMM, "ECCENTRICITY": "x"}), "f:0"),
        (json.dumps({**OMM, "ECCENTRICITY": float("nan")}), "f:0"),
        (json.dumps({**OMM, "EPOCH": "yesterday"}), "f:0"),
        ("{", "f"),
    ],
)
def test_a_bad_line_is_named(text, where):
    with pytest.raises(BadInput) as caught:
        read_elements(text.encode(), "f")

    assert caught.value.where == where


def test_bytes_that_are_no_text_are_refused_by_line():
    with pytest.raises(BadInput, match=r"^f:2: "):
        read_elements(b"A\n\xff\n", "f")


def test_of_several_sets_the_nearest_epoch_counts():
    later = summed(ONE.replace("25129", "25131"))
    sets = read_elements(f"{ONE}\n{TWO}\n{later}\n{TWO}\n".encode(), "f")

    assert nearest_sets(sets, sets[0].epoch_utc + timedelta(hours=1)) == (sets[0],)
    assert nearest_sets(sets, sets[0].epoch_utc + timedelta(hours=40)) == (sets[1],)
