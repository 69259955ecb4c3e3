"""truceline report: one page over the log alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from truceline.app.cli import main
from truceline.log.journal import Journal
from truceline.model.decided import Incident
from truceline.model.facts import Claim
from truceline.model.observed import Observation, Report
from truceline.model.place import Span

BEGAN = datetime(2031, 5, 12, 6, tzinfo=UTC)


@pytest.fixture
def data(tmp_path) -> Path:
    folder = tmp_path / "data"
    journal = Journal.open(folder, now=lambda: BEGAN)
    shot = Report(type="shot", time_utc=BEGAN, lat_deg=24.5, lon_deg=10.1)
    look = Observation(
        source="radar",
        key="1",
        phenomenon=Span(from_utc=BEGAN - timedelta(hours=1), until_utc=BEGAN),
        result_utc=BEGAN,
    )
    held = Incident(
        class_="shot_cluster", report_ids=("rep-1", "rep-2"), start_utc=BEGAN - timedelta(hours=1),
        end_utc=BEGAN, lat_deg=24.5, lon_deg=10.1, ce90_m=30.0,
    )  # fmt: skip
    answers = journal.append(
        [
            Claim(kind="observation", id=look.id, body=look, actor="source:radar"),
            Claim(kind="report", id="rep-1", body=shot, actor="observer:patrol"),
            Claim(kind="incident", id="inc-1", body=held, actor="engine:judge", refs=(1,)),
        ]
    )
    assert all(hasattr(answer, "fact") for answer in answers), answers
    journal.close()
    return folder


def test_the_page_holds_the_logs_incidents_and_its_root(data, tmp_path):
    out = tmp_path / "day.html"

    assert main(["report", str(data), "--out", str(out)]) == 0

    page = out.read_text()
    journal = Journal.open(data)
    root, size = journal.checkpoint()["checkpoint"]["root_sha256"], journal.tree_size
    journal.close()
    assert "heard" in page and "shots" in page
    assert root in page and f"{size} entries" in page


def test_the_same_log_and_span_give_the_same_bytes(data, tmp_path):
    for name in ("a.html", "b.html"):
        main(["report", str(data), "--out", str(tmp_path / name), "--to", "2031-05-13T00:00:00Z"])

    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_a_party_sees_nothing_that_was_not_released(data, tmp_path):
    out = tmp_path / "a.html"

    assert main(["report", str(data), "--party", "A", "--out", str(out)]) == 0

    assert "No incident of this span is released to party A." in out.read_text()
    assert "radar" not in out.read_text()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--out", "day.pdf"], "HTML only"),
        (["--out", "day.html", "--language", "xx"], "--language"),
        (["--out", "day.html", "--from", "yesterday"], "--from"),
        (["--out", "day.html", "--to", "2031-05-12T00:00:00"], "no zone"),
        (["--out", "day.html", "--kind", "hourly"], "no plug-in of that name"),
        (["--out", "day.html", "--from", "2031-05-14T00:00:00Z"], "before it begins"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(data, tmp_path, monkeypatch, capsys, more, says):
    monkeypatch.chdir(tmp_path)

    assert main(["report", str(data), *more]) == 2

    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
    assert not list(tmp_path.glob("day.*"))


def test_a_folder_without_a_log_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "day.html")]) == 2
    assert "no log here" in capsys.readouterr().err
