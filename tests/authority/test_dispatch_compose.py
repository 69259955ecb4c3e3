"""The words "km 8.3" agree with the geodesic chainage of the exercise line."""

from pathlib import Path

import pytest
from truceline.dispatch.compose import Ground
from truceline.dispatch.instance import load_instance
from truceline.model.place import Point
from truceline.rules.agreement import read_agreement

CORRIDOR = Path(__file__).parents[2] / "truceline" / "sim" / "corridor"


@pytest.mark.parametrize("chainage_m", range(1000, 60_000, 6100))
def test_kilometres_along_the_line_agree_with_its_chainage(chainage_m):
    # Authority: chainage by the line of the agreement itself (geodesic, contract zone); the force
    # file only gives the places of its nodes, every 5 km, so 0.3 km along and 0.6 km across are asked.
    zones = read_agreement(CORRIDOR / "agreement.toml").zones
    ground = Ground(load_instance(CORRIDOR / "force.json"))
    lat_deg, lon_deg = zones.point_at("contact", chainage_m)

    x_km, y_km = ground.along_km(Point(lat_deg=lat_deg, lon_deg=lon_deg, ce90_m=1))

    assert x_km == pytest.approx(chainage_m / 1000, abs=0.3)
    assert y_km == pytest.approx(0, abs=0.6)
