"""The running mission says which sensor is jammed, floods, is turned or borne out by nobody, and no other."""

import numpy as np
import pytest
from tests.unit.test_track_running import Mission
from truceline.log import pieces

RADARS, REACH_M, THINGS = ("a", "b", "c"), 8000.0, 12


def watch(mission, minutes, fault=None, since=0, until=1000, piece=3, seed=1, radars=RADARS, order=None):
    """Radars see the same things and say where they look; ``fault`` changes what the second one shows.

    They tell a piece of some minutes at a time; ``order`` turns the pieces round.
    """
    rng = np.random.default_rng(seed)
    start, v = rng.uniform(-3500, 3500, (THINGS, 2)), rng.normal(0, 4, (THINGS, 2))
    told = []
    for begin in range(0, minutes, piece):
        for k, sensor in enumerate(radars):
            rows, looks = [], []
            for second in range(60 * begin + 3 * k, 60 * (begin + piece), 10):
                at = start + v * second
                at = at[rng.random(THINGS) < 0.9]
                at = at + rng.normal(0, 8, at.shape)
                if sensor == "b" and fault is not None and since <= second / 60 < until:
                    at = fault(at, rng)
                looks.append((second, REACH_M))
                rows += [(second, east, north, {}) for east, north in at]
            told.append((sensor, rows, looks))
    for i in order(len(told)) if order else range(len(told)):
        mission.tell(*told[i])
    return mission


def anywhere(rng, n):
    a, r = rng.uniform(0, 2 * np.pi, n), REACH_M * np.sqrt(rng.random(n))
    return np.stack([r * np.cos(a), r * np.sin(a)], 1)


FAULTS = {
    "jammed": lambda at, rng: at[:0],
    "flood": lambda at, rng: np.concatenate([at, anywhere(rng, 40)]),
    "untruthful": lambda at, rng: anywhere(rng, len(at)),
    "bias": lambda at, rng: at + 0.008 * at[:, ::-1] * (-1, 1),  # the azimuth is turned
}


@pytest.mark.parametrize("fault", ["jammed", "flood"])
def test_a_sensor_that_fails_for_a_while_is_named_with_since_when_and_then_in_order_again(tmp_path, fault):
    mission = watch(Mission(tmp_path), 36, FAULTS[fault], since=12, until=24)

    first, *_, last = mission.said
    assert {said.source for said in mission.said} == {"b"}
    assert first.attributes["reasons"] == fault
    assert "2026-03-01T06:11" <= first.attributes["since_utc"] <= "2026-03-01T06:14"
    assert first.status == "degraded" and "since 2026-03-01 06:1" in first.reason
    assert last.status == "ok" and last.attributes["suspect"] is False
    assert len(mission.said) <= 4


def test_a_jam_of_hours_is_not_said_to_be_over_before_it_is(tmp_path):
    mission = watch(Mission(tmp_path), 110, FAULTS["jammed"], since=12, piece=10)

    assert [said.status for said in mission.said] == ["degraded"]


def test_a_jam_is_named_while_it_goes_on_and_not_an_hour_later(tmp_path):
    mission = watch(Mission(tmp_path), 18, FAULTS["jammed"], since=12)

    (said,) = mission.said
    assert said.attributes["jammed_shown"] < 0.25 * said.attributes["jammed_expected"]
    assert f"shows {said.attributes['jammed_shown']} of" in said.reason


@pytest.mark.parametrize("fault", ["untruthful", "bias"])
def test_a_sensor_that_is_not_as_the_others_is_named_and_how(tmp_path, fault):
    mission = watch(Mission(tmp_path), 31, FAULTS[fault])

    assert {said.source for said in mission.said} == {"b"}
    assert mission.said[-1].attributes["reasons"] == fault
    if fault == "bias":
        assert mission.said[-1].attributes["azimuth_offset_rad"] == pytest.approx(0.008, abs=0.003)
        assert "turned" in mission.said[-1].reason


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("radars", [("a",), ("a", "b"), RADARS])
def test_sensors_in_order_are_not_accused(tmp_path, seed, radars):
    assert watch(Mission(tmp_path), 31, seed=seed, radars=radars).said == []


def test_what_is_over_when_the_news_comes_is_told_as_over(tmp_path):
    mission = watch(Mission(tmp_path), 60, FAULTS["jammed"], since=12, until=27, piece=30)

    over, again = mission.said[-2:]
    assert "from 2026-03-01 06:12Z to 06:27Z" in over.reason
    assert again.status == "ok"


def test_what_is_known_of_sensors_does_not_rest_on_the_order_of_news(tmp_path):
    straight = watch(Mission(tmp_path / "a"), 20, FAULTS["untruthful"], piece=10)
    turned = watch(
        Mission(tmp_path / "b"), 20, FAULTS["untruthful"], piece=10, order=lambda n: reversed(range(n))
    )

    def rows(mission):
        mission.strike()
        tables = [pieces.read(mission.blobs, claim.body.piece) for claim in mission.in_force.values()]
        keep = ("time_utc", "lat_deg", "lon_deg", "ce90_m", "exists_p")
        return sorted(tuple(row[word] for word in keep) for table in tables for row in table.to_pylist())

    assert len(rows(straight)) == len(rows(turned)) > 0
