"""The adviser asks once per sector and kind of task, and takes back what no longer holds."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from truceline.dispatch.advise import Advise
from truceline.dispatch.compose import Ask, task_kind
from truceline.dispatch.instance import load_instance
from truceline.dispatch.propose import propose
from truceline.log.blobs import Blobs
from truceline.model.decided import Decision, Explanation, Incident, Order, OrderState, Recommendation
from truceline.model.facts import Claim, Fact, Header, Job
from truceline.model.place import Noun, utc_text
from truceline.view.board import Board
from truceline.view.reports import Reports
from truceline.view.teams import Teams

FORCE = Path(__file__).parents[2] / "truceline" / "sim" / "corridor" / "force.json"
BEGAN = datetime(2031, 5, 12, 9, 0, tzinfo=UTC)


class Media:
    """Stores samples; opens none."""

    memory = None

    def __init__(self, root: Path) -> None:
        self._blobs = Blobs(root)

    def open(self, blob):
        return self._blobs.open(blob)

    def put(self, sample, media_type, name):
        return self._blobs.put(sample, media_type, name)


class Desk:
    """Folds facts through board, teams and adviser, and answers jobs like the node does."""

    def __init__(self, root: Path, force: bytes | None = None) -> None:
        self.board = Board()
        force = FORCE.read_bytes() if force is None else force
        self.reports = Reports()
        self.teams = Teams(force, self.board, self.reports)
        self.advise = Advise(self.board, self.teams, force)
        self.media = Media(root)
        self.now = BEGAN
        self.seq = -1
        self.jobs: list[Job] = []
        self.claims: list[Claim] = []
        self.answers = True

    def say(self, kind: str, entry_id: str, body: Noun, refs=(), actor="test") -> int:
        self.seq += 1
        header = Header(
            actor=actor, blobs=(), body_sha256="", id=entry_id, kind=kind, prev_sha256="", refs=refs,
            seq=self.seq, time_utc=utc_text(self.now), v=1,
        )  # fmt: skip
        fact = Fact(header=header, body=msgspec.Raw(msgspec.json.encode(body)))
        said = self.seq
        for fold in (self.reports, self.board, self.teams):
            fold.apply(fact)
        for answer in self.advise.apply(fact):
            if isinstance(answer, Job):
                self.jobs.append(answer)
                if self.answers:
                    self.answer(answer)
            else:
                self.claims.append(answer)
                self.say(answer.kind, answer.id, answer.body, answer.refs, answer.actor)
        return said

    def answer(self, job: Job) -> None:
        self.say("recommendation", job.id, propose(job.argument, self.media).body, job.refs, job.actor)

    def waiting(self) -> list[Recommendation]:
        return [item.recommendation for item in self.board.waiting()]

    def decide(self, verdict: str) -> None:
        item = self.board.waiting()[0]
        decision = Decision(
            recommendation_id=item.id,
            verdict=verdict,
            reason="r",
            by="lind",
            role="commander",
            at_utc=self.now,
        )
        self.say("decision", f"dec-{item.id}", decision)
        if verdict == "approved":
            for task in item.recommendation.tasks:
                order_id, order = Order.of(decision.approval(f"dec-{item.id}"), task, item.recommendation)
                self.say("order", order_id, order)

    def end_orders(self, state: str) -> None:
        for item in self.board.orders():
            if item.state != state:
                said = OrderState(order_id=item.id, state=state, at_utc=self.now, by="unit")
                self.say("order_state", f"{item.id}-{state}", said)


def incident(lat=24.51, lon=10.08, class_="crossing", verdict="violation", **more) -> Incident:
    return Incident(
        class_=class_, report_ids=(), start_utc=BEGAN, end_utc=BEGAN, lat_deg=lat, lon_deg=lon, ce90_m=40,
        verdict=verdict, probability=0.9, article="Art. 3", party="north",
        explanation=Explanation(supports="Three persons crossed (Art. 3).", challenges="One source."), **more,
    )  # fmt: skip


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_an_incident_becomes_a_recommendation_with_units_ways_and_a_wait(desk):
    desk.say("incident", "inc-1", incident())

    (found,) = desk.waiting()
    assert found.tasks and found.action.startswith("Send ")
    assert "km 8.3, near the line, ± 40 m" in found.action
    assert [way for way in found.ways if way.proposed]
    assert found.ways[-1].what == "Wait"
    assert any(way.barred_by for way in found.ways)
    assert found.due_utc is not None and found.due_utc > BEGAN
    assert found.places["inc-1"].lat_deg == 24.51
    assert {task.unit for task in found.tasks} == set(found.units_at)
    instead = [way for way in found.ways if way.instead_of is not None]
    assert instead and all(f"{way.unit} (" in way.what for way in instead)
    assert {way.instead_of for way in instead} <= {task.unit for task in found.tasks}


def test_the_place_is_said_as_the_rule_has_measured_it(desk):
    desk.say("incident", "inc-1", incident(measured={"distance_m": 1234.5, "side": "A"}, what="tank"))

    (found,) = desk.waiting()
    assert "reported tank at km 8.3, 1.2 km from the line on side A" in found.action


def test_no_unit_is_sent_against_its_nations_caveat(desk):
    desk.now = datetime(2031, 5, 12, 22, 0, tzinfo=UTC)

    desk.say("incident", "inc-1", incident(class_="shot_cluster"))

    by_night = {u.id for u in load_instance(FORCE).units if u.caveats.no_night}
    (found,) = desk.waiting()
    assert by_night and not by_night & {task.unit for task in found.tasks}


def test_incidents_of_one_kind_and_sector_wait_together(desk):
    desk.say("incident", "inc-1", incident())
    for number in range(2, 9):
        desk.say("incident", f"inc-{number}", incident(lon=10.07))
    assert len(desk.jobs) == 1

    desk.now += timedelta(minutes=11)
    desk.say("incident", "inc-9", incident(lon=10.09))

    (found,) = desk.waiting()
    assert len(desk.jobs) == 2
    assert len(found.incident_ids) == 9


def test_incidents_in_two_sectors_are_two_recommendations(desk):
    desk.say("incident", "inc-1", incident())
    desk.say("incident", "inc-2", incident(lon=10.5))

    assert len(desk.waiting()) == 2


def test_a_withdrawn_incident_takes_its_recommendation_with_it(desk):
    seq = desk.say("incident", "inc-1", incident())

    gone = msgspec.structs.replace(incident(), withdrawn=True, supersedes=(seq,))
    desk.say("incident", "inc-1", gone, refs=(seq,))

    assert desk.waiting() == []
    (claim,) = desk.claims
    assert claim.body.withdrawn and claim.body.withdrawn_because
    assert claim.refs[-1] == 2 and 1 in claim.refs


def test_what_comes_after_a_withdrawal_waits_ten_minutes_and_no_longer(desk):
    seq = desk.say("incident", "inc-1", incident())
    gone = msgspec.structs.replace(incident(), withdrawn=True, supersedes=(seq,))
    desk.say("incident", "inc-1", gone, refs=(seq,))
    desk.now += timedelta(minutes=10)

    desk.say("incident", "inc-2", incident())

    assert [one.incident_ids for one in desk.waiting()] == [("inc-2",)]


def test_a_superseded_incident_renews_the_recommendation_after_ten_minutes(desk):
    seq = desk.say("incident", "inc-1", incident())
    desk.say("incident", "inc-2", msgspec.structs.replace(incident(), supersedes=(seq,)), refs=(seq,))
    assert len(desk.jobs) == 1
    assert desk.advise.due() == BEGAN + timedelta(minutes=10)

    desk.now += timedelta(minutes=10)
    desk.say("incident", "inc-x", incident(class_="escalation"))

    (found,) = desk.waiting()
    assert found.incident_ids == ("inc-2",)
    assert desk.advise.due() is None


def test_an_answer_that_was_overtaken_does_not_wait(desk):
    desk.answers = False
    desk.say("incident", "inc-1", incident())
    desk.now += timedelta(hours=1)
    desk.say("incident", "inc-2", incident())
    assert len(desk.jobs) == 2

    for job in desk.jobs:
        desk.answer(job)

    (found,) = desk.waiting()
    assert found.incident_ids == ("inc-1", "inc-2")


def test_one_thing_that_breaks_two_articles_is_one_recommendation(desk):
    desk.say("incident", "inc-1", incident(class_="activity_ban", causes=("rep-1",)))
    desk.say(
        "incident", "inc-2", incident(class_="explosion_cluster", verdict=None, causes=("rep-1", "rep-2"))
    )
    desk.now += timedelta(minutes=10)
    desk.say("incident", "inc-3", incident(class_="escalation"))

    (found,) = desk.waiting()
    assert found.incident_ids == ("inc-1", "inc-2")
    asked = msgspec.json.decode(desk.jobs[-1].argument, type=Ask)
    assert asked.task_kind == "shelling"


def test_a_decided_case_is_not_brought_again(desk):
    seq = desk.say("incident", "inc-1", incident())
    desk.decide("rejected")
    desk.now += timedelta(hours=3)

    desk.say("incident", "inc-2", msgspec.structs.replace(incident(), supersedes=(seq,)), refs=(seq,))

    assert desk.waiting() == []
    assert len(desk.jobs) == 1


def test_a_case_that_became_a_violation_is_brought_again(desk):
    seq = desk.say("incident", "inc-1", incident(verdict="possible_violation"))
    desk.decide("rejected")
    desk.now += timedelta(hours=1)

    desk.say("incident", "inc-2", msgspec.structs.replace(incident(), supersedes=(seq,)), refs=(seq,))

    assert len(desk.waiting()) == 1


def test_after_a_decision_the_next_of_its_kind_rests_for_an_hour(desk):
    desk.say("incident", "inc-1", incident())
    desk.decide("rejected")
    desk.now += timedelta(minutes=59)
    desk.say("incident", "inc-2", incident())
    assert desk.waiting() == [] and desk.advise.due() == BEGAN + timedelta(hours=1)

    desk.now += timedelta(minutes=1)
    desk.say("incident", "inc-x", incident(class_="escalation"))

    assert [one.incident_ids for one in desk.waiting()] == [("inc-2",)]


def test_an_order_of_which_nobody_hears_again_does_not_hold_the_next_back_for_ever(desk):
    desk.say("incident", "inc-1", incident())
    desk.decide("approved")
    order = desk.board.orders()[0].order
    ends = max(item.order.tasking.return_s for item in desk.board.orders())
    desk.now = order.now_utc + timedelta(seconds=ends, minutes=59)
    desk.say("incident", "inc-2", incident())
    assert desk.waiting() == []

    desk.now += timedelta(minutes=1)
    desk.say("incident", "inc-x", incident(class_="escalation"))

    assert [one.incident_ids for one in desk.waiting()] == [("inc-2",)]


def test_a_proposal_names_no_more_incidents_than_anybody_reads(desk):
    desk.say("incident", "inc-0", incident())
    for number in range(1, 60):
        desk.say("incident", f"inc-{number}", incident())
    desk.now += timedelta(minutes=10)
    desk.say("incident", "inc-x", incident(class_="escalation"))

    (found,) = desk.waiting()
    assert len(found.incident_ids) == 50


def test_units_that_have_an_order_are_not_proposed_again(desk):
    desk.say("incident", "inc-1", incident(class_="shot_cluster"))
    desk.decide("approved")
    sent = {item.order.unit for item in desk.board.orders()}

    desk.say("incident", "inc-2", incident(class_="crossing"))

    (found,) = desk.waiting()
    assert sent and not sent & {task.unit for task in found.tasks}
    assert any("has another order" in (way.barred_by or "") for way in found.ways)


def test_a_running_order_holds_the_next_proposal_of_its_kind_back(desk):
    desk.say("incident", "inc-1", incident())
    desk.decide("approved")
    desk.now += timedelta(minutes=70)
    desk.say("incident", "inc-2", incident())
    assert desk.waiting() == []

    desk.end_orders("DONE")

    assert desk.waiting() == []  # the patrol that was there has seen it


def test_a_failed_order_brings_its_case_back(desk):
    desk.say("incident", "inc-1", incident())
    desk.decide("approved")
    desk.now += timedelta(minutes=30)

    desk.end_orders("FAILED")

    (found,) = desk.waiting()
    assert found.incident_ids == ("inc-1",)


def test_without_a_force_nothing_is_proposed(tmp_path):
    board = Board()
    advise = Advise(board, Teams(None, board, Reports()), None)
    header = Header(
        actor="t", blobs=(), body_sha256="", id="inc-1", kind="incident", prev_sha256="", refs=(), seq=0,
        time_utc="2031-05-12T09:00:00Z", v=1,
    )  # fmt: skip
    fact = Fact(header=header, body=msgspec.Raw(msgspec.json.encode(incident())))
    board.apply(fact)

    assert list(advise.apply(fact)) == []


def test_the_same_facts_ask_for_the_same_jobs(tmp_path):
    desks = [Desk(tmp_path / "a"), Desk(tmp_path / "b")]
    for one in desks:
        one.say("incident", "inc-1", incident())
        one.say("incident", "inc-2", incident(lon=10.3, class_="explosion_cluster", verdict="violation"))

    assert desks[0].jobs == desks[1].jobs
    assert desks[0].waiting() == desks[1].waiting()


@pytest.mark.parametrize(
    ("class_", "verdict", "kind"),
    [
        ("explosion_cluster", None, "shelling"),
        ("activity_ban", "violation", "shooting_report"),
        ("no_fly", "possible_violation", "intrusion"),
        ("absence", "violation", "verify_withdrawal"),
        ("range_band_cap", "violation", "weapon_site_visit"),
        ("crossing", "could_not_observe", "look_again"),
        ("crossing", "covered_by_notice", None),
        ("escalation", "violation", None),
    ],
)
def test_each_incident_becomes_the_task_of_contract_classes_4(class_, verdict, kind):
    assert task_kind(incident(class_=class_, verdict=verdict)) == kind


def test_changed_ground_asks_for_a_look_whatever_rule_it_breaks():
    for class_ in ("absence", "activity_ban"):
        assert task_kind(incident(class_=class_, measured={"meaning": "structure"})) == "look_again"


def test_a_place_to_look_at_again_is_looked_at_from_the_air(desk):
    desk.say("incident", "inc-1", incident(verdict="could_not_observe", lon=10.25))

    (found,) = desk.waiting()
    assert next(task.unit for task in found.tasks).startswith("D-")
    assert re.search(r" to check what could not be observed at km \d+\.\d\.$", found.action)  # no error of it


def test_where_nothing_may_fly_eyes_on_the_ground_look_again(desk):
    desk.say("incident", "inc-1", incident(verdict="could_not_observe", lon=10.25))
    ask = msgspec.json.decode(desk.jobs[0].argument, type=Ask)
    grounded = tuple(u for u in ask.instance.units if not u.flies)
    ask = msgspec.structs.replace(ask, instance=msgspec.structs.replace(ask.instance, units=grounded))

    body = propose(msgspec.json.encode(ask), desk.media).body

    assert body.tasks
