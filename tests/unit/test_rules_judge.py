"""The judge on rows and tracks: what it makes of pieces, and what it takes back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.model.decided import Incident
from truceline.model.facts import Claim, Fact, Header, Redacted
from truceline.model.observed import Detections, Observation, Tracks
from truceline.model.place import Noun, Span, utc_text
from truceline.model.tables import DETECTION, TRACK
from truceline.rules.agreement import read_agreement
from truceline.rules.judge import Judge
from truceline.view.reports import Reports

AGREEMENT = read_agreement(Path(__file__).parents[2] / "truceline/sim/corridor/agreement.toml")
START = datetime(2025, 6, 1, 6, tzinfo=UTC)
NORTH = (24.56, 10.25)  # about 6 km north of the line, inside the belt free of heavy weapons
SPAN = Span(from_utc=START, until_utc=START + timedelta(hours=1))


class Log:
    """Feeds nouns to the judge and keeps its claims as entries."""

    def __init__(self, folder: Path, attribution: str = "none") -> None:
        self.blobs = Blobs(folder)
        self.judge = Judge(AGREEMENT, Reports(), self.blobs, attribution)  # type: ignore[arg-type]
        self.seq = 0
        self.claims: list[Claim] = []

    def take(self, kind: str, entry_id: str, noun: Noun) -> tuple[int, list[Claim]]:
        taken = self._apply(kind, entry_id, noun, "engine:other", ())
        seq, claims = self.seq - 1, list(taken)
        for claim in claims:
            assert claim.refs[-1] == seq
            self._apply("incident", claim.id, claim.body, claim.actor, claim.refs)
        return seq, claims

    def _apply(
        self, kind: str, entry_id: str, noun: object, actor: str, refs: tuple[int, ...]
    ) -> list[Claim]:
        header = Header(actor, (), "", entry_id, kind, "", refs, self.seq, utc_text(START), 1)
        self.seq += 1
        return list(self.judge.apply(Fact(header, msgspec.Raw(msgspec.json.encode(noun)))))

    def tracks(self, *rows: dict, supersedes: tuple[int, ...] = ()) -> tuple[int, list[Claim]]:
        table = pa.Table.from_pylist([{**TANK, **row} for row in rows], schema=TRACK)
        blob = pieces.seal(table, self.blobs, "tracks")
        said = Tracks(round=SPAN, inputs_sha256="0" * 64, piece=blob, rows=len(rows), supersedes=supersedes)
        return self.take("track", f"trk-{self.seq}", said)

    def detections(self, *rows: dict, supersedes: tuple[int, ...] = ()) -> tuple[int, list[Claim]]:
        table = pa.Table.from_pylist([{"time_utc": START, **row} for row in rows], schema=DETECTION)
        blob = pieces.seal(table, self.blobs, "rows")
        said = Detections(
            observation="obs-1", detector="any", settings_sha256="0" * 64, version="1",
            piece=blob, rows=len(rows), supersedes=supersedes,
        )  # fmt: skip
        return self.take("detection", f"det-{self.seq}", said)


TANK = {
    "track_id": 5, "time_utc": START, "lat_deg": NORTH[0], "lon_deg": NORTH[1], "ce90_m": 30.0,
    "exists_p": 0.97, "p_armoured": 1.0, "side": "A", "last_seen_utc": START, "detections_used": 3,
}  # fmt: skip


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path)


def body(claim: Claim) -> Incident:
    assert isinstance(claim.body, Incident)
    return claim.body


def test_a_track_in_a_forbidden_belt_is_a_possible_violation_of_an_unknown_party(log):
    _, claims = log.tracks({})

    assert [(body(c).rule, body(c).verdict, body(c).party) for c in claims] == [
        ("XC-2", "possible_violation", "unknown")
    ]
    assert body(claims[0]).causes == ("track-5@2025-06-01T06:00:00Z",)
    assert body(claims[0]).report_ids == ()


def test_attribution_by_side_names_the_party_and_stays_possible(tmp_path):
    _, claims = Log(tmp_path, "side").tracks({})

    assert (body(claims[0]).party, body(claims[0]).verdict) == ("north", "possible_violation")
    assert "party_assumed" in body(claims[0]).reasons


def test_a_track_speaks_once_in_ten_minutes_and_then_joins(log):
    first, _ = log.tracks({}, {"time_utc": START + timedelta(minutes=3)})

    _, silent = log.tracks({"time_utc": START + timedelta(minutes=7)})
    _, joined = log.tracks({"time_utc": START + timedelta(minutes=12)})

    assert silent == []
    assert len(joined) == 1 and body(joined[0]).supersedes == (first + 1,)
    assert len(body(joined[0]).causes) == 2


def test_a_superseded_round_takes_its_incident_back(log):
    seq, claims = log.tracks({})

    _, answers = log.tracks({"exists_p": 0.2}, supersedes=(seq,))

    assert [(c.id, body(c).withdrawn) for c in answers] == [(claims[0].id, True)]
    assert body(answers[0]).supersedes == (seq + 1,)


def test_the_same_rows_in_a_newer_round_change_nothing(log):
    seq, _ = log.tracks({})

    assert log.tracks({}, supersedes=(seq,))[1] == []


def test_an_improbable_track_says_nothing(log):
    assert log.tracks({"exists_p": 0.49})[1] == []


def test_a_changed_place_is_judged_by_its_meaning(log):
    place = {"lat_deg": 24.5045, "lon_deg": 10.25, "ce90_m": 20.0, "confidence": 0.9, "meaning": "earthwork"}

    _, claims = log.detections(place)

    absence = next(body(c) for c in claims if body(c).rule == "XC-1")
    assert absence.verdict == "possible_violation"
    assert "class_uncertain" in absence.reasons
    assert absence.measured["meaning"] == "earthwork"
    assert absence.what == "change of the surface, maybe an earthwork"


@pytest.mark.parametrize("meaning", ["earthwork", "structure", "track", "burnt", "flooding", "unknown"])
def test_a_ban_on_changes_of_the_surface_holds_whatever_the_change_may_mean(log, meaning):
    place = {"lat_deg": 24.5045, "lon_deg": 10.25, "ce90_m": 20.0, "confidence": 0.9, "meaning": meaning}

    _, claims = log.detections(place)

    assert [body(c).class_ for c in claims].count("activity_ban") == 1


def test_a_changed_place_that_shows_again_stays_one_incident(log):
    place = {"lat_deg": 24.5045, "lon_deg": 10.25, "ce90_m": 20.0, "meaning": "unknown", "object": "alert-1"}
    _, first = log.detections(place)

    _, again = log.detections({**place, "confidence": 0.9, "time_utc": START + timedelta(days=12)})

    assert [body(c).causes for c in first] == [("alert-1",)]
    assert again == []


def test_a_changed_place_that_was_seen_earlier_after_all_begins_earlier(log):
    place = {"lat_deg": 24.5045, "lon_deg": 10.25, "ce90_m": 20.0, "meaning": "unknown", "object": "alert-1"}
    log.detections(place)

    _, claims = log.detections({**place, "time_utc": START - timedelta(days=12)})

    assert [body(c).start_utc for c in claims] == [START - timedelta(days=12)]


def test_a_person_who_reports_the_same_word_is_judged_by_the_word_alone(log):
    seen = {"lat_deg": 24.5045, "lon_deg": 10.25, "ce90_m": 20.0, "kind": "activity", "note": "flooding"}

    assert log.detections(seen)[1] == []


def test_rows_of_things_that_move_wait_for_their_track(log):
    assert log.detections({"lat_deg": 24.5, "lon_deg": 10.25, "ce90_m": 9.0, "p_armoured": 1.0})[1] == []


def test_superseded_detections_no_longer_count(log):
    place = {"lat_deg": 24.5045, "lon_deg": 10.25, "ce90_m": 20.0, "meaning": "earthwork"}
    seq, _ = log.detections(place)

    _, answers = log.detections(supersedes=(seq,))

    assert answers and all(body(c).withdrawn for c in answers)


def test_a_blocked_look_is_told_for_every_rule_that_looks_there(log):
    square = [[10.2, 24.49], [10.3, 24.49], [10.3, 24.51], [10.2, 24.51], [10.2, 24.49]]
    look = Observation(
        source="uav-1", key="k", phenomenon=SPAN, result_utc=START, status="blocked", reason="weather",
        footprint={"type": "Polygon", "coordinates": [square]},
    )  # fmt: skip

    _, claims = log.take("observation", look.id, look)

    assert sorted(str(body(c).rule) for c in claims) == ["XC-1", "XC-2", "XC-7"]
    assert {(body(c).verdict, body(c).party) for c in claims} == {("could_not_observe", None)}


def test_folding_the_same_log_again_gives_the_same_claims(tmp_path):
    def run(log: Log) -> list[Claim]:
        seq, first = log.tracks({})
        return [*first, *log.tracks({"lat_deg": 24.57}, supersedes=(seq,))[1]]

    assert run(Log(tmp_path / "a")) == run(Log(tmp_path / "b"))


def test_what_rests_on_a_report_that_was_blanked_stands(log):
    incident = Incident(
        class_="shot_cluster",
        report_ids=("r1", "r2"),
        start_utc=START,
        end_utc=START,
        lat_deg=24.5,
        lon_deg=10.2,
    )
    header = Header("user:o", (), "", "r1", "report", "", (), 0, utc_text(START), 1)
    log.judge.apply(Fact(header, redacted=Redacted(by="court", reason="asked to")))

    assert log._apply("incident", "inc-1", incident, "engine:judge", (0,)) == []
    assert log._apply(
        "incident", "inc-2", msgspec.structs.replace(incident, report_ids=("r3", "r4")), "engine:judge", (0,)
    )
