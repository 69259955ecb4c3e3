"""The same inputs, shuffled, doubled and grouped otherwise, leave the same picture in force."""

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truceline import sim
from truceline.flow.mission import load_mission
from truceline.flow.node import Node
from truceline.flow.replay import in_force, replay
from truceline.model.facts import Claim
from truceline.model.observed import Report

CORRIDOR = Path(sim.__file__).parent / "corridor"
START = datetime(2025, 6, 1, 6, tzinfo=UTC)
TYPES = ["position", "sighting", "explosion", "shot", "obstruction", "damage", "note"]


@pytest.fixture(scope="module")
def mission():
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(CORRIDOR, Path(folder, "corridor"))
        file = Path(folder, "mission.toml")
        file.write_text(
            'schema = "truceline.mission/1"\nname = "Corridor"\nagreement = "corridor/agreement.toml"\n'
            "[node]\nworkers = 0\n"
        )
        yield load_mission(file)


@st.composite
def inputs(draw):
    count = draw(st.integers(2, 12))
    return [
        Claim(
            kind="report",
            id=f"r{number}",
            actor=draw(st.sampled_from(["user:olga", "user:otto"])),
            body=Report(
                type=draw(st.sampled_from(TYPES)),
                time_utc=START + timedelta(seconds=70 * draw(st.integers(0, 30))),
                lat_deg=24.5 + 0.0033 * draw(st.integers(-3, 3)),
                lon_deg=10.25 + 0.0033 * draw(st.integers(0, 3)),
                ce90_m=20.0,
                subject_id=draw(st.sampled_from(["car-1", "car-2"])),
                attributes={
                    "class": draw(st.sampled_from(["tank", "soldier"])),
                    "party": draw(st.sampled_from(["north", "south"])),
                    "confidence": 0.9,
                },
                corrects=draw(st.none() | st.sampled_from([f"r{n}" for n in range(count)])),
            ),
        )
        for number in range(count)
    ]


def picture(mission, groups):
    """Let a node take groups of claims in; answer what is in force and whether a replay agrees."""
    with tempfile.TemporaryDirectory() as folder:
        node = Node(Path(folder, "data"), mission)
        node.start()
        try:
            for group in groups:
                node.submit(group).result(timeout=20)
            assert node.failed is None
        finally:
            node.stop()  # late reports are followed by then
        return in_force(node.core), replay(node.journal.data_dir).difference


@given(claims=inputs(), randoms=st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_shuffled_doubled_and_grouped_reports_leave_the_same_in_force(mission, claims, randoms):
    other = [*claims, *claims[:4]]
    randoms.shuffle(other)

    straight, difference = picture(mission, [[claim] for claim in claims])
    shuffled, other_difference = picture(mission, [other])

    assert shuffled == straight
    assert (difference, other_difference) == (None, None)


def test_the_picture_of_two_shots_is_not_empty(mission):
    shots = [
        Claim(kind="report", id=f"r{n}", actor="user:olga", body=Report(
            type="shot", time_utc=START + timedelta(seconds=60 * n), lat_deg=24.5, lon_deg=10.25, ce90_m=20.0
        ))
        for n in range(2)
    ]  # fmt: skip

    straight, _ = picture(mission, [shots])

    assert any(key.startswith("incident") for key in straight)
