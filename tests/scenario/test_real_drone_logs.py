"""Real flight logs, damaged: whole records are read, and what was lost is said."""

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from truceline.app.cli import main

NOISE = bytes(range(1, 101))
REAL_LOGS = {
    "flight_dev.tlog": (13, r"\b35 bytes of a cut record left over"),
    "px4_small.ulg": (421_630, r"\b\d+ bytes of a cut record left over"),
    "ardupilot.BIN": (15_535, r"\b5 bytes of a cut record left over"),
}


@pytest.mark.parametrize("name", REAL_LOGS)
def test_a_real_log_that_is_cut_gives_its_whole_records(name, shared: Path, tmp_path: Path, capsys):
    data, (cut_bytes, says) = (shared / "data/drone/telemetry" / name).read_bytes(), REAL_LOGS[name]
    tables = []
    for end in (len(data), len(data) - cut_bytes):
        (tmp_path / name).write_bytes(data[:end])
        assert main(["telemetry", str(tmp_path / name), "--out", str(tmp_path / "o")]) == 0
        tables.append(pq.read_table(tmp_path / "o").drop_columns(["time"]))

    whole, part = tables
    assert 0 < part.num_rows < whole.num_rows and part == whole.slice(0, part.num_rows)
    assert re.search(rf"{name}: .*{says}", capsys.readouterr().err.splitlines()[-1])


def test_frames_with_a_wrong_checksum_and_noise_are_counted_in_a_real_log(shared: Path, tmp_path, capsys):
    data = bytearray((shared / "data/drone/telemetry/flight_dev.tlog").read_bytes())
    middle = len(data) // 2
    data[middle:middle] = NOISE
    (tmp_path / "a.tlog").write_bytes(data)

    assert main(["telemetry", str(tmp_path / "a.tlog"), "--out", str(tmp_path / "o")]) == 0

    (said,) = capsys.readouterr().err.splitlines()
    assert re.search(r"a.tlog: 1 positions with a wrong checksum skipped.*; \d+ bytes of noise skipped", said)
    assert pq.read_table(tmp_path / "o").num_rows == 299
