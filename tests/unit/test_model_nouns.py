"""Nouns, names and times: what everything else is made of."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from truceline.model.facts import DERIVED_KINDS, INPUT_KINDS, KINDS, Fact, Header, Redacted, entry_key
from truceline.model.names import name, number
from truceline.model.observed import Observation, Report
from truceline.model.place import Point, Span, utc_text, utc_time

MOMENT = datetime(2026, 3, 1, 6, 7, 8, tzinfo=UTC)
texts = st.text(max_size=12)


def test_a_name_is_its_prefix_and_32_hex_digits_and_stays_the_same():
    hashed = hashlib.sha256(b'["a","b"]').hexdigest()

    assert name("inc", "a", "b") == f"inc-{hashed[:32]}"


@given(first=st.lists(texts, max_size=4), second=st.lists(texts, max_size=4))
def test_the_borders_between_the_parts_of_a_name_count(first, second):
    assert (name("x", *first) == name("x", *second)) == (first == second)


@given(parts=st.lists(texts, max_size=4))
def test_a_number_name_is_positive_and_fits_a_signed_64_bit_column(parts):
    assert 0 <= number(*parts) < 2**63


@given(moment=st.datetimes(datetime(1900, 1, 1), datetime(2999, 1, 1), timezones=st.timezones()))
def test_a_moment_survives_its_text(moment):
    text = utc_text(moment)

    assert text.endswith("Z")
    assert utc_time(text) == moment.astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (MOMENT, "2026-03-01T06:07:08Z"),
        (MOMENT.replace(microsecond=120_000), "2026-03-01T06:07:08.12Z"),
        (MOMENT.replace(second=0, microsecond=1), "2026-03-01T06:07:00.000001Z"),
        (MOMENT.astimezone(timezone(timedelta(hours=9))), "2026-03-01T06:07:08Z"),
    ],
)
def test_a_moment_is_written_in_utc_without_needless_zeros(moment, text):
    assert utc_text(moment) == text


def test_a_time_without_a_zone_is_no_time():
    with pytest.raises(ValueError, match="without a zone"):
        utc_text(MOMENT.replace(tzinfo=None))
    with pytest.raises(ValueError, match="has no zone"):
        utc_time("2026-03-01T06:07:08")


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30T00:00:00Z", "2026-03-01"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        utc_time(text)


def test_an_offset_is_read_as_the_moment_it_means():
    assert utc_time("2026-03-01T15:07:08+09:00") == MOMENT


@pytest.mark.parametrize(
    ("lat_deg", "lon_deg", "ce90_m"), [(91, 0, 1), (-90.5, 0, 1), (0, 180.5, 1), (0, 0, -1)]
)
def test_a_place_off_the_earth_or_with_a_negative_error_is_not_decoded(lat_deg, lon_deg, ce90_m):
    text = msgspec.json.encode({"lat_deg": lat_deg, "lon_deg": lon_deg, "ce90_m": ce90_m})

    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Point)


def test_a_report_with_an_unknown_member_is_not_decoded():
    known = {"type": "note", "time_utc": "2026-03-01T00:00:00Z", "lat_deg": 1, "lon_deg": 2}

    assert msgspec.convert(known, Report).type == "note"
    with pytest.raises(msgspec.ValidationError, match="txet"):
        msgspec.convert(known | {"txet": "?"}, Report)


def test_nouns_cannot_be_changed():
    point = Point(lat_deg=1, lon_deg=2, ce90_m=3)

    with pytest.raises(AttributeError):
        point.lat_deg = 5


def test_an_observation_is_named_by_its_source_and_key_alone():
    span = Span(from_utc=MOMENT, until_utc=MOMENT)
    one = Observation(source="radar", key="k", phenomenon=span, result_utc=MOMENT)
    other = Observation(source="radar", key="k", phenomenon=span, result_utc=MOMENT, status="degraded")

    assert one.id == other.id
    assert one.id != Observation(source="drone", key="k", phenomenon=span, result_utc=MOMENT).id


def test_every_kind_is_either_of_the_world_or_derived():
    assert INPUT_KINDS | DERIVED_KINDS == KINDS
    assert not INPUT_KINDS & DERIVED_KINDS


def test_derived_entries_differ_by_what_made_them_and_inputs_do_not():
    assert entry_key("incident", "i", (1, 2)) != entry_key("incident", "i", (1, 3))
    assert entry_key("incident", "i", (0, 2)) == entry_key("incident", "i", (1, 2))
    assert entry_key("order_state", "s", (1,)) == entry_key("order_state", "s", (2,))
    assert entry_key("incident", "i", ()) == ("incident", "i", -1)


def test_an_erased_body_is_not_read_as_if_it_were_empty():
    header = Header("a", (), "", "r", "report", "", (), 4, utc_text(MOMENT), 1)
    blanked = Fact(header, redacted=Redacted("user:x", "a person asked for it"))

    with pytest.raises(LookupError, match="entry 4"):
        blanked.noun(Report)
