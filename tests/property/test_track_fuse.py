"""What is in force depends on the set of detections, not on how they came."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truceline.geo.regard import Field
from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.model.facts import Blob, Fact, Header
from truceline.model.observed import Detections
from truceline.model.tables import DETECTION, LOOK, TRACK
from truceline.plug import Sight
from truceline.track.live.fuse import Fuse
from truceline.view.watch import TRACKER

T0 = datetime(2026, 3, 1, 5, 55, tzinfo=UTC)
ZEROS = "0" * 64
SIGHT = Sight(basis="made up", pd=0.6, finds={"car": 0.8}, apart_s=10)


@pytest.fixture(scope="module")
def blobs():
    with tempfile.TemporaryDirectory() as folder:
        yield Blobs(Path(folder))


def fact(seq: int, kind: str, entry: str, body, actor: str = "detector:reported") -> Fact:
    header = Header(
        actor=actor, blobs=(), body_sha256=ZEROS, id=entry, kind=kind, prev_sha256=ZEROS, refs=(), seq=seq,
        time_utc="2026-03-01T12:00:00Z", v=1,
    )  # fmt: skip
    return Fact(header=header, body=msgspec.Raw(msgspec.json.encode(body)))


def piece(blobs: Blobs, minute: int, seed: int, **more) -> tuple[Blob, int]:
    """Take two minutes of two things, one of them standing."""
    rng, rows = np.random.default_rng(seed), []
    for second in range(0, 120, 20):
        t = 60 * minute + second
        for k in range(2):
            rows.append({
                "time_utc": T0 + timedelta(seconds=t), "lat_deg": 48 + 0.01 * k + rng.normal(0, 1e-4),
                "lon_deg": 37 + (t * 6e-5 if k else 0) + rng.normal(0, 1e-4), "ce90_m": 25.0,
                "p_car": 1.0, **more,
            })  # fmt: skip
    return pieces.seal(pa.Table.from_pylist(rows, schema=DETECTION), blobs, "rows"), len(rows)


def said(blob: Blob, rows: int, supersedes: tuple[int, ...] = ()) -> Detections:
    return Detections(
        observation="obs", detector="reported", settings_sha256=ZEROS, version="1", piece=blob, rows=rows,
        supersedes=supersedes,
    )  # fmt: skip


class Feed:
    """A log of one fold: what it claims comes back to it as facts."""

    def __init__(self, blobs: Blobs) -> None:
        self.fuse, self.seq, self.in_force, self.claims = Fuse(blobs), 0, {}, []

    def put(self, entry: str, body: Detections) -> int:
        at = self.seq
        waiting = list(self._give(fact(self.seq, "detection", entry, body)))
        while waiting:
            claim = waiting.pop(0)
            assert set(claim.body.supersedes) <= set(claim.refs)
            for old in claim.body.supersedes:
                del self.in_force[old]
            self.in_force[self.seq] = claim
            self.claims.append(claim)
            waiting += self._give(fact(self.seq, "track", claim.id, claim.body, TRACKER))
        return at

    def _give(self, one: Fact):
        self.seq += 1
        answers = list(self.fuse.apply(one))
        for claim in answers:
            assert list(claim.refs) == sorted(set(claim.refs)) and claim.refs[-1] == one.seq
        return answers

    def holds(self):
        """What is in force: round, id, inputs and rows."""
        bodies = [
            (c.body.round.from_utc, c.id, c.body.inputs_sha256, c.body.piece.sha256)
            for c in self.in_force.values()
        ]
        return sorted(b for b, c in zip(bodies, self.in_force.values(), strict=True) if c.body.rows)


@settings(max_examples=25)
@given(order=st.permutations(range(6)), doubled=st.lists(st.integers(0, 5), max_size=3))
def test_shuffled_and_doubled_pieces_leave_the_same_tracks(blobs, order, doubled):
    items = [(f"det-{k}", said(*piece(blobs, 2 * k, k))) for k in range(6)]
    straight, shuffled = Feed(blobs), Feed(blobs)
    for item in items:
        straight.put(*item)

    for k in [*order, *doubled]:
        shuffled.put(*items[k])

    assert shuffled.holds() == straight.holds()
    assert len(straight.holds()) == 2


def test_a_superseded_piece_counts_no_longer(blobs):
    without, replaced = Feed(blobs), Feed(blobs)
    first, wrong, right = (said(*piece(blobs, minute, seed)) for minute, seed in ((0, 0), (2, 1), (2, 2)))
    without.put("det-0", first)
    without.put("det-right", right)

    replaced.put("det-0", first)
    old = replaced.put("det-wrong", wrong)
    replaced.put("det-right", msgspec.structs.replace(right, supersedes=(old,)))

    assert replaced.holds() == without.holds()


def test_rows_of_another_meaning_or_kind_are_not_followed(blobs):
    feed = Feed(blobs)

    feed.put("det-place", said(*piece(blobs, 0, 0, meaning="earthwork")))
    feed.put("det-shot", said(*piece(blobs, 0, 0, kind="activity")))

    assert feed.claims == []


def test_two_things_are_two_tracks_over_several_rounds(blobs):
    feed = Feed(blobs)
    for k in range(6):
        feed.put(f"det-{k}", said(*piece(blobs, 2 * k, k)))

    tables = [pieces.read(blobs, claim.body.piece) for claim in feed.in_force.values()]
    nobody_missed_any = pa.schema([field for field in TRACK if field.name != "missed_by"])
    assert all(table.schema.equals(nobody_missed_any) for table in tables)
    ids = [set(table["track_id"].to_pylist()) for table in tables]
    assert ids[0] == ids[1] and len(ids[0]) == 2
    used = [row for table in tables for rows in table["from_rows"].to_pylist() for row in rows]
    assert len(used) == 72 and len({(r["entry"], r["row"]) for r in used}) == 72
    assert min(table["exists_p"].to_pylist()[0] for table in tables) > 0.9


def test_a_track_ends_when_it_was_not_seen_for_three_hours(blobs):
    feed = Feed(blobs)
    feed.put("det-0", said(*piece(blobs, 0, 0)))
    feed.put("det-1", said(*piece(blobs, 200, 1)))

    ids = [set(pieces.read(blobs, c.body.piece)["track_id"].to_pylist()) for c in feed.in_force.values()]

    assert ids[0].isdisjoint(ids[1])


def test_claims_made_while_an_older_one_is_not_logged_yet_still_supersede_it(blobs):
    fuse = Fuse(blobs)
    first = list(fuse.apply(fact(0, "detection", "det-0", said(*piece(blobs, 6, 0)))))
    waits = list(fuse.apply(fact(1, "detection", "det-1", said(*piece(blobs, 8, 1)))))

    then = list(fuse.apply(fact(2, "track", first[0].id, first[0].body, TRACKER)))

    assert waits == []
    assert then[0].body.supersedes == (2,)
    assert then[0].refs == (1, 2)


def silent(blobs: Blobs, minute: int, who: str) -> Detections:
    """Take ten seconds in which somebody looks at where the first thing stands, and sees nothing."""
    since = T0 + timedelta(minutes=minute)
    field = Field(lat_deg=48.0, lon_deg=37.0, a_m=200.0, b_m=200.0, turned_deg=0.0)
    look = SIGHT.look(since, since + timedelta(seconds=10), who, field)
    looks = pieces.seal(pa.Table.from_pylist([look], schema=LOOK), blobs, "looks")
    nothing = pieces.seal(DETECTION.empty_table(), blobs, "rows")
    return msgspec.structs.replace(said(nothing, 0), source=who, looks=looks)


@settings(max_examples=25)
@given(
    order=st.permutations(range(12)), doubled=st.lists(st.integers(0, 11), max_size=3),
    wrong=st.integers(3, 10),
)  # fmt: skip
def test_shuffled_looks_that_saw_nothing_leave_the_same_tracks(blobs, order, doubled, wrong):
    items = [(f"det-{k}", said(*piece(blobs, 2 * k, k))) for k in range(3)]
    items += [(f"det-{k}", silent(blobs, 4 + k, f"uav-{k % 2}")) for k in range(3, 12)]
    straight, shuffled = Feed(blobs), Feed(blobs)
    for k, item in enumerate(items):
        if k != wrong:
            straight.put(*item)

    placed = {k: shuffled.put(*items[k]) for k in [*order, *doubled]}
    shuffled.put("det-again", msgspec.structs.replace(
        said(pieces.seal(DETECTION.empty_table(), blobs, "rows"), 0), supersedes=(placed[wrong],)
    ))  # fmt: skip

    assert shuffled.holds() == straight.holds()
    table = pieces.read(blobs, straight.holds()[-1][3])
    assert table["missed_by"].drop_null().to_pylist() != []
