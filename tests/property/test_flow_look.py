"""A detector with memory: the same answers in force in whatever order pieces and answers come."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import msgspec
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from truceline.flow.look import KEPT, Look, LookArgument
from truceline.flow.mission import Eye
from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.log.canon import canonical
from truceline.model.decided import Statement
from truceline.model.facts import Claim, Fact, Header, Job, entry_key
from truceline.model.observed import Detections, Observation
from truceline.model.place import Span, utc_text
from truceline.model.tables import DETECTION
from truceline.plug import Detector

START = datetime(2026, 3, 1, tzinfo=UTC)


class Remembering(Detector):
    """Says of each piece which pieces it has seen before it; its memory is that text."""

    stateful: ClassVar[bool] = True

    def detect(self, observation, blobs, media):
        raise AssertionError("the answers are made by the test")


def observation(number):
    moment = START + timedelta(days=number)
    span = Span(from_utc=moment, until_utc=moment)
    return Observation(source="sar", key=str(number), phenomenon=span, result_utc=moment)


def answer_to(job, blobs, revises):
    """Answer as a worker does: what this piece adds to the memory, and the memory after it."""
    asked = msgspec.json.decode(job.argument, type=LookArgument)
    before = blobs.open(asked.memory).read_text() if asked.memory is not None else ""
    number = int(asked.observation.key)
    seen = [int(one) for one in before.split(",")[:-1]]
    history = before if number in seen else f"{before}{number},"
    row = {"time_utc": asked.observation.phenomenon.from_utc, "note": history}
    table = pa.Table.from_pylist([row], schema=DETECTION)
    return Detections(
        observation=asked.observation.id,
        detector="remembering",
        settings_sha256=asked.settings_sha256,
        version="1",
        piece=pieces.seal(table, blobs, "rows"),
        rows=1,
        memory=blobs.put(history.encode(), "application/octet-stream", "memory"),
        memory_taken=asked.memory_taken,
        supersedes=asked.supersedes,
        again=tuple(observation(one).id for one in seen if number not in seen and revises(number, one)),
    )


class Log:
    """Numbers entries, folds them, and lets jobs come back when it is told to."""

    def __init__(self, folder, revises=lambda *_: False):
        self.revises = revises
        self.blobs = Blobs(Path(folder))
        self.look = Look({"sar": (Eye({"kind": "remembering"}, Remembering()),)})
        self.jobs, self.known, self.next, self.asked = [], set(), 0, []
        self.newest = {}  # entry → its newest number and what it says

    def observe(self, number):
        body = observation(number)
        self._put("observation", body.id, body, ())

    def remove(self, number):
        removed = [self._sample(observation(number).id).sha256]
        body = Statement(about="retention", by="node", attributes={"removed": removed})
        self._put("statement", f"ret-{number}", body, ())

    def _sample(self, entry_id):
        return self.blobs.put(entry_id.encode(), "image/tiff", "scene")

    def come_back(self, which):
        job = self.jobs.pop(which % len(self.jobs))
        self._put(job.kind, job.id, answer_to(job, self.blobs, self.revises), job.refs)

    def _put(self, kind, entry_id, body, refs):
        key = entry_key(kind, entry_id, refs)
        if key in self.known:
            return
        assert list(refs) == sorted(set(refs))
        assert all(ref < self.next for ref in refs)
        self.known.add(key)
        blobs = (self._sample(entry_id),) if kind == "observation" else ()
        header = Header("a", blobs, "", entry_id, kind, "", refs, self.next, utc_text(START), 1)
        self.next += 1
        fact = Fact(header, msgspec.Raw(canonical(body)))
        if kind == "detection":
            assert set(body.supersedes) <= set(refs)
            self._replace(fact, body)
        for answer in list(self.look.apply(fact)):
            assert answer.refs[-1] == fact.seq
            if isinstance(answer, Job):
                self.jobs.append(answer)
                self.asked.append(msgspec.json.decode(answer.argument, type=LookArgument).observation.id)
            else:
                assert isinstance(answer, Claim)
                self._put(answer.kind, answer.id, answer.body, answer.refs)

    def _replace(self, fact, body):
        for entry_id, (seq, _) in list(self.newest.items()):
            if seq in body.supersedes:
                del self.newest[entry_id]
        self.newest[fact.id] = (fact.seq, body)

    def in_force(self):
        """What is said of each piece, by the piece."""
        said = {}
        for _, body in self.newest.values():
            said.setdefault(body.observation, []).append(
                pieces.read(self.blobs, body.piece)["note"][0].as_py()
            )
        return said


def expected(numbers, revises=lambda *_: False):
    """What each piece says in the end: what came before it, or before the last one that revised it."""
    said = {}
    for number in numbers:
        last = max([number, *(later for later in numbers if later > number and revises(later, number))])
        said[observation(number).id] = ["".join(f"{one}," for one in sorted(numbers) if one <= last)]
    return said


def feed(log, numbers, choices):
    """Let pieces and answers come in an order that is chosen."""
    waiting, steps = list(numbers), iter(choices)
    while waiting or log.jobs:
        choice = next(steps, 0)
        if waiting and (choice % 2 or not log.jobs):
            log.observe(waiting.pop(0))
        else:
            log.come_back(choice // 2)


ORDERS = {
    "order": st.permutations(range(5)),
    "count": st.integers(1, 5),
    "choices": st.lists(st.integers(0, 6), max_size=60),
}


@given(**ORDERS)
@settings(max_examples=60)
def test_pieces_and_answers_in_any_order_end_in_one_answer_per_piece_from_all_before_it(
    order, count, choices
):
    with tempfile.TemporaryDirectory() as folder:
        log = Log(folder)
        feed(log, order[:count], choices)

        assert log.in_force() == expected(order[:count])


@given(**ORDERS, pairs=st.frozensets(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8))
@settings(max_examples=100)
def test_a_piece_that_others_revise_ends_with_the_answer_by_the_last_of_them_in_any_order(
    order, count, choices, pairs
):
    def revises(later, earlier):
        return (later, earlier) in pairs

    with tempfile.TemporaryDirectory() as folder:
        log = Log(folder, revises)
        feed(log, order[:count], choices)

        assert log.in_force() == expected(order[:count], revises)


@given(order=st.permutations(range(4)))
@settings(max_examples=20)
def test_a_piece_that_is_late_starts_the_row_again_and_a_double_changes_nothing(order):
    with tempfile.TemporaryDirectory() as folder:
        log = Log(folder)
        for number in (*order, *order):
            log.observe(number)
            while log.jobs:
                log.come_back(0)

        assert log.in_force() == expected(order)


@given(
    order=st.permutations(range(5)),
    choices=st.lists(st.integers(0, 6), max_size=60),
    revises=st.booleans(),
    removed=st.frozensets(st.integers(0, 4)),
    first=st.integers(1, 5),
)
@settings(max_examples=100)
def test_of_a_piece_whose_picture_was_removed_stays_what_was_found(order, choices, revises, removed, first):
    with tempfile.TemporaryDirectory() as folder:
        log = Log(folder, lambda *_: revises)
        feed(log, order[:first], choices)
        found = log.in_force()
        gone = {observation(number).id for number in removed & set(order[:first])}
        for number in removed & set(order[:first]):
            log.remove(number)
        before = len(log.asked)
        feed(log, order[first:], choices)

        assert {one: said for one, said in log.in_force().items() if one in gone} == {
            one: found[one] for one in gone
        }
        assert not gone & set(log.asked[before:])
        assert all(len(said) == 1 for said in log.in_force().values())


def test_of_a_piece_that_cannot_be_looked_at_again_it_is_said(tmp_path):
    log = Log(tmp_path, lambda *_: True)
    feed(log, [0, 1], [])
    log.remove(0)

    feed(log, [2], [])

    reasons = {body.observation: body.reason for _, body in log.newest.values()}
    assert reasons == {observation(0).id: KEPT, observation(1).id: "", observation(2).id: ""}


def test_a_blocked_piece_and_a_source_without_detectors_are_not_looked_at(tmp_path):
    log = Log(tmp_path)
    span = Span(from_utc=START, until_utc=START)
    for source, status in (("sar", "blocked"), ("radar", "ok")):
        body = Observation(source=source, key="k", phenomenon=span, result_utc=START, status=status)
        log._put("observation", body.id, body, ())

    assert log.jobs == []


def test_an_answer_to_nothing_that_was_asked_is_left_alone(tmp_path):
    log = Log(tmp_path)
    piece = pieces.seal(DETECTION.empty_table(), log.blobs, "rows")
    body = Detections(
        observation="obs-?", detector="x", settings_sha256="0", version="1", piece=piece, rows=0
    )

    log._put("detection", "det-1", body, ())

    assert log.jobs == []
