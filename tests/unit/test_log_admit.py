"""The human gate at the log's own door, clause by clause: who decides, by which account, in whose name."""

import pytest
from truceline.log.admit import Roll, admit
from truceline.model.errors import Refused

DECISION = {"verdict": "approved", "by": "chief", "role": "commander"}


@pytest.fixture
def roll():
    """A roll of a commander (0), an officer (1), an incident (2), a recommendation (3)."""
    made = Roll()
    for name, role in (("chief", "commander"), ("clerk", "operator")):
        made.take("user", (), {"name": name, "action": "created", "role": role})
    made.take("incident", (), None)
    made.take("recommendation", (2,), None)
    return made


def test_a_commander_decides_by_the_account_that_made_him_one(roll):
    admit(roll, "decision", "user:chief", (0, 3), DECISION)


@pytest.mark.parametrize(
    ("actor", "refs", "body"),
    [
        ("user:chief", (3,), DECISION),  # the account is not cited
        ("user:chief", (1, 3), DECISION),  # another's account is
        ("user:clerk", (1, 3), {**DECISION, "by": "clerk"}),
        ("engine:chief", (0, 3), DECISION),
        ("user:chief", (0, 3), {**DECISION, "by": "clerk"}),
        ("user:chief", (0, 3), {**DECISION, "role": "operator"}),
    ],
)
def test_a_decision_in_any_other_way_is_refused(roll, actor, refs, body):
    with pytest.raises(Refused):
        admit(roll, "decision", actor, refs, body)


@pytest.mark.parametrize(
    "change",
    [
        {"action": "ended"},
        {"action": "created", "role": "operator"},
        {"action": "enrolled", "role": "operator"},
    ],
)
def test_whoever_is_no_commander_any_more_decides_no_more(roll, change):
    roll.take("user", (), {"name": "chief", **change})

    with pytest.raises(Refused, match="only a commander decides"):
        admit(roll, "decision", "user:chief", (0, 3), DECISION)


@pytest.mark.parametrize(
    ("refs", "body", "may"),
    [
        ((0, 3), DECISION, True),
        ((0, 3), {**DECISION, "verdict": "amended"}, True),
        ((0, 3), {**DECISION, "verdict": "rejected"}, False),
        ((0, 3), {**DECISION, "role": "operator"}, False),
        ((0, 2), DECISION, False),  # over an incident, no recommendation
        ((0, 3), None, False),  # erased: nobody can tell what it said
    ],
)
def test_an_order_rests_on_what_a_commander_approved_of_a_recommendation(roll, refs, body, may):
    roll.take("decision", refs, body)

    if may:
        admit(roll, "order", "node:gate", (4,), {})
    else:
        with pytest.raises(Refused, match="approving decision"):
            admit(roll, "order", "node:gate", (4,), {})


@pytest.mark.parametrize(
    ("refs", "body", "status"),
    [
        ((2,), {"by": "chief", "reason": "a name"}, None),
        ((0,), {"by": "chief", "reason": "a name"}, 409),  # an account: the gate rests on it
        ((), {"by": "chief", "reason": "a name"}, 422),
        ((2,), {"by": "chief"}, 422),
        ((2,), {"reason": "a name"}, 422),
    ],
)
def test_an_erasure_says_what_by_whom_and_why(roll, refs, body, status):
    if status is None:
        admit(roll, "erasure", "user:chief", refs, body)
    else:
        with pytest.raises(Refused) as refused:
            admit(roll, "erasure", "user:chief", refs, body)
        assert refused.value.status == status


def test_an_entry_is_erased_once(roll):
    roll.take("erasure", (2,), None)

    with pytest.raises(Refused, match="erased already"):
        admit(roll, "erasure", "user:chief", (2,), {"by": "chief", "reason": "a name"})


def test_a_kind_that_nobody_knows_is_refused(roll):
    with pytest.raises(Refused, match="no kind of entry"):
        admit(roll, "wish", "user:chief", (), {})
