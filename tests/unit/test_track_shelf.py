"""Ends of rounds lie on disk until late news asks for them, and come back to the last bit."""

import numpy as np
import pytest
from tests.unit.test_track_running import RADARS, Mission, patrol, watch
from truceline.model.errors import Broken
from truceline.track.live.carried import NOTHING, same_bearing, same_tracks
from truceline.track.live.shelf import Shelf

DAY = 144  # rounds


@pytest.fixture
def after(tmp_path):
    """What is known after a round of three radars, one of them off."""
    mission = Mission(tmp_path / "mission")
    watch(mission, 12, offset=(20.0, 0.0))
    round_ = mission.fuse._rounds[min(mission.fuse._rounds)]
    return round_.end, round_.lesson


def test_what_is_put_away_comes_back_to_the_last_bit(tmp_path, after):
    shelf = Shelf(tmp_path / "folder")

    end, lesson = shelf.take(shelf.put(*after))

    assert end.bearing.sensors == RADARS and len(end.state.alive) >= 12
    assert same_tracks(end, after[0]) and same_bearing(end.bearing, after[0].bearing)
    assert same_bearing(lesson, after[1])


def test_a_round_without_tracks_and_lesson_comes_back(tmp_path):
    shelf = Shelf(tmp_path)

    end, lesson = shelf.take(shelf.put(NOTHING, None))

    assert same_tracks(end, NOTHING) and lesson is None


def test_what_a_round_showed_comes_back_and_stays(tmp_path):
    mission = Mission(tmp_path / "mission")
    watch(mission, 12, admitted_m=0.0)
    seen, shelf = mission.fuse._rounds[min(mission.fuse._rounds)].seen, Shelf(tmp_path / "folder")
    seen = seen._replace(side=("west", *seen.side[1:]))

    place = shelf.put_seen(seen)

    assert len(seen.ids) >= 12 and len(seen.owner) > 100
    for _ in range(2):
        for one, other in zip(shelf.seen(place), seen, strict=True):
            assert (
                (one.dtype, one.tobytes()) == (other.dtype, other.tobytes())
                if isinstance(other, np.ndarray)
                else one == other
            )


def test_room_on_disk_is_used_again(tmp_path, after, monkeypatch):
    monkeypatch.setattr("truceline.track.live.shelf.BLOCK_BYTES", 1 << 10)
    shelf = Shelf(tmp_path)
    places = [shelf.put(*after) for _ in range(3)]
    used = {block for place in places for block in place[:-1]}

    for place in places[:2]:
        shelf.take(place)
    again = [shelf.put(*after) for _ in range(2)]

    assert {block for place in [*again, places[2]] for block in place[:-1]} == used
    assert same_tracks(shelf.take(places[2])[0], after[0])


def test_nothing_is_left_in_the_folder(tmp_path, after):
    shelf = Shelf(tmp_path / "folder")

    shelf.put(*after)

    assert list((tmp_path / "folder").iterdir()) == []


def test_a_folder_that_takes_nothing_is_said(tmp_path, after):
    (tmp_path / "folder").write_bytes(b"")

    with pytest.raises(Broken, match="a round cannot be put away"):
        Shelf(tmp_path / "folder").put(*after)


def picture(mission):
    return [(row["time_utc"], row["lat_deg"], row["lon_deg"], row["exists_p"]) for row in mission.rows()]


def test_news_of_three_days_finds_few_rounds_in_memory_and_leaves_the_same_picture(tmp_path, monkeypatch):
    monkeypatch.setattr("truceline.track.live.fuse.MOST_ROWS", 20)
    straight, late = Mission(tmp_path / "a"), Mission(tmp_path / "b")
    rounds = [k for k in range(3 * DAY) if k % 24 < 2 or k > 3 * DAY - 14]
    told_late = [k for k in rounds if k in (24, 25, 12 * 24)]
    for k in rounds:
        straight.tell("a", patrol(k))

    for k in [*(k for k in rounds if k not in told_late), *told_late]:
        late.tell("a", patrol(k))

    assert picture(late) == picture(straight)
    kept = late.fuse._rounds.values()
    assert len(kept) == len(rounds)
    assert sum(one.end is not None or one.running is not None for one in kept) <= 8
    assert sum(one.seen is not None for one in kept) <= 20
    assert sum(one.held() > 0 for one in kept) <= 10
