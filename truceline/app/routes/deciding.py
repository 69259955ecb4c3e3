"""From a proposal to an order: the human gate."""

import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from truceline.app.forms import bodies, items
from truceline.app.forms.answer import Failure, nothing, plain, say
from truceline.app.http.app import app_of
from truceline.app.http.events import is_exercise
from truceline.app.http.table import OPERATIONS, REPORTERS, Ask, Table
from truceline.app.http.writing import order_claims, write, write_one
from truceline.dispatch.amend import amend
from truceline.log.journal import Appended
from truceline.model.decided import STEPS, Decision, OrderState, Recommendation, Statement, Tasking
from truceline.model.facts import Claim
from truceline.model.names import name
from truceline.model.place import Point, utc_text
from truceline.view.board import OrderItem, RecommendationItem
from truceline.view.release import may_see_order
from truceline.view.teams import position_of
from truceline.view.views import Views

TABLE = Table()
_LONGEST_HOLD = timedelta(minutes=60)
_LATE = timedelta(minutes=1)  # orders tell times in whole minutes


@TABLE.route("GET", "/recommendations", roles=OPERATIONS, gives={200: bodies.Items})
def recommendations(ask: Ask) -> Response:
    """List proposals, oldest first, and what became of each."""
    with ask.node.lock:
        views = ask.node.views
        found = views.board.recommendations()
        held = views.holds.held(ask.node.now())
    app_of(ask).access.read(ask.who, "/recommendations", len(found))
    read = ask.node.journal.read
    shown = [
        items.recommendation_item(item, item.state == "waiting" and held.why(item.seq, read) != "")
        for item in found
    ]
    return say({"items": shown, "next": None})


@TABLE.route(
    "POST", "/recommendations", roles=("operator",), takes=bodies.RecommendationIn,
    gives={201: bodies.Made}, fails=(404,),
)  # fmt: skip
async def propose(ask: Ask) -> Response:
    """Propose something to a commander."""
    asked: bodies.RecommendationIn = ask.body
    node = ask.node
    tasks = tuple(_tasking(task) for task in asked.tasks)
    with node.lock:
        board, teams = node.views.board, node.views.teams
        found = {one: board.incident(one) for one in asked.incident_ids}
        units = {item.unit: item.at for item in teams.units()}
        stand = {task.unit: _stands(node.views, task.unit) for task in tasks}
    missing = [one for one, item in found.items() if item is None]
    if missing:
        raise Failure(404, f"no incident in force is called {missing[0]}")
    _check_units(tasks, units)
    places = {}
    for one, item in found.items():
        if item is not None and item.incident.lat_deg is not None and item.incident.lon_deg is not None:
            places[one] = Point(
                lat_deg=item.incident.lat_deg,
                lon_deg=item.incident.lon_deg,
                ce90_m=item.incident.ce90_m or 0.0,
            )
    body = Recommendation(
        incident_ids=tuple(dict.fromkeys(item.id for item in found.values() if item is not None)),
        action=asked.action,
        why=asked.why,
        now_utc=node.now(),
        tasks=tasks,
        places=places,
        units_at={unit: at for unit, at in stand.items() if at is not None},
    )
    refs = tuple(sorted({item.seq for item in found.values() if item is not None}))
    claim = Claim(
        kind="recommendation",
        id=name("rec", secrets.token_hex(16)),
        body=body,
        actor=ask.who.actor,
        refs=refs,
    )
    made = await write_one(node, claim)
    return say(bodies.Made(made.fact.id, made.fact.seq), 201)


@TABLE.route(
    "POST", "/decisions", roles=("commander",), takes=bodies.DecisionIn, gives={201: bodies.Decided},
    fails=(404, 409),
)  # fmt: skip
async def decide(ask: Ask) -> Response:
    """Approve, amend or reject a proposal; orders come from approval alone."""
    asked: bodies.DecisionIn = ask.body
    node, who = ask.node, ask.who
    async with app_of(ask).turn:
        with node.lock:
            item = node.views.board.recommendation(asked.recommendation_id)
            held = node.views.holds.held(node.now())
            units = {team.unit: team.at for team in node.views.teams.units()}
        if item is None:
            raise Failure(404, "there is no such recommendation")
        _check_fresh(asked, item, node.journal.tree_size)
        if asked.verdict != "rejected" and (why := held.why(item.seq, node.journal.read)):
            raise Failure(409, why)
        tasks = tuple(_tasking(task) for task in asked.tasks) if asked.tasks else None
        if (asked.verdict == "amended") != (tasks is not None):
            raise Failure(422, "`amended` brings its own tasks; `approved` and `rejected` bring none")
        _check_units(tasks or (), units)
        tasks, overridden = await _amended(ask, item, tasks)
        if asked.verdict != "rejected":
            overridden += tuple(_passed(item, tasks or item.recommendation.tasks, node.now()))
        decision = Decision(
            recommendation_id=item.id,
            verdict=asked.verdict,
            reason=asked.reason,
            by=who.name,
            role=who.role,
            at_utc=node.now(),
            seen_seq=asked.seen_seq,
            tasks=tasks,
            overridden=overridden,
        )
        claim = Claim(
            kind="decision",
            # One decision for each making of a proposal: a second one has the same name.
            id=name("dec", item.id, str(item.seq)),
            body=decision,
            actor=who.actor,
            refs=tuple(sorted((who.seq, item.seq))),
        )
        made = await write_one(node, claim)
        order_ids = await _order(ask, made, decision, item)
    answer = bodies.Decided(
        made.fact.id,
        made.fact.seq,
        item.id,
        decision.verdict,
        who.name,
        utc_text(decision.at_utc),
        order_ids,
        list(overridden),
    )
    return say(answer, 201)


@TABLE.route("GET", "/orders", roles=(*OPERATIONS, "observer"), gives={200: bodies.Items})
def orders(ask: Ask) -> Response:
    """List orders; an observer sees those addressed to them."""
    with ask.node.lock:
        found = ask.node.views.board.orders()
        flying = {team.unit for team in ask.node.views.teams.units() if team.flies}
    exercise, viewer = is_exercise(ask.node), ask.who.viewer
    shown = [
        items.order_item(item, exercise, item.order.unit in flying)
        for item in found
        if may_see_order(viewer, item)
    ]
    app_of(ask).access.read(ask.who, "/orders", len(shown))
    return say({"items": shown, "next": None})


@TABLE.route(
    "POST", "/orders/{id}/state", roles=REPORTERS, takes=bodies.StateIn, gives={201: bodies.Stepped},
    fails=(409,),
)  # fmt: skip
async def step(ask: Ask) -> Response:
    """Say how far an order is; only a commander cancels one."""
    asked: bodies.StateIn = ask.body
    node, who = ask.node, ask.who
    async with app_of(ask).turn:
        with node.lock:
            item = node.views.board.order(ask.path("id"))
        if item is None or not may_see_order(who.viewer, item):
            raise Failure(404, "there is no such order")
        if (asked.state == "CANCELLED") != (who.role == "commander"):
            raise Failure(403, "a commander cancels an order; its unit or an operator says all else")
        _check_step(asked.state, item)
        body = OrderState(order_id=item.id, state=asked.state, at_utc=node.now(), by=who.name)
        entry = name("ost", item.id, asked.state)
        claim = Claim(kind="order_state", id=entry, body=body, actor=who.actor, refs=(item.seq,))
        made = await write_one(node, claim)
    return say(bodies.Stepped(made.fact.id, made.fact.seq, item.id, asked.state), 201)


@TABLE.route("POST", "/holds", roles=("commander",), takes=bodies.HoldIn, gives={201: bodies.Held})
async def hold(ask: Ask) -> Response:
    """Hold orders, recommendations or a source for an hour at most; intake and log go on."""
    asked: bodies.HoldIn = ask.body
    node, now = ask.node, ask.node.now()
    if not now < asked.until_utc <= now + _LONGEST_HOLD:
        raise Failure(422, "`until_utc` must lie ahead, by 60 min at most")
    kind, _, source = asked.scope.partition(":")
    with node.lock:
        known = {item.name for item in node.views.watch.sources() if item.kind != "sensor"}
    # Without sources of a mission, a source is who reports name in `source_id`.
    if kind == "source" and known and source not in known:
        raise Failure(422, f"no source is called {source}")
    body = Statement(
        about="hold",
        by=ask.who.name,
        text=asked.reason,
        attributes={"scope": asked.scope, "until_utc": utc_text(asked.until_utc)},
    )
    entry = name("hold", secrets.token_hex(16))
    made = await write_one(node, Claim(kind="statement", id=entry, body=body, actor=ask.who.actor))
    until = utc_text(asked.until_utc)
    return say(bodies.Held(entry, made.fact.seq, asked.scope, asked.reason, until, ask.who.name), 201)


@TABLE.route("DELETE", "/holds/{id}", roles=("commander",), gives={204: None})
async def lift(ask: Ask) -> Response:
    """Lift a hold before it ends by itself."""
    node = ask.node
    async with app_of(ask).turn:
        with node.lock:
            held = node.views.holds.get(ask.path("id"))
            seq = node.journal.latest(held.id) if held is not None else None
        if held is None or seq is None or held.until_utc <= node.now():
            raise Failure(404, "there is no such hold")
        body = Statement(
            about="hold", by=ask.who.name, stance="lifted", attributes={"hold": held.id, "scope": held.scope}
        )
        entry = name("hold", "lifted", held.id)
        claim = Claim(kind="statement", id=entry, body=body, actor=ask.who.actor, refs=(seq,))
        await write_one(node, claim)
    return nothing()


async def _amended(
    ask: Ask, item: RecommendationItem, tasks: tuple[Tasking, ...] | None
) -> tuple[tuple[Tasking, ...] | None, tuple[str, ...]]:
    """Hold amended tasks against what the proposal rests on; an operator's own proposal rests on no force."""
    proposed = item.recommendation
    if not tasks:
        return tasks, ()
    with ask.node.lock:
        teams = {team.unit: team.order_id for team in ask.node.views.teams.units()}
    busy = sorted(one.unit for one in tasks if teams.get(one.unit) is not None)
    if busy:
        raise Failure(422, f"{busy[0]} may not go: it has another order")
    if proposed.instance is None:
        return tasks, ()
    encoded = ask.node.blobs.open(proposed.instance.sha256).read_bytes()
    found = await run_in_threadpool(amend, encoded, proposed.tasks, tasks)
    return found.tasks, found.overridden


def _passed(item: RecommendationItem, tasks: Sequence[Tasking], now: datetime) -> Iterator[str]:
    """Say which departures, counted from when the proposal was made, have passed."""
    for task in tasks:
        depart = item.recommendation.now_utc + timedelta(seconds=task.depart_s)
        if now - depart >= _LATE:
            yield f"{task.unit} was to leave at {depart:%H:%M}Z, which has passed"


async def _order(ask: Ask, made: Appended, decision: Decision, item: RecommendationItem) -> list[str]:
    if decision.verdict == "rejected":
        return []
    claims = order_claims(made.fact.seq, made.fact.id, decision, item.recommendation, item.seq)
    if not claims:
        return []
    outcomes = await write(ask.node, claims)
    return [outcome.fact.id for outcome in outcomes if isinstance(outcome, Appended)]


def _stands(views: Views, unit: str) -> Point | None:
    """Tell where a unit is: without a force file, where its newest position says."""
    team, newest = views.teams.unit(unit), views.reports.position(unit)
    if team is not None:
        return team.at
    return position_of(newest) if newest is not None else None


def _check_fresh(asked: bodies.DecisionIn, item: RecommendationItem, tree_size: int) -> None:
    """Refuse what is over, and what changed after the person last looked."""
    if item.state != "waiting":
        because = f": {item.withdrawn_because}" if item.withdrawn_because else ""
        raise Failure(409, f"this recommendation is {item.state} already{because}")
    if asked.seen_seq is not None and asked.seen_seq >= tree_size:
        raise Failure(422, f"`seen_seq` is beyond the newest entry, {tree_size - 1}")
    seen = item.seq if asked.seen_seq is None else asked.seen_seq
    if item.touched_seq > seen:
        what = "; ".join(item.changes) or "it was made after that"
        raise Failure(409, f"changed since you looked, by entry {item.touched_seq}: {what}")


def _check_step(state: str, item: OrderItem) -> None:
    if state not in STEPS[item.state]:
        following = ", ".join(sorted(STEPS[item.state])) or "nothing"
        raise Failure(409, f"the order is {item.state}; after that comes {following}")
    if state == "SENT":
        raise Failure(409, "orders are sent by the node itself, when nothing holds them")


def _check_units(tasks: Sequence[Tasking], units: dict[str, Point | None]) -> None:
    unknown = sorted({task.unit for task in tasks} - units.keys())
    if units and unknown:
        raise Failure(422, f"no unit is called {unknown[0]}")
    pairs = [(task.unit, task.task) for task in tasks]
    if len(set(pairs)) != len(pairs):
        raise Failure(422, "one unit has the same task twice")


def _tasking(task: bodies.TaskIn) -> Tasking:
    try:
        return msgspec.convert(plain(task), Tasking)
    except msgspec.ValidationError as error:
        raise Failure(422, str(error)) from error
