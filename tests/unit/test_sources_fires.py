"""Fire tables out of a folder become reports."""

import hashlib
import threading
from datetime import UTC, datetime

import pytest
from truceline.codec.observation_lines import report_line
from truceline.model.facts import Blob
from truceline.model.observed import Observation, Report
from truceline.sources.fires import Fires

VIIRS = (
    "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,instrument,confidence,version,"
    "bright_ti5,frp,daynight"
)
ROW = "35.10000,33.40000,331.2,0.45,0.39,2025-05-09,42,N20,VIIRS,n,2.0NRT,289.1,3.2,N"
MODIS = "latitude,longitude,brightness,scan,track,acq_date,acq_time,satellite,instrument,confidence,frp"


class Basket:
    def __init__(self, known=()):
        self.stop, self.known = threading.Event(), set(known)

    def put(self, sample, media_type, name):
        return Blob(sha256=hashlib.sha256(sample).hexdigest(), size_bytes=1, media_type=media_type, name=name)

    def now(self):
        return datetime(2026, 3, 1, tzinfo=UTC)

    def has(self, key):
        return key in self.known

    def has_finished(self, piece):
        return False

    def finish(self, piece):
        pass


def taken(folder, basket=None, **settings):
    source = Fires(name="firms", path=folder, **settings)
    return list(source.observe(basket or Basket(), follow=False))


def test_a_row_is_burning_ground_with_its_pixel_as_error(tmp_path):
    (tmp_path / "a.csv").write_text(f"{VIIRS}\n{ROW}\n")
    (one,) = taken(tmp_path)
    said = one.noun

    assert isinstance(said, Report)
    assert said.time_utc == datetime(2025, 5, 9, 0, 42, tzinfo=UTC)
    assert said.ce90_m == pytest.approx(0.45e3 * 2.1460 / 12**0.5, abs=0.1)
    line = report_line(one.id, said, "unknown", "firms")
    assert (line["kind"], line["activity"], line["confidence"]) == ("activity", "burnt", 0.7)


def test_the_same_fire_in_two_files_has_one_id(tmp_path):
    (tmp_path / "a.csv").write_text(f"{VIIRS}\n{ROW}\n{ROW}\n")
    (tmp_path / "b.csv").write_text(f"{VIIRS}\n{ROW}\n")

    assert len({one.id for one in taken(tmp_path)}) == 1


@pytest.mark.parametrize(
    ("confidence", "least", "count"),
    [("29", "nominal", 0), ("30", "nominal", 1), ("85", "high", 1), ("79", "high", 0), ("0", "low", 1)],
)
def test_percentages_are_ranked_as_firms_ranks_them(tmp_path, confidence, least, count):
    (tmp_path / "a.csv").write_text(f"{MODIS}\n35.1,33.4,310,1,1,2025-05-09,1042,T,MODIS,{confidence},5\n")

    assert len(taken(tmp_path, least=least)) == count


def test_fires_outside_the_box_are_left_out(tmp_path):
    (tmp_path / "a.csv").write_text(f"{VIIRS}\n{ROW}\n")

    assert taken(tmp_path, east_deg=33.0) == []


def test_bad_rows_are_counted_and_the_rest_goes_on(tmp_path):
    rows = [
        ROW,
        ROW.replace("35.10000", "95"),
        ROW.replace(",42,", ",2560,"),
        ROW.replace(",n,", ",x,"),
        "1,2",
    ]
    (tmp_path / "a.csv").write_text("\n".join([VIIRS, *rows]))
    fire, told = taken(tmp_path)

    assert isinstance(fire.noun, Report) and isinstance(told.noun, Observation)
    assert told.noun.status == "degraded"
    assert told.noun.reason.startswith("4 left out: a.csv:3: latitude")
    assert len(taken(tmp_path, Basket({told.noun.key}))) == 1


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00", b"latitude,longitude\n1,2\n"])
def test_a_file_that_is_no_fire_table_is_told(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    (told,) = taken(tmp_path)

    assert told.noun.status == "degraded"
