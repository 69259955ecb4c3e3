"""The picture: what is where, what holds, what was looked at, and who asks."""

from datetime import datetime, timedelta
from typing import Any

from msgspec import UNSET
from starlette.responses import Response

from truceline.app.forms import bodies, items
from truceline.app.forms.answer import Failure, plain, say
from truceline.app.forms.ground import changed_place, lines, sectors
from truceline.app.http.app import app_of, events
from truceline.app.http.events import is_exercise
from truceline.app.http.table import EVERYONE, MISSION, OPERATIONS, Ask, Media, Table
from truceline.view.release import incidents_for

TABLE = Table()
_DAY = timedelta(hours=24)
_LONGEST = timedelta(days=31)
_LANGUAGES = ("en",)


@TABLE.route("GET", "/tracks", roles=OPERATIONS, query=bodies.TracksQuery, gives={200: bodies.Items})
def tracks(ask: Ask) -> Response:
    """List what moves: tracks of the sensors, and the last position of each subject and unit.

    With `at_utc`, the tracks alone at that moment as known now, or as known at `known_utc`.
    """
    exercise = is_exercise(ask.node)
    asked: bodies.TracksQuery = ask.query
    if asked.at_utc is not UNSET:
        known_utc = None if asked.known_utc is UNSET else asked.known_utc
        with ask.node.lock:
            past = ask.node.views.scene.tracks(asked.at_utc, known_utc)
        app_of(ask).access.read(ask.who, "/tracks", len(past))
        return say({"items": [items.track_item(item, exercise) for item in past], "next": None})
    if asked.known_utc is not UNSET:
        raise Failure(422, "`known_utc` goes with `at_utc`")
    with ask.node.lock:
        views = ask.node.views
        teams = {item.unit: item for item in views.teams.units()}
        positions = views.reports.positions()
        found = [items.track_item(item, exercise) for item in views.scene.tracks()]
    for item in positions:
        found.append(items.position_item(item, teams.pop(str(item.report.subject_id), None), exercise))
    found += [items.standing_item(item, exercise) for item in teams.values() if item.at is not None]
    app_of(ask).access.read(ask.who, "/tracks", len(found))
    return say({"items": found, "next": None})


@TABLE.route("GET", "/groups", roles=OPERATIONS, gives={200: bodies.Items})
def groups(ask: Ask) -> Response:
    """List columns and gatherings: which tracks belong together, how many they are, and who is missing."""
    with ask.node.lock:
        found = ask.node.views.census.groups()
    app_of(ask).access.read(ask.who, "/groups", len(found))
    return say({"items": [plain(item) for item in found], "next": None})


@TABLE.route("GET", "/incidents", roles=(*OPERATIONS, "party-liaison"), gives={200: bodies.Items})
def incidents(ask: Ask) -> Response:
    """List the incidents in force; a party sees those released to it, as they were then."""
    exercise, viewer = is_exercise(ask.node), ask.who.viewer
    with ask.node.lock:
        found = incidents_for(viewer, ask.node.views.board)
    app_of(ask).access.read(ask.who, "/incidents", len(found))
    shape = items.incident_item if viewer.sees_all else items.incident_for_party
    return say({"items": [shape(item, exercise) for item in found], "next": None})


@TABLE.route("GET", "/zones", roles=(*OPERATIONS, "observer"), gives={200: bodies.Items})
def zones(ask: Ask) -> Response:
    """List lines, zones and sites of the agreement, and for the staff changed places, as GeoJSON features."""
    found = list(app_of(ask).ground)
    if ask.who.role in OPERATIONS:
        with ask.node.lock:
            places = ask.node.views.changes.places()
        found += [changed_place(place) for place in places]
    return say({"items": found, "next": None})


@TABLE.route(
    "GET", "/coverage", roles=OPERATIONS, query=bodies.SpanQuery, gives={200: bodies.Coverage}
)  # fmt: skip
def coverage(ask: Ask) -> Response:
    """Tell what nobody looked at, by default in the last 24 hours, and when satellites can look.

    ``passes`` are those of the span's last two days and of the day after it.
    """
    start, end = _span(ask)
    passes = _passes(ask, start, end)
    with ask.node.lock:
        watch = ask.node.views.watch
        gaps = watch.gaps(start, end)
        share = watch.observed_share(start, end)
        line_km = watch.line_km()
        unobserved_km = watch.unobserved_km(min(end, ask.node.now()))
    return say(
        {
            "items": [plain(gap) for gap in gaps],
            "next": None,
            "from_utc": start,
            "until_utc": end,
            "observed_share": min(1.0, max(0.0, share)),
            "line_km": line_km,
            "unobserved_km": unobserved_km,
            "passes": passes,
        }
    )


@TABLE.route("GET", "/plans", roles=OPERATIONS, gives={200: bodies.Items})
def plans(ask: Ask) -> Response:
    """List what the mission's units do next and when they are free."""
    exercise = is_exercise(ask.node)
    with ask.node.lock:
        found = ask.node.views.teams.units()
    return say({"items": [items.team_item(item, exercise) for item in found], "next": None})


@TABLE.route("GET", "/sources", roles=OPERATIONS, gives={200: bodies.Items})
def sources(ask: Ask) -> Response:
    """List the sources and what each owes."""
    with ask.node.lock:
        found = ask.node.views.watch.sources()
    return say({"items": [plain(item) for item in found], "next": None})


@TABLE.route("GET", "/mission", roles=EVERYONE, gives={200: bodies.Mission})
def mission(ask: Ask) -> Response:
    """Tell the mission's name, clock, line and parties, and who asks."""
    node, who = ask.node, ask.who
    sees_place = who.role != "admin"
    agreement = node.core.agreement if sees_place else None
    with node.lock:
        line_km = node.views.watch.line_km() if agreement is not None else None
        holds = node.views.holds.in_force(node.now()) if who.viewer.sees_all else []
    return say(
        {
            "name": node.mission.name if node.mission is not None else "",
            "exercise": is_exercise(node),
            "clock": {"utc": node.now(), "rate": node.rate},
            "who": {"name": who.name, "role": who.role, "party": who.party},
            "languages": list(_LANGUAGES),
            "parties": _parties(agreement),
            "lines": lines(agreement),
            "sectors": sectors(agreement),
            "holds": [plain(hold) for hold in holds],
            "line_km": line_km,
            "tree_size": node.journal.tree_size if who.viewer.sees_all else None,
            "log": node.journal.leaf(0) if who.viewer.sees_all and node.journal.tree_size else None,
        }
    )


@TABLE.route(
    "GET", "/events", roles=MISSION, query=bodies.EventsQuery, gives={200: Media(("text/event-stream",))},
    headers={"Last-Event-ID": "^[0-9]{0,15}$"},
)  # fmt: skip
async def live(ask: Ask) -> Any:
    """Stream what happens, after the entry named by `Last-Event-ID` or `after_seq`."""
    asked: bodies.EventsQuery = ask.query
    said = ask.request.headers.get("last-event-id", "")
    if said:
        if not (said.isascii() and said.isdigit() and len(said) <= 15):
            raise Failure(422, "`Last-Event-ID` is the number of an entry")
        return events(ask, int(said))
    return events(ask, None if asked.after_seq is UNSET else int(asked.after_seq))


def _passes(ask: Ask, start: datetime, end: datetime) -> list[Any]:
    """List passes without the node's lock: the sky is no fold, and takes its time."""
    try:
        sky, since = ask.node.views.sky, max(start, end - 2 * _DAY)
        return [plain(one) for one in sky.between(since, end + _DAY)]
    except OverflowError as error:
        raise Failure(422, "a moment beyond the calendar") from error


def _parties(agreement: Any) -> list[dict[str, Any]]:
    if agreement is None:
        return []
    return [
        {"id": party.id, "name": getattr(party, "name", party.id), "side": plain(party.side)}
        for party in agreement.parties.values()
    ]


def _span(ask: Ask) -> tuple[datetime, datetime]:
    asked: bodies.SpanQuery = ask.query
    try:
        end = ask.node.now() if asked.until_utc is UNSET else asked.until_utc
        start = end - _DAY if asked.from_utc is UNSET else asked.from_utc
        length = end - start
        plain([start, end])
    except OverflowError as error:
        raise Failure(422, "a moment beyond the calendar") from error
    if not timedelta(0) < length <= _LONGEST:
        raise Failure(422, "`from_utc` must be before `until_utc`, by at most 31 days")
    return start, end
