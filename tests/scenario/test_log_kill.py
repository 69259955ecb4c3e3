"""Killed at any moment, the log keeps all that it acknowledged."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from truceline.log import verify
from truceline.log.journal import Journal
from truceline.model.facts import Claim

SEED = 20260301
WRITER = """
import sys
from pathlib import Path
from truceline.log.journal import Journal
from truceline.model.facts import Claim

journal = Journal.open(Path(sys.argv[1]))
journal.segment_bytes = 30_000
run, number = sys.argv[2], 0
print("ready", flush=True)
while True:
    size = 1 + number % 7
    claims = [
        Claim(kind="report", id=f"{run}-{number + n}", body={"type": "note", "n": n}, actor="user:x")
        for n in range(size)
    ]
    for answer in journal.append(claims):
        sys.stdout.write(f"{answer.fact.id} {answer.leaf_sha256}\\n")
    sys.stdout.flush()
    number += size
"""


@pytest.mark.slow
@pytest.mark.timeout(3600)  # the long run of 200 kills takes minutes
def test_kill_9_at_random_moments_loses_nothing_acknowledged(tmp_path: Path) -> None:
    # TRUCELINE_KILLS=200 for the long run; continuous integration takes what fits into about 10 s.
    kills = int(os.environ.get("TRUCELINE_KILLS", "12"))
    chance = random.Random(SEED)
    data = tmp_path / "data"
    acknowledged: dict[str, str] = {}

    for run in range(kills):
        acknowledged |= _killed_run(data, run, chance.randrange(0, 200), chance.uniform(0, 0.02))
        journal = Journal.open(data)
        present = {fact.id: journal.leaf(fact.seq) for fact in journal.facts()}
        journal.append([Claim(kind="report", id=f"after-{run}", body={}, actor="user:x")])
        journal.close()

        assert acknowledged.items() <= present.items()

    trust = verify.read_trust(data / "keys" / "trust.json")
    assert verify.verify_path(data, trust)[0] == 0
    assert len(acknowledged) > kills


def _killed_run(data: Path, run: int, lines_heard: int, then_s: float) -> dict[str, str]:
    """Kill a writer a moment after some lines; return what it had acknowledged in whole lines."""
    command = [sys.executable, "-c", WRITER, str(data), f"run{run}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        lines = [writer.stdout.readline() for _ in range(lines_heard)]
        time.sleep(then_s)
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.read().splitlines(keepends=True)
    pairs = [line.decode().split() for line in lines if line.endswith(b"\n")]
    return {pair[0]: pair[1] for pair in pairs}


@pytest.mark.slow
def test_kill_9_during_the_very_first_start_leaves_a_folder_that_opens(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    for run in range(4):
        data = tmp_path / f"data{run}"
        command = [sys.executable, "-c", WRITER, str(data), "first"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as writer:
            while not data.exists() and writer.poll() is None:
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.01))
            writer.send_signal(signal.SIGKILL)

        journal = Journal.open(data)
        journal.close()

        assert verify.verify_path(data)[0] == 4


FORKER = """
import os, sys, time
from pathlib import Path
from truceline.log.journal import Journal

journal = Journal.open(Path(sys.argv[1]))
worker = os.fork()
if worker == 0:
    print(f"{os.getpid()}", flush=True)
    time.sleep(60)
    os._exit(0)
os.waitpid(worker, 0)
"""


def test_a_forked_worker_that_outlives_a_killed_writer_does_not_hold_the_lock(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FORKER, str(tmp_path / "data")], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        worker = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        try:
            Journal.open(tmp_path / "data").close()
        finally:
            os.kill(worker, signal.SIGKILL)
