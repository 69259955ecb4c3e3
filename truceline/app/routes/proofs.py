"""The log itself: checkpoints, entries, proofs, and what an entry rests on."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

from msgspec import UNSET
from starlette.responses import Response, StreamingResponse

from truceline.app.forms import bodies
from truceline.app.forms.answer import NDJSON, Failure, plain, say
from truceline.app.forms.items import track_item
from truceline.app.http.app import app_of
from truceline.app.http.events import is_exercise
from truceline.app.http.table import EVERYONE, OPERATIONS, Ask, Media, Table
from truceline.flow.grounds import PREFIX, grounds, last_used, reported
from truceline.flow.why import chain
from truceline.log.entry import blanked_line, entry_line, header_bytes
from truceline.log.journal import Journal
from truceline.model.errors import BadInput
from truceline.model.facts import Fact

TABLE = Table()


@TABLE.route("GET", "/log/checkpoint", roles=EVERYONE, gives={200: bodies.Checkpoint})
def checkpoint(ask: Ask) -> Response:
    """Give the newest signed checkpoint."""
    return say(ask.node.journal.checkpoint())


@TABLE.route(
    "GET", "/log/entries", roles=("auditor",), query=bodies.EntriesQuery, gives={200: Media((NDJSON,))}
)
def entries(ask: Ask) -> Response:
    """Give entries of the log from one number up to another, that one left out, as they stand."""
    asked: bodies.EntriesQuery = ask.query
    size = ask.node.journal.tree_size
    end = size if asked.to is UNSET else min(size, int(asked.to))
    app_of(ask).access.read(ask.who, "/log/entries", end - asked.from_)
    return StreamingResponse(_lines(ask.node.journal, asked.from_, end), media_type=NDJSON)


@TABLE.route(
    "GET", "/log/proof/inclusion", roles=("auditor", "party-liaison"), query=bodies.InclusionQuery,
    gives={200: bodies.Path},
)  # fmt: skip
def inclusion(ask: Ask) -> Response:
    """Prove that an entry is in the tree of a size."""
    asked: bodies.InclusionQuery = ask.query
    return say({"path": ask.node.journal.inclusion(asked.seq, asked.tree_size)})


@TABLE.route(
    "GET", "/log/proof/consistency", roles=("auditor", "party-liaison"), query=bodies.ConsistencyQuery,
    gives={200: bodies.Path},
)  # fmt: skip
def consistency(ask: Ask) -> Response:
    """Prove that a tree begins with a smaller one."""
    asked: bodies.ConsistencyQuery = ask.query
    return say({"path": ask.node.journal.consistency(asked.first, asked.second)})


@TABLE.route(
    "GET", "/why/{seq}", roles=OPERATIONS, gives={200: bodies.Chain}, params={"seq": "^[0-9]{1,15}$"}
)
def why(ask: Ask) -> Response:
    """Tell what an entry rests on, back to reports, rows and pixels."""
    said = ask.path("seq")
    if not (said.isascii() and said.isdigit() and len(said) <= 15):
        raise Failure(404, "there is no such entry")
    try:
        facts = _Entries(ask.node.journal)
        steps = chain(facts, int(said))
    except BadInput as error:
        raise Failure(404, "there is no such entry") from error
    tracks = grounds(facts, steps, ask.node.blobs)
    return say({"items": [plain(step) for step in steps], "tracks": [plain(one) for one in tracks]})


@TABLE.route("GET", "/tracks/{id}", roles=OPERATIONS, gives={200: bodies.Sought})
def track(ask: Ask) -> Response:
    """Tell of a track who saw it last, what each sensor's looks say since, and what people reported of it."""
    node, name = ask.node, ask.path("id")
    with node.lock:
        views = node.views
        mine = next((one for one in views.scene.tracks() if f"{PREFIX}{one.track_id}" == name), None)
        entries = views.scene.sightings(mine.track_id) if mine is not None else []
        later = views.looks.later(mine) if mine is not None else []
    if mine is None or not entries:
        raise Failure(404, "no track in the picture is called that")
    facts = _Entries(node.journal)
    seen = last_used(facts, entries[0], name, node.blobs)
    looked = views.looks.since(mine, later, seen.sensor if seen is not None else "")
    app_of(ask).access.read(ask.who, "/tracks", 1)
    return say(
        {
            "item": track_item(mine, is_exercise(node)),
            "seen": None if seen is None else plain(seen),
            "looked": [plain(one) for one in looked],
            "reported": [plain(one) for one in reported(facts, entries, name, node.blobs)],
        }
    )


class _Entries(Sequence[Fact]):
    """The log by number, read when it is asked for."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    @overload
    def __getitem__(self, seq: int) -> Fact: ...
    @overload
    def __getitem__(self, seq: slice) -> list[Fact]: ...
    def __getitem__(self, seq: Any) -> Any:
        if isinstance(seq, slice):
            return [self._journal.read(one) for one in range(*seq.indices(len(self)))]
        return self._journal.read(seq)

    def __len__(self) -> int:
        return self._journal.tree_size


def _lines(journal: Journal, start: int, end: int) -> Iterator[bytes]:
    for seq in range(start, end):
        fact = journal.read(seq)
        header = header_bytes(fact.header)
        if fact.redacted is not None:
            yield blanked_line(header, fact.redacted.by, fact.redacted.reason)
        else:
            yield entry_line(header, bytes(fact.body), fact.salt)
