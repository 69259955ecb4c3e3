"""Accounts: who may what, as the log says."""

from datetime import UTC, datetime

import msgspec
import pytest
from truceline.model.decided import User
from truceline.model.facts import Fact, Header, Redacted
from truceline.model.place import utc_text
from truceline.view.accounts import Accounts

START = datetime(2026, 3, 1, tzinfo=UTC)


class Desk:
    def __init__(self):
        self.accounts = Accounts()
        self.seq = -1

    def say(self, action, name="olga", redacted=None, **more):
        self.seq += 1
        header = Header("a", (), "", f"u{self.seq}", "user", "", (), self.seq, utc_text(START), 1)
        body = User(action=action, name=name, by="admin", **more)
        self.accounts.apply(Fact(header, msgspec.Raw(msgspec.json.encode(body)), redacted=redacted))


@pytest.fixture
def desk():
    return Desk()


def test_a_user_is_found_by_name_and_by_token(desk):
    desk.say("created", role="observer", token_sha256="aa")

    assert desk.accounts.by_name("olga").user.role == "observer"
    assert desk.accounts.by_token("aa").seq == 0
    assert desk.accounts.by_token("bb") is None


def test_an_ended_account_opens_nothing_any_more(desk):
    desk.say("created", role="observer", token_sha256="aa")
    desk.say("ended")

    assert desk.accounts.by_token("aa") is None
    assert desk.accounts.by_name("olga") is None
    assert desk.accounts.all() == []


def test_a_new_account_of_a_name_ends_the_old_token(desk):
    desk.say("created", role="commander", token_sha256="aa")
    desk.say("created", role="observer", token_sha256="bb")

    assert desk.accounts.by_token("aa") is None
    assert desk.accounts.by_token("bb").user.role == "observer"


def test_ending_somebody_unknown_changes_nothing(desk):
    desk.say("created", role="observer", token_sha256="aa")
    desk.say("ended", name="otto")

    assert [account.user.name for account in desk.accounts.all()] == ["olga"]


def test_an_enrolment_waits_for_its_code_and_is_used_once(desk):
    desk.say("enrolment", role="observer", code_sha256="cc")
    assert desk.accounts.by_code("cc").user.name == "olga"
    assert desk.accounts.by_name("olga") is None

    desk.say("enrolled", role="observer", code_sha256="cc", token_sha256="dd")

    assert desk.accounts.by_code("cc") is None
    assert desk.accounts.by_token("dd").user.name == "olga"


def test_a_used_code_is_remembered_with_the_account_that_came_of_it(desk):
    desk.say("enrolment", role="observer", code_sha256="cc")
    assert desk.accounts.used("cc") is None

    desk.say("enrolled", role="observer", code_sha256="cc", token_sha256="dd")
    desk.say("ended")

    assert desk.accounts.used("cc").seq == 1


def test_a_newer_enrolment_of_a_name_leaves_the_older_code_dead(desk):
    desk.say("enrolment", role="observer", code_sha256="cc")
    desk.say("enrolment", role="observer", code_sha256="dd")

    assert desk.accounts.by_code("cc") is None
    assert desk.accounts.by_code("dd").seq == desk.accounts.waiting("olga").seq == 1


@pytest.mark.parametrize(("action", "more"), [("ended", {}), ("created", {"token_sha256": "ee"})])
def test_a_code_waits_no_longer_when_its_name_is_ended_or_taken(desk, action, more):
    desk.say("enrolment", role="observer", code_sha256="cc")
    desk.say(action, role="observer", **more)

    assert desk.accounts.by_code("cc") is None
    assert desk.accounts.waiting("olga") is None


def test_a_certificate_alone_makes_an_account_and_ends_with_it(desk):
    desk.say("enrolled", role="observer", cert_sha256="ff")
    assert desk.accounts.by_cert("ff") == desk.accounts.by_name("olga")

    desk.say("enrolled", role="observer", cert_sha256="00")
    assert desk.accounts.by_cert("ff") is None

    desk.say("ended")
    assert desk.accounts.by_cert("00") is None


@pytest.mark.parametrize("action", ["refused", "enrolment"])
def test_a_refused_request_or_an_open_enrolment_is_no_account(desk, action):
    desk.say(action, role="commander", token_sha256="aa")

    assert desk.accounts.by_token("aa") is None


def test_accounts_are_listed_by_name(desk):
    for name in ("zoe", "adam", "mia"):
        desk.say("created", name=name, role="observer", token_sha256=name)

    assert [account.user.name for account in desk.accounts.all()] == ["adam", "mia", "zoe"]


def test_a_blanked_entry_makes_no_account(desk):
    desk.say("created", role="observer", token_sha256="aa", redacted=Redacted("user:x", "asked"))

    assert desk.accounts.by_token("aa") is None
