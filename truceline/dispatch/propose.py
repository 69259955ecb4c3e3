"""Solves one composed instance and says the plan in sentences: what, why, all ways with their cost."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from truceline.dispatch.assign import Plan, solve
from truceline.dispatch.compose import Ask, decide_by
from truceline.dispatch.explain import BARRED, ruled_out_by
from truceline.dispatch.instance import LOOK, Instance, Unit
from truceline.dispatch.legal import Pairs, Role, earliest_start
from truceline.model.decided import Alternative, Recommendation, Tasking, Way
from truceline.model.facts import Answer, Blob
from truceline.plug import Media

ALTERNATIVES = 6
_VALID = timedelta(hours=2)
_ON_LINE_M = 50.0  # less is said with one decimal of a kilometre as nothing
_NEAR_KM = 0.7  # a place read off the force's nodes may be half a kilometre out where the line bends
_WHAT = {
    "crossing": "crossing of the line",
    "absence": "presence in a zone that is to be empty",
    "no_fly": "flight in closed airspace",
    "activity_ban": "banned activity",
    "range_band_cap": "number above the agreed limit",
    "timetable": "number above the agreed timetable",
    "sensor_interference": "interference with our sensors",
    "explosion_cluster": "series of explosions",
    "shot_cluster": "series of shots",
}


def propose(argument: bytes, media: Media) -> Answer:
    """Make a recommendation; the job behind the fold :class:`truceline.dispatch.advise.Advise`.

    Parameters
    ----------
    argument
        An :class:`truceline.dispatch.compose.Ask` as JSON.
    media
        Takes the instance and the plan as samples, so that the figures can be computed again.
    """
    ask = msgspec.json.decode(argument, type=Ask)
    instance, plan, pairs = _solved(ask)
    encoded = msgspec.json.encode(instance, order="deterministic")
    stored = (
        media.put(encoded, "application/json", "instance"),
        media.put(msgspec.json.encode(plan, order="deterministic"), "application/json", "plan"),
    )
    return Answer(body=_recommendation(ask, instance, plan, pairs, stored), blobs=stored)


def _solved(ask: Ask) -> tuple[Instance, Plan, Pairs]:
    """Solve; where nothing may fly, eyes on the ground do (contract classes 4)."""
    plan, pairs = solve(ask.instance, ALTERNATIVES)
    task = ask.instance.tasks[0]
    if plan.orders or LOOK not in task.requires:
        return ask.instance, plan, pairs
    on_foot = msgspec.structs.replace(task, requires={"observe": 1})
    instance = msgspec.structs.replace(ask.instance, tasks=(on_foot,))
    return instance, *solve(instance, ALTERNATIVES)


def _recommendation(
    ask: Ask, instance: Instance, plan: Plan, pairs: Pairs, stored: tuple[Blob, Blob]
) -> Recommendation:
    return Recommendation(
        incident_ids=tuple(ask.incidents),
        action=_action(ask, plan),
        why=_why(ask),
        now_utc=ask.now_utc,
        tasks=plan.orders,
        ways=tuple(_ways(ask, instance, plan, pairs)),
        left_uncovered=tuple(_left(ask, instance, plan)),
        due_utc=decide_by(ask),
        valid_until_utc=ask.now_utc + _VALID,
        places={ask.lead: ask.place},
        units_at={
            order.unit: ask.units_at[order.unit] for order in plan.orders if order.unit in ask.units_at
        },
        instance=stored[0],
        plan=stored[1],
        supersedes=ask.supersedes,
    )


def _action(ask: Ask, plan: Plan) -> str:
    main = [order.unit for order in plan.orders if order.role == "main"]
    looks = [order.unit for order in plan.orders if order.role == "look"]
    what, where = _what(ask), _where(ask)
    if not main:
        reason = {"skill": "no unit has the skills", "time": "no unit can be there in time"}.get(
            plan.uncovered[0].reason if plan.uncovered else "", "national caveats leave nobody"
        )
        return f"Wait: {reason} to check {what} at {where}."
    first = f", {_listed(looks)} looks first from the air" if looks else ""
    return f"Send {_listed(main)} to check {what} at {where}{first}."


def _what(ask: Ask) -> str:
    lead = ask.incidents[ask.lead]
    if lead.verdict == "could_not_observe":
        return "what could not be observed"
    certainty = "possible" if lead.verdict == "possible_violation" else "reported"
    if lead.what:
        return f"{certainty} {lead.what}"
    return f"a {certainty} {_WHAT.get(lead.class_, lead.class_.replace('_', ' '))}"


def _where(ask: Ask) -> str:
    """Say the place in the words of the line; what a rule has measured goes before our own estimate."""
    lead = ask.incidents[ask.lead]
    measured, km = lead.measured, lead.km if lead.km is not None else ask.x_km
    metres, side = measured.get("distance_m"), measured.get("side")
    if isinstance(metres, int | float) and side in ("A", "B"):
        across = (
            f"{metres / 1000:.1f} km from the line on side {side}" if metres >= _ON_LINE_M else "on the line"
        )
    elif abs(ask.y_km) < _NEAR_KM:
        across = "near the line"
    else:
        across = f"{abs(ask.y_km):.1f} km {'north' if ask.y_km >= 0 else 'south'} of the line"
    if lead.verdict == "could_not_observe":
        return f"km {km:.1f}"  # what was not seen has no error; the stretch is on the map
    return f"km {km:.1f}, {across}, ± {ask.place.ce90_m:.0f} m"


def _why(ask: Ask) -> str:
    lead = ask.incidents[ask.lead]
    said = [lead.explanation.supports if lead.explanation is not None else f"{len(lead.report_ids)} reports."]
    if lead.article and lead.article not in said[0]:
        said.append(f"Rests on {lead.article}.")
    if lead.probability is not None:
        said.append(f"Probability {lead.probability * 100:.0f} %.")
    more = len(ask.incidents) - 1
    if more:
        said.append(f"{more} more of the kind in sector {ask.sector} wait with it.")
    return " ".join(said)


def _ways(ask: Ask, instance: Instance, plan: Plan, pairs: Pairs) -> Iterator[Way]:
    units = {unit.id: unit for unit in instance.units}
    left = tuple(_left(ask, instance, plan))
    main = [order for order in plan.orders if order.role == "main"]
    looks = [order for order in plan.orders if order.role == "look"]
    if main:
        cost = "; ".join(left) or "leaves no sector without its reserve"
        yield Way(what=_team(main, units), there_utc=_at(ask, main[0].start_s), cost=cost, proposed=True)
    yield from _looks(ask, instance, looks, pairs)
    named: set[str] = {order.unit for order in plan.orders}
    for order in main:
        others = order.explain.alternatives if order.explain is not None else ()
        for other in others:
            if other.unit in named or other.ruled_out_by == "skill":
                continue
            named.add(other.unit)
            yield _instead(ask, instance, plan, pairs, order, other)
    if not main:
        yield from _barred_all(ask, instance, pairs)
    penalty = instance.tasks[0].deadline_s // 60
    yield Way(
        what="Wait",
        there_utc=None,
        cost=f"nobody looks at the place; after {penalty} min the trace may be gone",
        proposed=not main,
    )


def _looks(ask: Ask, instance: Instance, looks: Sequence[Tasking], pairs: Pairs) -> Iterator[Way]:
    if instance.tasks[0].look is None:
        return
    for order in looks:
        unit = next(unit for unit in instance.units if unit.id == order.unit)
        yield Way(
            what=f"{unit.id} ({unit.contingent}) looks first from the air",
            there_utc=_at(ask, order.arrive_s),
            cost=f"{unit.id} is away until {_clock(ask, order.return_s or order.leave_s)}",
            proposed=True,
        )
    taken = {order.unit for order in looks}
    for number, unit in enumerate(instance.units):
        if LOOK not in unit.skills or unit.id in taken:
            continue
        barred = _barred(ask, pairs, number, "look")
        windows = pairs.windows(0, "look").of(number)
        yield Way(
            what=f"{unit.id} ({unit.contingent}) looks first from the air",
            there_utc=_at(ask, windows[0][0]) if windows and barred is None else None,
            cost="" if barred else "the team may wait for what it sees",
            barred_by=barred,
        )


def _instead(
    ask: Ask, instance: Instance, plan: Plan, pairs: Pairs, order: Tasking, other: Alternative
) -> Way:
    number = pairs.unit_index[other.unit]
    unit = instance.units[number]
    what = f"{unit.id} ({unit.contingent}) in place of {order.unit}"
    if other.ruled_out_by is not None:
        barred = _barred(ask, pairs, number, order.role) or BARRED[other.ruled_out_by]
        return Way(what=what, there_utc=None, cost="", barred_by=barred, unit=unit.id, instead_of=order.unit)
    rest = [o.unit for o in plan.orders if o.role == "main" and o.unit != order.unit]
    members = [number, *(pairs.unit_index[one] for one in rest)]
    windows = [pairs.windows(0).of(member) for member in members]
    start = earliest_start(instance.tasks[0].floor_s, windows) or 0
    minutes = round((start - order.start_s) / 60)
    pace = f"{abs(minutes)} min {'later' if minutes > 0 else 'sooner'}" if minutes else "at the same time"
    lost = [f"sector {held.sector} loses its reserve" for held in plan.reserve if held.unit == other.unit]
    cost = "; ".join([pace, *lost])
    return Way(what=what, there_utc=_at(ask, start), cost=cost, unit=unit.id, instead_of=order.unit)


def _barred_all(ask: Ask, instance: Instance, pairs: Pairs) -> Iterator[Way]:
    for number, unit in enumerate(instance.units):
        barred = _barred(ask, pairs, number, "main")
        if barred is not None and instance.tasks[0].asks_for(unit):
            yield Way(what=f"{unit.id} ({unit.contingent})", there_utc=None, cost="", barred_by=barred)


def _barred(ask: Ask, pairs: Pairs, number: int, role: Role) -> str | None:
    unit = pairs.instance.units[number]
    if unit.id in ask.busy:
        free = ask.busy[unit.id]
        return "has another order" + (f" until {free:%H:%M}Z" if free is not None else "")
    code = ruled_out_by(pairs, number, 0, role)
    return None if code is None else BARRED[code]


def _left(ask: Ask, instance: Instance, plan: Plan) -> Iterator[str]:
    """Say what the proposal leaves without people, and for how long."""
    back = max((order.return_s or order.leave_s for order in plan.orders), default=0)
    units = {unit.id: unit for unit in instance.units}
    for sector in instance.sectors:
        held = sum(1 for one in plan.reserve if one.sector == sector.id)
        if held < sector.reserve_min:
            yield f"sector {sector.id} has no full reserve until {_clock(ask, back)}"
    for order in plan.orders:
        if order.role == "main":
            home = units[order.unit].home_node
            yield f"{home} is without {order.unit} until {_clock(ask, order.return_s or order.leave_s)}"


def _team(orders: Sequence[Tasking], units: dict[str, Unit]) -> str:
    return _listed([f"{order.unit} ({units[order.unit].contingent})" for order in orders])


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _at(ask: Ask, seconds: int) -> datetime:
    return ask.now_utc + timedelta(seconds=seconds)


def _clock(ask: Ask, seconds: int) -> str:
    return f"{_at(ask, seconds):%H:%M}Z"
