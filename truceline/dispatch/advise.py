"""The adviser: for what holds against the agreement it asks for one proposal per sector and kind of task."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from truceline.dispatch.compose import NEEDS, TASK_WORDS, Ground, compose, task_kind
from truceline.dispatch.instance import read_instance
from truceline.log.fold import Fold
from truceline.model.decided import ENDED, Decision, Incident, Order, OrderState, Recommendation
from truceline.model.facts import Claim, Fact, Job
from truceline.model.names import name
from truceline.model.place import Point
from truceline.view.board import Board, IncidentItem, RecommendationItem
from truceline.view.teams import Teams

FUNCTION = "truceline.dispatch.propose:propose"
ACTOR = "engine:advise"
_RENEW = timedelta(minutes=10)  # what waits is made anew no faster: one alarm in ten minutes (EEMUA 191)
_QUIET = timedelta(hours=1)  # after a decision, the same kind of task in the same sector rests
_LOST = timedelta(hours=1)  # an answer that is so late is asked for again
_OVERDUE = timedelta(hours=1)  # an order that should long be done keeps nothing waiting
_MOST = 50  # incidents in one proposal: nobody reads more
_RANK = {"violation": 3, "possible_violation": 2, "could_not_observe": 1}
_FREQUENT = {"observation", "report", "detection", "track"}  # can close no case

Key = tuple[str, str]  # kind of task, sector


class _Group(msgspec.Struct):
    """What was asked for last, for one key."""

    asked_id: str
    asked_utc: datetime
    incident_ids: frozenset[str]
    waits: bool = False  # the answer is in the log and nobody has decided
    answered: bool = False
    decided: bool = False


class Advise(Fold):
    """Folds incidents, recommendations, decisions and orders, after :class:`Board` and :class:`Teams`.

    While a proposal waits, further incidents of its kind and sector join when it is made anew, every
    ten minutes at most. A case that was decided is not brought again, unless its verdict became
    stronger or its order failed.

    Parameters
    ----------
    board, teams
        Views that have folded each fact before this fold sees it.
    force
        The mission's force file; None: nobody can be sent, nothing is proposed.
    task_words
        Incident class → kind of task (contract classes 4).

    Raises
    ------
    BadInput
        If the force file is wrong, or its nodes lack degrees.
    """

    def __init__(
        self,
        board: Board,
        teams: Teams,
        force: bytes | None,
        task_words: Mapping[str, str] = TASK_WORDS,
    ) -> None:
        self._board = board
        self._teams = teams
        self._words = task_words
        self._ground = Ground(read_instance(force, "force file")) if force else None
        self._open: dict[Key, set[str]] = {}
        self._key_of: dict[str, Key] = {}
        self._key_of_cause: dict[str, Key] = {}
        self._id_of_seq: dict[int, str] = {}
        self._groups: dict[Key, _Group] = {}
        self._served: dict[str, int] = {}
        self._running: dict[str, tuple[frozenset[Key], datetime]] = {}
        self._dirty: set[Key] = set()

    def apply(self, fact: Fact) -> Iterable[Claim | Job]:
        if self._ground is None or not self._ground.is_laid or fact.redacted is not None:
            return ()
        if fact.kind == "incident":
            self._incident(fact, fact.noun(Incident))
        elif fact.kind == "recommendation" and fact.actor == ACTOR:
            late = self._recommendation(fact)
            if late is not None:
                return [late]
        elif fact.kind == "decision":
            self._decision(fact.noun(Decision))
        elif fact.kind == "order":
            self._order(fact)
        elif fact.kind == "order_state":
            self._order_state(fact.noun(OrderState))
        elif fact.kind == "statement":
            self._dirty.update(self._groups)  # a review may have closed a case
        self._notice_changes(fact)
        return [answer for key in sorted(self._dirty) for answer in self._consider(key, fact)]

    def due(self) -> datetime | None:
        """Tell when the next proposal may be made anew."""
        moments = [self._not_before(key) for key in self._dirty if key in self._groups]
        return min(moments, default=None)

    def _incident(self, fact: Fact, said: Incident) -> None:
        gone = [self._id_of_seq[seq] for seq in said.supersedes if seq in self._id_of_seq]
        self._id_of_seq[fact.seq] = fact.id
        for incident_id in (*gone, fact.id):
            key = self._key_of.get(incident_id)
            if key is not None and not self._holds(incident_id):
                self._open[key].discard(incident_id)
                self._dirty.add(key)
        kind = task_kind(said, self._words)
        if said.withdrawn or kind is None or said.lat_deg is None or said.lon_deg is None:
            return
        if self._ground is not None and self._holds(fact.id):
            at = Point(lat_deg=said.lat_deg, lon_deg=said.lon_deg, ce90_m=said.ce90_m or 0.0)
            key = self._group_of(said, kind, self._ground.nearest(at).sector)
            self._key_of[fact.id] = key
            self._open.setdefault(key, set()).add(fact.id)
            self._dirty.add(key)

    def _group_of(self, said: Incident, kind: str, sector: str) -> Key:
        """Put incidents of the same causes together: one thing seen breaks several articles."""
        causes = {*said.causes, *said.report_ids}
        shared = sorted(self._key_of_cause[one] for one in causes if one in self._key_of_cause)
        key = next((one for one in shared if one[1] == sector), (kind, sector))
        for cause in causes:
            self._key_of_cause.setdefault(cause, key)
        return key

    def _holds(self, incident_id: str) -> bool:
        item = self._board.incident(incident_id)
        return item is not None and item.id == incident_id

    def _recommendation(self, fact: Fact) -> Claim | None:
        """Take in an answer; one that was overtaken by a newer question is withdrawn at once."""
        said = fact.noun(Recommendation)
        for key, group in self._groups.items():
            if group.asked_id == fact.id:
                group.waits, group.answered = not said.withdrawn, True
                self._dirty.add(key)
                return None
        item = self._board.recommendation(fact.id)
        if said.withdrawn or item is None or item.state != "waiting":
            return None
        return self._withdrawal(item, fact, "A newer proposal took its place.")

    def _decision(self, said: Decision) -> None:
        item = self._board.recommendation(said.recommendation_id)
        if item is None:
            return
        for incident_id in item.recommendation.incident_ids:
            case_id = self._board.case_of(incident_id) or incident_id
            current = self._board.incident(case_id)
            self._served[case_id] = _rank(current) if current is not None else 0
        for key in self._keys(item.recommendation.incident_ids):
            group = self._groups.get(key)
            if group is not None and group.asked_id == said.recommendation_id:
                group.waits, group.decided = False, True
            self._dirty.add(key)

    def _order(self, fact: Fact) -> None:
        order = fact.noun(Order)
        ends_s = order.tasking.return_s if order.tasking.return_s is not None else order.tasking.leave_s
        until = order.now_utc + timedelta(seconds=ends_s) + _OVERDUE
        self._running[fact.id] = (self._keys(order.incident_ids), until)

    def _order_state(self, said: OrderState) -> None:
        item = self._board.order(said.order_id)
        if item is None or said.state not in ENDED or said.order_id not in self._running:
            return
        keys, _ = self._running.pop(said.order_id)
        self._dirty |= keys
        if said.state == "DONE":  # whoever was there has seen what came in meanwhile
            for key in keys:
                for incident in self._wanted(key):
                    self._served[incident.case_id] = _rank(incident)
        elif said.state in ("FAILED", "CANTDO") and item.order.tasking.role == "main":
            for incident_id in item.order.incident_ids:
                self._served.pop(self._board.case_of(incident_id) or incident_id, None)
            for key in keys & self._groups.keys():
                self._groups[key].decided = False

    def _notice_changes(self, fact: Fact) -> None:
        for key, group in self._groups.items():
            item = self._waiting(group)
            if item is not None and item.changes and item.touched_seq == fact.seq:
                self._dirty.add(key)
        for order_id, (keys, until) in list(self._running.items()):
            if until <= fact.time_utc:
                del self._running[order_id]
                self._dirty |= keys

    def _consider(self, key: Key, fact: Fact) -> Iterator[Claim | Job]:
        group = self._groups.get(key)
        paced = group is not None and fact.time_utc < self._not_before(key)
        if paced and self._open.get(key) and fact.kind in _FREQUENT:
            return
        wanted, item = self._wanted(key), self._waiting(group)
        if not wanted:
            self._dirty.discard(key)
            if item is not None and group is not None:
                group.waits = False
                yield self._withdrawal(item, fact, "What it was for no longer holds. Nothing to decide.")
            return
        if any(key in keys for keys, _ in self._running.values()):
            self._dirty.discard(key)  # comes back with the end of the order
            return
        ids = frozenset(one.id for one in wanted)
        if item is not None and group is not None and not item.changes and group.incident_ids == ids:
            self._dirty.discard(key)
            return
        if paced:
            return
        self._dirty.discard(key)
        job = self._job(key, wanted, item, fact)
        self._groups[key] = _Group(job.id, fact.time_utc, ids)
        yield job

    def _not_before(self, key: Key) -> datetime:
        group = self._groups[key]
        if not group.answered:
            return group.asked_utc + _LOST
        return group.asked_utc + (_QUIET if group.decided else _RENEW)

    def _wanted(self, key: Key) -> list[IncidentItem]:
        """List what holds, is not decided and not reviewed, strongest and newest first."""
        found = []
        for incident_id in self._open.get(key, ()):
            item = self._board.incident(incident_id)
            if item is None or item.id != incident_id or item.state not in ("open", "under_review"):
                continue
            if _rank(item) > self._served.get(item.case_id, 0):
                found.append(item)
        found.sort(key=lambda one: (-_rank(one), -one.seq))
        return found[:_MOST]

    def _waiting(self, group: _Group | None) -> RecommendationItem | None:
        if group is None or not group.waits:
            return None
        item = self._board.recommendation(group.asked_id)
        return item if item is not None and item.state == "waiting" else None

    def _keys(self, incident_ids: Iterable[str]) -> frozenset[Key]:
        return frozenset(self._key_of[one] for one in incident_ids if one in self._key_of)

    def _job(self, key: Key, wanted: list[IncidentItem], old: RecommendationItem | None, fact: Fact) -> Job:
        if self._ground is None:
            raise ValueError("a proposal needs a force")
        incidents = {one.id: one.incident for one in wanted}
        supersedes = (old.seq,) if old is not None else ()
        ask = compose(
            self._ground,
            incidents,
            self._kind(incidents, key),
            self._teams.units(),
            fact.time_utc,
            supersedes,
        )
        before = sorted({*(one.seq for one in wanted), *supersedes} - {fact.seq})
        return Job(
            kind="recommendation",
            id=name("rec", *key, *sorted(incidents), str(fact.seq)),
            actor=ACTOR,
            refs=(*before, fact.seq),
            function=FUNCTION,
            argument=msgspec.json.encode(ask, order="deterministic"),
        )

    def _kind(self, incidents: Mapping[str, Incident], key: Key) -> str:
        """Name the most pressing kind of task of a group."""
        kinds = {task_kind(one, self._words) or key[0] for one in incidents.values()}
        return max(kinds, key=lambda kind: (NEEDS[kind].weight if kind in NEEDS else 0.0, kind))

    def _withdrawal(self, item: RecommendationItem, fact: Fact, because: str) -> Claim:
        body = msgspec.structs.replace(
            item.recommendation, supersedes=(item.seq,), withdrawn=True, withdrawn_because=because
        )
        blobs = tuple(blob for blob in (body.instance, body.plan) if blob is not None)
        refs = tuple(sorted({item.seq, fact.seq}))
        return Claim(kind="recommendation", id=item.id, body=body, actor=ACTOR, refs=refs, blobs=blobs)


def _rank(item: IncidentItem) -> int:
    return _RANK.get(item.incident.verdict or "", 2)
