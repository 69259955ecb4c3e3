"""Jobs on an executor: what becomes of them when a worker dies, and when the node stops."""

from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import msgspec
import pytest
from truceline.flow import work
from truceline.flow.look import FUNCTION, LookArgument
from truceline.log.blobs import Blobs
from truceline.model.facts import Job
from truceline.model.observed import Detections, Observation
from truceline.model.place import Span
from truceline.model.tables import DETECTION
from truceline.plug import Detector, Found, Sight

START = datetime(2026, 3, 1, tzinfo=UTC)


class DeadPool:
    """Stands for workers that die at once, whatever they are given."""

    made = 0

    def __init__(self, *_: object, **__: object) -> None:
        DeadPool.made += 1

    def submit(self, *_: object) -> None:
        raise BrokenProcessPool("a worker died")

    def shutdown(self, **_: object) -> None:
        pass


@pytest.fixture
def job():
    look = Observation(
        source="s1", key="k", phenomenon=Span(from_utc=START, until_utc=START), result_utc=START
    )
    argument = LookArgument(settings={"kind": "sar_change"}, settings_sha256="0", observation=look, blobs=())
    return Job(
        kind="detection", id="d", actor="detector:sar_change", refs=(1,), function=FUNCTION,
        argument=msgspec.json.encode(argument),
    )  # fmt: skip


@pytest.fixture
def workers(monkeypatch, tmp_path):
    monkeypatch.setattr(work, "ProcessPoolExecutor", DeadPool)
    monkeypatch.setattr(DeadPool, "made", 0)
    delivered = []
    return work.Work(Blobs(tmp_path), 1, delivered.append), delivered


def test_a_job_whose_workers_always_die_is_told_as_nothing_seen_and_waits_no_more(workers, job):
    pool, delivered = workers

    pool.submit(job)

    (claim,) = delivered
    assert isinstance(claim.body, Detections)
    assert (claim.body.status, claim.body.rows) == ("degraded", 0)
    assert "a worker died" in claim.body.reason
    assert pool.pending == 0


def test_a_stopped_node_starts_no_workers(workers, job):
    pool, delivered = workers

    pool.stop()
    pool.submit(job)

    assert (delivered, DeadPool.made) == ([], 0)


SIGHT = Sight(basis="made up", pd=0.5, finds={"car": 0.9}, apart_s=10)
SQUARE = {"type": "Polygon", "coordinates": [[[37, 48], [37.01, 48], [37.01, 48.01], [37, 48.01], [37, 48]]]}
HALF = {"type": "Polygon", "coordinates": [[[37, 48], [37.005, 48], [37.005, 48.01], [37, 48.01], [37, 48]]]}


def looked(found=None, **more):
    span = Span(from_utc=START, until_utc=START + timedelta(seconds=10))
    told = {"source": "s", "key": "k", "phenomenon": span, "result_utc": START, "footprint": SQUARE} | more
    found = found or Found(rows=DETECTION.empty_table())
    return work.looks_of(SIGHT, Observation(**told), found).to_pylist()


def test_a_detector_with_a_sight_looked_at_the_footprint_less_what_was_hidden():
    (whole,) = looked()
    (half,) = looked(Found(rows=DETECTION.empty_table(), hidden=HALF))

    assert (whole["sensor"], whole["pd"], whole["finds_car"], whole["finds_person"]) == ("s", 0.5, 0.9, 0.0)
    assert (whole["since_utc"], whole["time_utc"]) == (START, START + timedelta(seconds=10))
    assert whole["lon_deg"] == pytest.approx(37.005, abs=1e-4)
    assert half["lon_deg"] == pytest.approx(37.0075, abs=1e-4)
    assert half["a_m"] * half["b_m"] == pytest.approx(whole["a_m"] * whole["b_m"] / 2, rel=0.03)


def test_what_is_not_in_order_says_nothing_by_its_silence():
    nothing = DETECTION.empty_table()

    assert looked(Found(rows=nothing, status="degraded", reason="frames do not decode")) == []
    assert looked(status="degraded", reason="azimuth_bias") == []
    assert looked(footprint=None) == []
    assert work.looks_of(None, Observation(
        source="s", key="k", phenomenon=Span(from_utc=START, until_utc=START), result_utc=START,
        footprint=SQUARE,
    ), Found(rows=nothing)).num_rows == 0  # fmt: skip


def test_a_sample_that_changed_on_the_disk_is_not_looked_at(tmp_path, job):
    blobs, delivered = Blobs(tmp_path), []
    clip = blobs.put(b"a clip", "video/mp2t", "clip.ts")
    blobs.open(clip).write_bytes(b"another clip")
    asked = msgspec.structs.replace(
        msgspec.json.decode(job.argument, type=LookArgument), settings={"kind": "movers"}, blobs=(clip,)
    )

    work.Work(blobs, 0, delivered.append).submit(
        msgspec.structs.replace(job, argument=msgspec.json.encode(asked))
    )

    (claim,) = delivered
    assert isinstance(claim.body, Detections)
    assert claim.body.status == "degraded"
    assert clip.sha256 in claim.body.reason and "its content has changed" in claim.body.reason


class Counting(Detector):
    """Remembers how many pieces it has seen."""

    stateful: ClassVar[bool] = True

    def detect(self, observation, blobs, media):
        seen = int(media.memory.read_bytes()) + 1 if media.memory is not None else 1
        memory = media.put(str(seen).encode(), "application/octet-stream", "memory")
        return Found(rows=DETECTION.empty_table(), memory=memory, reason=f"piece {seen}")


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_a_detector_whose_memory_is_gone_says_so_and_begins_anew(tmp_path, monkeypatch, job, harm):
    monkeypatch.setattr(work, "load", lambda *_: Counting())
    blobs, delivered = Blobs(tmp_path), []
    memory = blobs.put(b"41", "application/octet-stream", "memory")
    if harm == "gone":
        blobs.open(memory).unlink()
    else:
        blobs.open(memory).write_bytes(b"7")
    asked = msgspec.structs.replace(
        msgspec.json.decode(job.argument, type=LookArgument), memory=memory, memory_taken=memory.sha256
    )

    work.Work(blobs, 0, delivered.append).submit(
        msgspec.structs.replace(job, argument=msgspec.json.encode(asked))
    )

    (claim,) = delivered
    said = claim.body
    assert (said.status, said.memory_taken) == ("degraded", memory.sha256)
    assert said.reason.startswith("begun anew without its memory: ")
    assert memory.sha256 in said.reason and said.reason.endswith("; piece 1")
    assert blobs.open(said.memory).read_bytes() == b"1"
