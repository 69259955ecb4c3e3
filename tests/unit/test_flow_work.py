"""Jobs on an executor: what becomes of them when a worker dies, and when the node stops."""

from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime

import msgspec
import pytest
from truceline.flow import work
from truceline.flow.look import FUNCTION, LookArgument
from truceline.log.blobs import Blobs
from truceline.model.facts import Job
from truceline.model.observed import Detections, Observation
from truceline.model.place import Span

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
