"""Fields of regard lie inside the ground that was looked at."""

import json
import math

import pytest
from shapely.geometry import Polygon, box, mapping
from truceline.geo.crs import to_local
from truceline.geo.regard import Rect, field_in_all, fields_of, inner_rect

M_PER_DEG = 111_320.0
SQUARE = [(48.0, 37.0), (48.0, 37.004), (48.003, 37.004), (48.003, 37.0)]


def corners(rect: Rect) -> Polygon:
    c, s = math.cos(math.radians(rect.turned_deg)), math.sin(math.radians(rect.turned_deg))
    return Polygon([
        (rect.x_m + u * rect.a_m * c - w * rect.b_m * s, rect.y_m + u * rect.a_m * s + w * rect.b_m * c)
        for u, w in ((1, 1), (1, -1), (-1, -1), (-1, 1))
    ])  # fmt: skip


def on_plane(ground) -> Polygon:
    lat, lon = [c[0] for c in ground], [c[1] for c in ground]
    x, y = to_local(lat, lon, 48.0, 37.0)
    return Polygon(list(zip(x, y, strict=True)))


def placed(fields) -> list[Polygon]:
    found = []
    for one in fields:
        x, y = to_local(one.lat_deg, one.lon_deg, 48.0, 37.0)
        found.append(corners(Rect(float(x), float(y), one.a_m, one.b_m, one.turned_deg)))
    return found


def geojson(area) -> dict:
    return json.loads(json.dumps(mapping(area)))


@pytest.mark.parametrize(
    "ring",
    [
        [(0, 10), (10, 10), (10, 0), (0, 0)],
        [(-5, 30), (25, 28), (12, 0), (3, 1)],
        [(12, 0), (3, 1), (-5, 30), (25, 28)],
        [(0, 0), (10, -2), (14, 5), (9, 12), (2, 11), (-3, 6)],
    ],
)
def test_a_looks_rectangle_lies_inside_the_footprint(ring):
    rect = corners(inner_rect(Polygon(ring)))

    assert Polygon(ring).contains(rect)
    assert rect.area > 0.25 * Polygon(ring).area


def test_a_crossed_footprint_has_no_rectangle():
    assert inner_rect(Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])) is None


def test_what_is_hidden_is_in_no_field():
    hidden = box(37.001, 48.001, 37.002, 48.002)
    ground = Polygon([(lon, lat) for lat, lon in SQUARE])

    fields = placed(fields_of(geojson(ground), geojson(hidden)))

    cover = on_plane([(lat, lon) for lon, lat in hidden.exterior.coords])
    assert sum(field.area for field in fields) > 0.5 * (on_plane(SQUARE).area - cover.area)
    assert all(on_plane(SQUARE).contains(field) and field.distance(cover) > 0 for field in fields)


def test_a_field_keeps_off_an_edge_that_is_not_sure():
    (field,) = placed(fields_of(geojson(Polygon([(lon, lat) for lat, lon in SQUARE])), margin_m=40))

    assert field.distance(on_plane(SQUARE).exterior) > 40


def test_ground_that_no_plane_holds_or_that_crosses_itself_counts_for_nothing():
    bow = Polygon([(37, 48), (37.01, 48.01), (37.01, 48), (37, 48.01)])

    assert fields_of(geojson(bow)) == []
    assert fields_of(geojson(box(-20, 30, 20, 60))) == []


def test_a_field_in_several_frames_lies_in_each():
    moved = [(lat + 0.001, lon + 0.001) for lat, lon in SQUARE]

    (field,) = placed([field_in_all([SQUARE, moved], 5.0)])

    assert on_plane(SQUARE).contains(field) and on_plane(moved).contains(field)
    away = [(lat + 0.01, lon) for lat, lon in SQUARE]
    assert field_in_all([SQUARE, away], 0.0) is None
