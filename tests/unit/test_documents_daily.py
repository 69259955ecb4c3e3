"""The daily report says what was seen, what was not, in the same words for both sides."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from truceline.documents.daily import Daily
from truceline.documents.markup import element, page
from truceline.documents.words import certainty, means, sentence
from truceline.log.blobs import Blobs
from truceline.model.decided import Decision, Explanation, Incident, Recommendation, Statement
from truceline.model.errors import BadInput
from truceline.model.facts import Fact, Header
from truceline.model.observed import Observation, Report
from truceline.model.place import Noun, Span, utc_text
from truceline.plug import load
from truceline.view.overpass import Overpass
from truceline.view.views import Views
from truceline.view.watch import Stations, Watched

BEGAN = datetime(2031, 5, 12, tzinfo=UTC)
DAY = Span(from_utc=BEGAN, until_utc=BEGAN + timedelta(days=1))


class Text(HTMLParser):
    """Collects visible text and the tags that opened."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(body.decode())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def say(views: Views, seq: int, kind: str, entry_id: str, body: Noun, hours: float = 1) -> None:
    header = Header(
        actor="reporter:patrol", blobs=(), body_sha256="", id=entry_id, kind=kind, prev_sha256="", refs=(),
        seq=seq, time_utc=utc_text(BEGAN + timedelta(hours=hours)), v=1,
    )  # fmt: skip
    fact = Fact(header=header, body=msgspec.Raw(msgspec.json.encode(body)))
    for view in views.folds():
        view.apply(fact)


def incident(**changes) -> Incident:
    values = {
        "class_": "crossing", "report_ids": (), "start_utc": BEGAN + timedelta(hours=2),
        "end_utc": BEGAN + timedelta(hours=2), "lat_deg": 24.5, "lon_deg": 10.1, "ce90_m": 40.0,
        "verdict": "violation", "probability": 0.9, "article": "Art. 3", "party": "north",
        "explanation": Explanation(supports="Seen at the line.", challenges="One source."),
    }  # fmt: skip
    return Incident(**{**values, **changes})


@pytest.fixture
def views(tmp_path):
    made = Views.empty(
        Blobs(tmp_path),
        sources=[Watched("radar-1", "sar", 3600)],
        stations=Stations(1000, [24.5, 24.5], [10.1, 10.2]),
    )
    ground = {
        "type": "Polygon",
        "coordinates": [[[10.05, 24.4], [10.15, 24.4], [10.15, 24.6], [10.05, 24.6], [10.05, 24.4]]],
    }
    look = Observation(
        source="radar-1", key="1", phenomenon=Span(from_utc=BEGAN, until_utc=BEGAN + timedelta(hours=1)),
        result_utc=BEGAN, footprint=ground,
    )  # fmt: skip
    say(made, 0, "observation", look.id, look, 1)
    heard = Report(type="shot", time_utc=BEGAN, lat_deg=24.5, lon_deg=10.1)
    say(made, 1, "report", "rep-1", heard, 2)
    say(made, 2, "incident", "inc-1", incident(report_ids=("rep-1",), causes=("rep-1", "det-4/0")), 3)
    blind = incident(
        verdict="could_not_observe", party=None, probability=None, reasons=("weather",), class_="absence"
    )
    say(made, 3, "incident", "inc-2", blind, 3)
    proposal = Recommendation(
        incident_ids=("inc-1",), action="Send Q-1.", why="w", now_utc=BEGAN + timedelta(hours=3)
    )
    say(made, 4, "recommendation", "rec-1", proposal, 3)
    decision = Decision(
        recommendation_id="rec-1", verdict="approved", reason="because Kim said so", by="Maj. Lindqvist",
        role="commander", at_utc=BEGAN + timedelta(hours=4),
    )  # fmt: skip
    say(made, 5, "decision", "dec-1", decision, 4)
    say(made, 6, "statement", "st-1", Statement(about="release", by="c", incident_id="inc-1", party="A"), 23)
    return made


def test_the_same_views_give_the_same_bytes(views):
    assert Daily().write(views, DAY) == Daily().write(views, DAY)


def test_each_incident_stands_with_means_certainty_article_and_entry(views):
    text = Text(Daily().write(views, DAY)).text

    assert "crossing of the line, party north" in text
    assert "heard and recorded" in text
    assert "assessed as violation, likely (90 %)" in text
    assert "Art. 3" in text and "2 (open)" in text
    assert "What speaks against it: One source." in text


def test_what_could_not_be_observed_names_the_obstacle(views):
    text = Text(Daily().write(views, DAY)).text

    assert "could not be verified because weather" in text
    assert "no source looked" in text
    assert "km 1.0 to 2.0" in text
    assert "1†" in text


def test_an_incident_of_its_last_moment_is_of_the_span_and_what_begins_at_its_end_is_not(views):
    moment = BEGAN + timedelta(hours=2)  # when both incidents are
    ends, begins = Span(from_utc=moment, until_utc=DAY.until_utc), Span(from_utc=BEGAN, until_utc=moment)

    assert "1 incident assessed as violation" in Text(Daily().write(views, ends)).text
    assert "No incident is in force" in Text(Daily().write(views, begins)).text


def test_a_proposal_at_the_end_of_a_span_belongs_to_the_next(views):
    made = BEGAN + timedelta(hours=3)

    before = Text(Daily().write(views, Span(from_utc=BEGAN, until_utc=made))).text
    after = Text(Daily().write(views, Span(from_utc=made, until_utc=DAY.until_utc))).text

    assert "Nothing was proposed." in before and "1 recommendation: approved" not in before
    assert "Send Q-1." in after


def test_a_withdrawn_proposal_says_why(views):
    gone = Recommendation(
        incident_ids=("inc-1",), action="Send Q-2.", why="w", now_utc=BEGAN + timedelta(hours=5)
    )
    say(views, 7, "recommendation", "rec-2", gone, 5)
    taken_back = msgspec.structs.replace(
        gone, withdrawn=True, supersedes=(7,), withdrawn_because="It holds no more."
    )
    say(views, 8, "recommendation", "rec-2", taken_back, 6)

    assert "withdrawn: It holds no more." in Text(Daily().write(views, DAY)).text


def test_incidents_are_counted_in_the_sector_of_the_nearest_node(tmp_path):
    corridor = Path(__file__).parents[2] / "truceline/sim/corridor/force.json"
    views = Views.empty(Blobs(tmp_path), force=corridor.read_bytes())
    node = next(one for one in views.teams.nodes().values() if one.sector == "S4")
    say(views, 0, "incident", "inc-1", incident(lat_deg=node.lat_deg + 0.001, lon_deg=node.lon_deg))

    assert "S4 1 0 0 0 0 all 1" in Text(Daily().write(views, DAY)).text


def test_of_very_many_gaps_the_smallest_are_summed_in_one_line(tmp_path):
    many = 70
    lons = [10.0 + 0.1 * number for number in range(2 * many)]
    views = Views.empty(
        Blobs(tmp_path),
        sources=[Watched("radar-1", "sar", 3600)],
        stations=Stations(1000, [24.5] * len(lons), lons),
    )
    for number in range(many):  # every second place is looked at, all but the first for the whole day
        west, east = lons[2 * number] - 0.05, lons[2 * number] + 0.05
        corners = [(west, 24.4), (east, 24.4), (east, 24.6), (west, 24.6), (west, 24.4)]
        span = Span(from_utc=BEGAN + timedelta(hours=0 if number else 23), until_utc=DAY.until_utc)
        look = Observation(
            source="radar-1", key=str(number), phenomenon=span, result_utc=BEGAN,
            footprint={"type": "Polygon", "coordinates": [corners]},
        )  # fmt: skip
        say(views, number, "observation", look.id, look, 24)

    text = Text(Daily().write(views, DAY)).text

    assert "km 0.0 to 2.0" in text  # twice as long as the others, for 23 hours
    assert re.search(r"\d+ smaller stretches are not listed, \d+ km × hours together\.", text)


def test_no_person_is_named_but_by_role(views):
    body = Daily().write(views, DAY).decode()

    assert "approved by a commander" in body
    assert "Lindqvist" not in body and "Kim" not in body


def test_a_partys_report_holds_only_what_was_released_to_it(views):
    for_a, for_b = (Text(Daily(party=side).write(views, DAY)).text for side in ("A", "B"))

    assert "crossing of the line" in for_a and "Copy for party A" in for_a
    assert "crossing of the line" not in for_b
    for text in (for_a, for_b):
        assert (
            "radar-1" not in text and "Send Q-1" not in text and "could not be observed, and why" not in text
        )


def test_an_exercise_says_so_and_a_mission_does_not(views):
    assert b"EXERCISE" in Daily(exercise=True).write(views, DAY)
    assert b"EXERCISE" not in Daily().write(views, DAY)


def test_what_rests_on_reports_alone_was_not_recorded():
    seen, heard = (
        Report(type=word, time_utc=BEGAN, lat_deg=24.5, lon_deg=10.1) for word in ("sighting", "shot")
    )

    assert means(incident(report_ids=("r",), causes=("r",)), [seen]) == "observed"
    assert means(incident(report_ids=("r",), causes=("r", "det/0")), [heard]) == "heard and recorded"
    assert means(incident(), []) == "on record"


def test_both_sides_are_written_of_in_the_same_words():
    north, south = (sentence(incident(party=party)) for party in ("north", "south"))

    assert north.replace("north", "south") == south


def test_a_count_is_said_with_its_limits():
    counted = incident(class_="timetable", measured={"count_certain": 0, "count_max": 1, "max_count": 0})

    assert sentence(counted).endswith(", 0 counted with certainty, 1 at most, 0 allowed")


def test_reported_markup_stays_text(views):
    nasty = incident(
        zone='<script src="//x">', explanation=Explanation(supports="</p><img>\x00\u202e", challenges="c")
    )
    say(views, 7, "incident", "inc-3", nasty, 5)

    read = Text(Daily().write(views, DAY))

    assert "script" not in read.tags and "img" not in read.tags
    assert '<script src="//x">' in read.text
    assert "\x00" not in read.text and "\u202e" not in read.text
    assert "⟨U+0000⟩⟨U+202E⟩" in read.text


def test_the_page_asks_no_other_host_for_anything(views):
    body = Daily().write(views, DAY).decode()

    assert "http" not in body and "src=" not in body and "url(" not in body


def test_a_span_without_incidents_says_none_and_never_all_clear(views):
    later = Span(from_utc=BEGAN + timedelta(days=5), until_utc=BEGAN + timedelta(days=6))
    text = Text(Daily().write(views, later)).text

    assert "No incident is in force for this span." in text
    assert "all clear" not in text


def test_the_counts_of_the_span_before_stand_beside(views):
    later = Span(from_utc=BEGAN + timedelta(days=1), until_utc=BEGAN + timedelta(days=2))
    text = Text(Daily().write(views, later)).text

    assert "all, span before 1 0 0 1 0" in text


def test_an_empty_span_is_refused(views):
    with pytest.raises(BadInput, match="before it begins"):
        Daily().write(views, Span(from_utc=BEGAN, until_utc=BEGAN))


def test_the_mission_file_can_ask_for_it_by_its_word():
    assert isinstance(load("documents", {"kind": "daily", "languages": ["en"]}), Daily)


@pytest.mark.parametrize(
    ("p", "word"), [(0.95, "certain"), (0.9499, "likely"), (0.69, "possible"), (None, "no ")]
)
def test_probability_has_its_word(p, word):
    assert certainty(p).startswith(word)


def test_text_and_elements_keep_their_order():
    assert b"<p>a<b>b</b>c</p>" in page(element("p", "a", element("b", "b"), "c"))


def test_bytes_do_not_hang_on_the_hash_seed():
    script = (
        "import datetime as d, tempfile, pathlib, hashlib;"
        "from truceline.documents.daily import Daily; from truceline.view.views import Views;"
        "from truceline.log.blobs import Blobs; from truceline.model.place import Span;"
        "v = Views.empty(Blobs(pathlib.Path(tempfile.gettempdir())));"
        "t = d.datetime(2031, 5, 12, tzinfo=d.UTC);"
        "print(hashlib.sha256(Daily().write(v, Span(from_utc=t, until_utc=t + d.timedelta(1)))).hexdigest())"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }

    assert len(hashes) == 1


class OnePass:
    """A sky with one satellite, half an hour after each moment that is asked about."""

    def between(self, from_utc, until_utc):
        return [
            Overpass(
                satellite="SENTINEL-1A", norad_id=1, from_utc=from_utc, until_utc=from_utc,
                highest_utc=from_utc + timedelta(minutes=30), km_from=0.0, km_to=2.0, max_elevation_deg=52.4,
                direction="ascending", sunlit_ground=False, epoch_age_days=20.0,
            )
        ]  # fmt: skip


def test_blind_stretches_say_which_satellite_can_look_and_old_elements_are_marked(views):
    span = Span(from_utc=BEGAN, until_utc=BEGAN + timedelta(hours=22))

    said = Daily().write(msgspec.structs.replace(views, sky=OnePass()), span).decode()

    assert f"not yet; SENTINEL-1A can look {BEGAN + timedelta(hours=22, minutes=30):%Y-%m-%d %H:%M}Z" in said
    assert "SENTINEL-1A*" in said and "older than 14 days" in said
    assert "52°" in said and "night" in said


def test_a_party_is_not_told_when_satellites_look(views):
    span = Span(from_utc=BEGAN, until_utc=BEGAN + timedelta(hours=22))

    said = Daily(party="A").write(msgspec.structs.replace(views, sky=OnePass()), span).decode()

    assert "SENTINEL" not in said
