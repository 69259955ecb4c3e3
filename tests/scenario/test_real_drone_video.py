"""Parked vehicles in a real flight by day are found again and again, and lie where the packets say."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from truceline.app.cli import main
from truceline.geo.crs import distances_m

# Read off the pictures by eye: middles of two pickups, pixels of 720 x 480; the camera stares at them.
PARKED = ((362.0, 234.0), (487.0, 255.0))
LEAST_SHARE = 0.7  # of the frames
VEHICLES = {"car", "van", "truck", "bus", "trailer", "other_vehicle"}


@pytest.mark.slow
def test_parked_vehicles_of_a_real_flight_are_found_inside_their_stated_error(shared, tmp_path):
    clip = shared / "data/drone/klv/aphill_short.ts"
    for verb in (["detect", "video", "--model", "objects"], ["video", "klv"]):
        assert main([*verb, str(clip), "--out", str(tmp_path / f"{verb[1]}.parquet")]) == 0
    rows = pq.read_table(tmp_path / "video.parquet").to_pylist()
    packets = pq.read_table(tmp_path / "klv.parquet")
    frames = {row["frame_index"] for row in rows}

    for x, y in PARKED:
        found = [row for row in rows if row["category"] in VEHICLES and _shows(row, x, y)]
        off_m = [_off_m(row, packets, x, y) for row in found]

        assert len({row["frame_index"] for row in found}) >= LEAST_SHARE * len(frames)
        assert all(off <= row["ce90_m"] for off, row in zip(off_m, found, strict=True))


def _shows(row, x, y):
    """Tell whether the mark lies in the box, and the box is no larger than a vehicle's surroundings."""
    right, down = (x - row["bbox_x_px"]) / row["bbox_w_px"], (y - row["bbox_y_px"]) / row["bbox_h_px"]
    return 0 <= right <= 1 and 0 <= down <= 1 and max(row["bbox_w_px"], row["bbox_h_px"]) < 100


def _off_m(row, packets, x, y):
    """Measure from a row's place to the mark's, by the corners that the nearest packet states."""
    packet = int(np.argmin(np.abs(packets["pts_s"].to_numpy() - row["pts_s"])))
    place = []
    for axis in ("lat", "lon"):
        corners = [packets[f"corner{n}_{axis}_deg"][packet].as_py() for n in (1, 2, 3, 4)]
        top = corners[0] + (corners[1] - corners[0]) * x / 720
        bottom = corners[3] + (corners[2] - corners[3]) * x / 720
        place.append(np.array([top + (bottom - top) * y / 480]))
    return float(distances_m(*place, np.array([row["lat_deg"]]), np.array([row["lon_deg"]]))[0])
