"""Which reports count, and where subjects are: functions of the set of reports."""

import itertools
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from truceline.model.facts import Fact, Header
from truceline.model.observed import Report
from truceline.model.place import utc_text
from truceline.view.reports import Reports

START = datetime(2026, 3, 1, tzinfo=UTC)


def fact(seq, report_id, reporter="user:olga", corrects=None, **more):
    said = {"type": "note", "time_utc": START, "lat_deg": 38.0, "lon_deg": 127.0, **more}
    header = Header(reporter, (), "", report_id, "report", "", (), seq, utc_text(START), 1)
    return Fact(header, msgspec.Raw(msgspec.json.encode(Report(corrects=corrects, **said))))


def fold(*facts):
    reports = Reports()
    for one in facts:
        reports.apply(one)
    return reports


def counting(reports):
    return {item.id for item in reports.counting()}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_chain_of_corrections_counts_its_last_in_any_order_of_arrival(order):
    sent = [("a", None), ("b", "a"), ("c", "b")]

    reports = fold(*(fact(seq, sent[n][0], corrects=sent[n][1]) for seq, n in enumerate(order)))

    assert counting(reports) == {"c"}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_nobody_corrects_what_another_reported(order):
    both = [("a", "user:olga", None), ("b", "user:otto", "a")]

    reports = fold(*(fact(seq, *both[n]) for seq, n in enumerate(order)))

    assert counting(reports) == {"a", "b"}


def test_a_report_that_never_came_is_not_in_force():
    reports = fold(fact(0, "b", corrects="a"))

    assert reports.in_force("b")
    assert not reports.in_force("a")
    assert reports.get("a") is None


def test_what_was_touched_are_the_report_and_what_it_corrects_and_nothing_afterwards():
    reports = fold(fact(0, "a"), fact(1, "b", corrects="a"))
    assert reports.touched == {"a", "b"}

    header = Header("user:x", (), "", "s", "statement", "", (), 2, utc_text(START), 1)
    reports.apply(Fact(header, msgspec.Raw(b"{}")))

    assert reports.touched == frozenset()


def test_pages_follow_each_other_without_gap_or_double():
    reports = fold(*(fact(2 * n, f"r{n}", reporter=f"user:{'olga' if n % 3 else 'otto'}") for n in range(10)))

    assert [item.id for item in reports.page(limit=4)] == ["r0", "r1", "r2", "r3"]
    assert [item.id for item in reports.page(after_seq=6, limit=100)] == [f"r{n}" for n in range(4, 10)]
    assert [item.id for item in reports.page(reporter="user:otto")] == ["r0", "r3", "r6", "r9"]
    assert [item.id for item in reports.page(after_seq=0, limit=1, reporter="user:otto")] == ["r3"]
    assert reports.page(after_seq=18) == []


@st.composite
def position_reports(draw):
    count = draw(st.integers(1, 8))
    return [
        {
            "report_id": f"p{n}",
            "reporter": draw(st.sampled_from(["user:a", "user:b"])),
            "type": draw(st.sampled_from(["position", "position", "note"])),
            "subject_id": draw(st.sampled_from(["car-1", "car-2"])),
            "time_utc": START + timedelta(seconds=draw(st.integers(0, 3))),
            "corrects": draw(st.none() | st.sampled_from([f"p{m}" for m in range(count)])),
        }
        for n in range(count)
    ]


def positions_of(sent):
    reports = Reports()
    for seq, one in enumerate(sent):
        reports.apply(fact(seq, **one))
    return {item.report.subject_id: item.id for item in reports.positions()}


@given(sent=position_reports(), seed=st.randoms(use_true_random=False))
def test_the_position_of_a_subject_is_its_newest_that_counts_in_any_order(sent, seed):
    corrected = {(one["corrects"], one["reporter"]) for one in sent}
    expected = {}
    for one in sorted(sent, key=lambda one: (one["time_utc"], one["report_id"])):
        if one["type"] == "position" and (one["report_id"], one["reporter"]) not in corrected:
            expected[one["subject_id"]] = one["report_id"]

    shuffled = list(sent)
    seed.shuffle(shuffled)

    assert positions_of(sent) == expected
    assert positions_of(shuffled) == expected
