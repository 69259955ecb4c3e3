"""Holds: what a commander holds back, until when."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from truceline.model.decided import Statement
from truceline.model.facts import Fact, Header
from truceline.model.place import utc_text
from truceline.view.holds import Holds

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Desk:
    def __init__(self):
        self.holds = Holds()

    def hold(self, hold_id, scope="orders", until=START + HOUR):
        said = Statement(
            about="hold",
            by="cora",
            text="too near",
            attributes={"scope": scope, "until_utc": utc_text(until)},
        )
        self._say(hold_id, said)

    def lift(self, hold_id):
        self._say(
            f"lift-{hold_id}",
            Statement(about="hold", by="cora", stance="lifted", attributes={"hold": hold_id}),
        )

    def _say(self, entry_id, said):
        header = Header("user:cora", (), "", entry_id, "statement", "", (), 0, utc_text(START), 1)
        self.holds.apply(Fact(header, msgspec.Raw(msgspec.json.encode(said))))


@pytest.fixture
def desk():
    return Desk()


def test_a_hold_holds_its_scope_alone_and_ends_by_itself(desk):
    desk.hold("h")

    assert desk.holds.is_held("orders", START)
    assert not desk.holds.is_held("recommendations", START)
    assert not desk.holds.is_held("orders", START + HOUR)
    assert desk.holds.ends("orders") == START + HOUR


def test_a_lifted_hold_holds_nothing(desk):
    desk.hold("h")
    desk.lift("h")

    assert not desk.holds.is_held("orders", START)
    assert desk.holds.get("h") is None
    assert desk.holds.ends("orders") is None


def test_one_of_two_holds_lifted_leaves_the_other(desk):
    desk.hold("h1")
    desk.hold("h2", until=START + HOUR / 2)
    desk.lift("h1")

    assert desk.holds.is_held("orders", START)
    assert desk.holds.ends("orders") == START + HOUR / 2


def test_lifting_what_is_not_there_changes_nothing(desk):
    desk.hold("h")
    desk.lift("another")

    assert desk.holds.is_held("orders", START)


def test_holds_in_force_are_listed_by_their_end(desk):
    desk.hold("late", until=START + 2 * HOUR)
    desk.hold("soon", scope="source:radar", until=START + HOUR)
    desk.hold("over", until=START)

    assert [(hold.id, hold.scope) for hold in desk.holds.in_force(START)] == [
        ("soon", "source:radar"), ("late", "orders"),
    ]  # fmt: skip


def test_other_statements_hold_nothing(desk):
    desk._say("s", Statement(about="review", by="cora", stance="confirmed"))

    assert desk.holds.in_force(START) == []
