"""Late news waits its turn: the first is followed soon, what trickles in after it together."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from truceline.model.facts import Blob, Fact, Header
from truceline.model.observed import Detections
from truceline.track.live.waiting import GATHER_S, LEAST_S, LONGEST_S, TIMES, News, Waiting, work_s

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
ZEROS = "0" * 64
HEAVY_S = 3.0


def news(number, seconds=0.0, supersedes=()):
    time = (T0 + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    header = Header("detector:x", (), ZEROS, f"det-{number}", "detection", ZEROS, (), number, time, 1)
    said = Detections(
        observation="obs", detector="x", settings_sha256=ZEROS, version="1", rows=1,
        piece=Blob(sha256=ZEROS, size_bytes=1, media_type="", name=""), supersedes=supersedes,
    )  # fmt: skip
    return News(Fact(header, msgspec.Raw(msgspec.json.encode(said))), said, {})


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def names(taken):
    return [one.fact.id for one in taken]


def test_little_work_for_what_a_sensor_tells_is_done_at_once_however_often():
    waiting = Waiting()

    assert not any(waiting.add(news(k), 0, 0.2, is_told=False) for k in range(100))
    assert waiting.due() is None


def test_what_people_tell_waits_for_half_a_second_and_any_tick_will_do():
    waiting = Waiting()

    assert waiting.add(news(1), 0, 0.2, is_told=True)

    assert waiting.due() == at(LEAST_S)
    assert names(waiting.take(T0)) == ["det-1"]


def test_a_first_heavy_piece_is_followed_soon_and_takes_along_what_came_meanwhile():
    waiting = Waiting()
    for k in range(200):
        assert waiting.add(news(k, seconds=k / 100), 6000 + k, HEAVY_S, is_told=False)

    assert waiting.due() == at(HEAVY_S)
    assert waiting.take(at(HEAVY_S - 0.1)) == []
    assert len(waiting.take(at(HEAVY_S))) == 200
    assert waiting.due() is None


def test_after_heavy_work_the_next_waits_many_times_as_long_as_that_took():
    waiting = Waiting()
    waiting.add(news(1), 0, HEAVY_S, is_told=False)
    waiting.take(at(HEAVY_S))

    for k in range(2, 50):
        waiting.add(news(k, seconds=k), 0, HEAVY_S, is_told=k % 2 == 0)

    assert waiting.due() == at(HEAVY_S + TIMES * HEAVY_S)
    assert waiting.take(at(100)) == []
    assert len(waiting.take(at(HEAVY_S + TIMES * HEAVY_S))) == 48


@pytest.mark.parametrize("work", [30.0, 1e6])
def test_nothing_waits_longer_than_a_quarter_of_an_hour_after_such_work(work):
    waiting = Waiting()
    waiting.add(news(1), 0, work, is_told=False)
    assert waiting.due() == at(GATHER_S)
    waiting.take(at(GATHER_S))

    waiting.add(news(2, seconds=GATHER_S), 0, work, is_told=False)

    assert waiting.due() == at(GATHER_S + LONGEST_S)


def test_what_would_be_run_again_for_later_rounds_goes_along_and_older_waits():
    waiting = Waiting()
    waiting.add(news(1), 600, HEAVY_S, is_told=False)
    waiting.add(news(2, seconds=1), 1200, HEAVY_S, is_told=False)
    waiting.add(news(3, seconds=2), 0, HEAVY_S, is_told=False)

    assert names(waiting.take(at(HEAVY_S))) == ["det-1", "det-2"]
    assert waiting.due() == at(2 + HEAVY_S)


def test_what_replaces_waiting_news_never_comes_before_it():
    waiting = Waiting()
    waiting.add(news(7), 600, HEAVY_S, is_told=False)
    correction = news(8, seconds=1, supersedes=(7,))

    oldest = waiting.oldest_of(correction.said, "det-8")

    assert oldest == 600
    assert waiting.add(correction, oldest, 0.0, is_told=False)
    assert names(waiting.take(at(HEAVY_S))) == ["det-7", "det-8"]


def test_work_grows_with_rounds_and_rows():
    assert work_s(432, 5000) > 10 * work_s(36, 5000) > 10 * work_s(36, 0) > 0
