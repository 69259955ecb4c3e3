"""A short run of what tests/fuzz/drone_inputs.py throws by the million."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("drone_inputs.py")


@pytest.mark.parametrize("seed", [11])
def test_no_parser_of_drone_data_is_hurt_by_damaged_bytes(seed):
    done = subprocess.run(
        [sys.executable, "-W", "error", SCRIPT, "--inputs", "400", "--seed", str(seed)],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 8
