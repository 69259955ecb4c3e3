"""After warming a radar series needs no more compiled code."""

import subprocess
import sys

SERIES = """
import sys
from datetime import UTC, datetime, timedelta
import numpy as np
from truceline.detect.radar.alerts import geojson_of
from truceline.detect.radar.backscatter import encode
from truceline.detect.radar.bands import bands_of, score_band
from truceline.detect.radar.history import History, SarSettings, Stamp
from truceline.detect.radar.series import observe
from truceline.detect.radar.warm import warm
from truceline.geo.raster import Grid

def compiled():
    rooms = [module for name, module in sys.modules.items() if name.startswith("truceline.detect.radar")]
    each = {id(one): one for room in rooms for one in vars(room).values() if hasattr(one, "overloads")}
    return {one.py_func.__qualname__: len(one.overloads) for one in each.values()}

warm()
before = compiled()
grid = Grid("EPSG:32636", (30.0, 0.0, 500_000.0, 0.0, -30.0, 4_000_000.0), 70, 90)
history = History.new(SarSettings(baseline=2), grid, ("vv", "vh"))
for number in range(6):
    power = np.random.default_rng(number).gamma(5, 0.02, (2, 90, 70)).astype(np.float32)
    power[:, 20:40, 20:40] *= 3 if number > 3 else 1
    orbit = "ab"[number % 2] if number < 2 else "a"
    stamp = Stamp(str(number), datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number), orbit=orbit)
    observe(history, stamp, encode(power), threads=2)
for rows, columns in ((slice(0, 90), slice(0, 70)), (slice(0, 64), slice(0, 64))):
    bands_of(history, rows, columns)
    score_band(history, rows, columns)
geojson_of(history)
assert len(history.places) > 0
print({name: count for name, count in compiled().items() if count != before[name]})
"""


def test_a_series_after_warming_needs_no_more_compiled_code():
    done = subprocess.run([sys.executable, "-c", SERIES], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "{}\n"), done.stderr
