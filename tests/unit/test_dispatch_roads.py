"""Whole seconds, rounded up, and straight hops that respect every rectangle."""

import itertools
from pathlib import Path

import msgspec
import pytest
from truceline.dispatch.instance import Caveats, Node, Part, load_instance
from truceline.dispatch.roads import NEVER, Roads, edge_s, enters, flight_s, profile

FORCE = load_instance(Path(__file__).parents[2] / "truceline" / "sim" / "corridor" / "force.json")
PART = Part("P", "S", 0, 100, 0, 100)


def node(x_m: int, y_m: int) -> Node:
    return Node(f"{x_m} {y_m}", x_m, y_m, "S", "P")


@pytest.mark.parametrize(
    ("length_m", "kph", "seconds"),
    # Contract dispatch 1.2: ceil(length * 18 / (5 * kph)). 1000 m at 60 km/h is exactly a minute.
    [(1000, 60, 60), (1001, 60, 61), (1, 100, 1), (25_000, 90, 1000)],
)
def test_an_edge_takes_whole_seconds_rounded_up(length_m, kph, seconds):
    assert edge_s(length_m, kph) == seconds


def test_a_flight_rounds_its_metres_up_first():
    # 3-4-5 triangle: 5000 m at 90 km/h is 200 s; one metre more in x is 5000.6, so 5001 m, 201 s.
    assert flight_s(node(0, 0), node(3000, 4000), 90) == 200
    assert flight_s(node(0, 0), node(3001, 4000), 90) == 201


@pytest.mark.parametrize(
    ("a", "b", "inside"),
    [
        ((-10, 50), (110, 50), True),
        ((-10, 0), (110, 0), False),  # along the edge: nothing strictly inside
        ((-50, 50), (50, -50), False),  # touches no inner point, runs through the corner (0, 0)
        ((-50, 51), (51, -50), True),
        ((50, 50), (50, 50), True),
        ((100, 50), (200, 50), False),
        ((99, 50), (200, 50), True),
        ((0, 0), (100, 100), True),
    ],
)
def test_a_hop_enters_a_part_only_strictly_inside(a, b, inside):
    assert enters(node(*a), node(*b), PART) is inside
    assert enters(node(*b), node(*a), PART) is inside


def test_a_unit_that_may_not_cross_has_no_way_to_the_other_side():
    roads, unit = Roads(FORCE), next(u for u in FORCE.units if u.caveats.no_crossing and not u.flies)

    held = roads.time_s(profile(unit), "PN5", "PS6")
    free = roads.time_s(profile(unit, frozenset()), "PN5", "PS6")

    assert held == NEVER and free < 3600


def test_a_unit_kept_in_its_sector_never_leaves_it():
    roads, unit = Roads(FORCE), next(u for u in FORCE.units if u.caveats.own_sector_only)

    times = roads.times_s(profile(unit), unit.node)

    reached = {n.sector for n, t in zip(FORCE.nodes, times, strict=True) if t < NEVER}
    assert reached == {unit.sector}


def test_a_unit_that_stands_where_it_may_not_be_gets_nowhere():
    unit = msgspec.structs.replace(FORCE.units[0], caveats=Caveats(no_parts=("S1-A",)))

    assert Roads(FORCE).time_s(profile(unit), "PN1", "PN1") == NEVER


def test_a_path_adds_up_to_its_time():
    roads, unit = Roads(FORCE), FORCE.units[0]
    path = roads.path(profile(unit), "PN1", "PS8")

    total = sum(roads.time_s(profile(unit), a, b) for a, b in itertools.pairwise(path))

    assert total == roads.time_s(profile(unit), "PN1", "PS8")


def test_of_two_edges_between_two_nodes_the_quicker_that_is_open_counts():
    edge = FORCE.edges[0]
    closed = msgspec.structs.replace(edge, id="closed", length_m=1, open=False)
    longer = msgspec.structs.replace(edge, id="longer", length_m=3 * edge.length_m)
    roads = Roads(msgspec.structs.replace(FORCE, edges=(edge, longer, closed)))

    seconds = roads.time_s(profile(FORCE.units[0]), edge.a, edge.b)

    assert seconds == edge_s(edge.length_m, min(edge.speed_kph, FORCE.units[0].speed_kph))
