"""Flight logs of real aircraft, against rows that an independent reader found in them."""

import json
from pathlib import Path

import numpy as np
import pytest
from truceline.codec.flightlog.log import read_log

TOLERANCES = {
    "t_s": 2e-3, "time_us": 2000, "lat_deg": 2e-7, "lon_deg": 2e-7, "rel_alt_m": 6e-3, "msl_m": 6e-3,
    "heading_deg": 0.02,
}  # fmt: skip


@pytest.mark.parametrize(
    "file",
    [
        "air2s.srt", "ardupilot.BIN", "broken_incomplete.SRT", "broken_incomplete2.SRT", "flight_dev.tlog",
        "mavic_2_style.SRT", "mavic_2pro_new.SRT", "mavic_air2.srt", "mavic_mini.SRT", "mavic_pro.SRT",
        "p4_rtk.SRT", "p4p_sample.SRT", "px4_small.ulg",
    ],
)  # fmt: skip
def test_log_reads_as_by_an_independent_reader(shared: Path, file: str):
    folder = shared / "data/drone/telemetry"
    expected = json.loads((folder / "expected" / f"{file}.json").read_bytes())

    table, _ = read_log(file, [(folder / file).read_bytes()])

    assert table.num_rows == len(expected["rows"])
    for k, name in enumerate(expected["columns"]):
        told = np.array([row[k] for row in expected["rows"]], float)
        if name == "time_us":
            got = table["time"].cast("int64").to_numpy().astype(float)
        else:
            got = table[name].to_numpy(zero_copy_only=False).astype(float)
        np.testing.assert_allclose(got, told, rtol=0, atol=TOLERANCES[name])
    if expected.get("time_is_utc") is False:
        assert table["time"].null_count == table.num_rows
