"""What set-up compiles is all that `truceline fuse` needs on real files."""

import subprocess
import sys

import pytest

SCRIPT = """
import gc, sys
from numba.core.dispatcher import Dispatcher
from truceline.app.cli import main
from truceline.track.files.warm import warm

def compiled():
    return {(d.py_func.__module__, d.py_func.__name__, str(s))
            for d in gc.get_objects() if isinstance(d, Dispatcher) for s in d.signatures}

warm()
before = compiled()
assert before
for how in ([], ["--smooth"]):
    assert main(["fuse", *sys.argv[1:], *how]) == 0
print(sorted(compiled() - before))
"""


@pytest.mark.slow
def test_fuse_compiles_nothing_that_set_up_has_not(shared, tmp_path):
    files = shared / "data" / "fusion" / "n50_s1"
    given = [files / "detections.parquet", "--sensors", files / "sensors.parquet"]
    given += ["--looks", files / "looks.parquet", "--out", tmp_path / "t.parquet"]
    given += ["--sensor-report", tmp_path / "r.json"]

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, given)], check=False, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
