import re
import subprocess
import sys
from pathlib import Path

import truceline

STEP = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from loop_at_hand import add_up
print(add_up(np.arange(5.0)), "numba.np.linalg" in sys.modules)
"""
LOOP = """
from truceline.geo.loops import njit

@njit(cache=True)
def add_up(values):
    total = 0.0
    for value in values:
        total += value
    return total
"""
TYPED = """
from truceline.geo.loops import njit

@njit(cache=True)
def add_up(box):
    total = 0.0
    for value in box.values:
        total += value
    return total
"""
SHAPE = """
from typing import NamedTuple
import numpy as np

class Box(NamedTuple):
    values: np.ndarray
"""
TAKE = """
import importlib, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from loop_at_hand import add_up
print(add_up(importlib.import_module(sys.argv[2]).Box(np.arange(5.0))))
"""

CALLER = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from loop_at_hand import add_up
from truceline.geo.loops import njit

@njit()
def twice(values):
    return 2 * add_up(values)

values = np.arange(5.0)
print(add_up(values), twice(values), add_up(values[::2]))
"""
FLAGS = """
from truceline.geo.loops import njit
import numpy as np

@njit(cache=True)
def add_up(values):
    words = values.view(np.int64)
    if words[0] < 0:
        raise ValueError("the first is negative")
    return words.astype(np.float64).sum()
"""
LOAD = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from loop_at_hand import add_up
print(add_up(np.arange(5)), "numba.np.arrayobj" in sys.modules)
try:
    add_up(np.arange(-1, 5))
except ValueError as error:
    print(error)
"""


def run(code, folder):
    return subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )


def test_a_loop_that_was_read_can_be_called_by_one_that_is_compiled_then(tmp_path):
    (tmp_path / "loop_at_hand.py").write_text(LOOP)

    told = [run(CALLER, tmp_path).stdout.split() for _ in range(2)]

    assert told == 2 * [["10.0", "20.0", "6.0"]]


def test_a_loop_that_was_compiled_before_is_read_without_the_modules_of_numba_it_was_made_with(tmp_path):
    (tmp_path / "loop_at_hand.py").write_text(FLAGS)

    told = [run(LOAD, tmp_path).stdout.splitlines() for _ in range(2)]

    assert told == [[f"10.0 {before}", "the first is negative"] for before in (True, False)]


def test_a_loop_that_was_compiled_before_is_read_without_what_compiling_needs(tmp_path):
    (tmp_path / "loop_at_hand.py").write_text(LOOP)
    told = [
        subprocess.run(
            [sys.executable, "-c", STEP, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert told == [["10.0", "True"], ["10.0", "False"]]


def test_what_was_compiled_for_a_module_that_is_no_more_is_compiled_anew(tmp_path):
    (tmp_path / "loop_at_hand.py").write_text(TYPED)
    (tmp_path / "shape.py").write_text(SHAPE)
    first = subprocess.run([sys.executable, "-c", TAKE, str(tmp_path), "shape"], check=True)
    (tmp_path / "shape.py").rename(tmp_path / "form.py")

    again = subprocess.run(
        [sys.executable, "-c", TAKE, str(tmp_path), "form"], capture_output=True, text=True, check=False
    )

    assert (first.returncode, again.returncode, again.stdout.split()) == (0, 0, ["10.0"]), again.stderr


def test_nothing_but_its_door_imports_the_compiler():
    files = Path(truceline.__file__).parent.rglob("*.py")
    doors = [
        file.name for file in files if re.search(r"^(import|from) numba", file.read_text(), re.MULTILINE)
    ]
    assert doors == ["loops.py"]
