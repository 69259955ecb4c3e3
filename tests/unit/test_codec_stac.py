"""Items are read as they are meant, and what is no ItemCollection is refused with its place."""

import json
from datetime import UTC, datetime

import pytest
from truceline.codec.stac import read_items
from truceline.model.errors import BadInput


def feature(item_id: str = "one", moment: str | None = "2024-05-01T03:00:00Z", **members: object) -> dict:
    properties = {} if moment is None else {"datetime": moment}
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": item_id, "geometry": None, "links": [],
        "properties": {**properties, "proj:epsg": 32636}, "assets": {"vv": {"href": "./vv.tif"}}, **members,
    }  # fmt: skip


def collection(*features: object) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": list(features)}).encode()


def test_items_come_ordered_by_time_whatever_their_order_in_the_file():
    items = read_items(
        collection(feature("late", "2024-05-02T00:00:00Z"), feature("early", "2024-05-01T23:00:00-03:00")),
        "x",
    )

    assert [item.id for item in items] == ["late", "early"]
    assert items[1].time_utc == datetime(2024, 5, 2, 2, tzinfo=UTC)


def test_the_code_of_the_crs_is_found_in_both_spellings():
    assert read_items(collection(feature()), "x")[0].code == "EPSG:32636"
    assert (
        read_items(
            collection(feature(properties={"datetime": "2024-05-01T03:00:00Z", "proj:code": "EPSG:1"})), "x"
        )[0].code
        == "EPSG:1"
    )


def test_a_single_item_is_read_as_a_collection_of_one():
    assert [item.id for item in read_items(json.dumps(feature()).encode(), "x")] == ["one"]


def test_two_tiles_of_one_pass_may_be_of_one_moment():
    assert [item.id for item in read_items(collection(feature("two"), feature("one")), "x")] == ["one", "two"]


def test_a_scene_that_took_a_while_counts_from_its_beginning():
    while_long = {
        "datetime": None,
        "start_datetime": "2024-05-01T03:00:00Z",
        "end_datetime": "2024-05-01T03:00:09Z",
    }

    item = read_items(collection(feature(properties=while_long)), "x")[0]

    assert item.time_utc == datetime(2024, 5, 1, 3, tzinfo=UTC)
    assert item.properties["end_datetime"] == "2024-05-01T03:00:09Z"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[1]", "no JSON object"),
        (b'{"type": "FeatureCollection"}', "no STAC ItemCollection"),
        (collection(), "`features` is empty"),
        (collection(7), r"features\[0\]: is no STAC Item"),
        (collection(feature(), {**feature(), "id": 5}), r"features\[1\]: has no `id`"),
        (collection(feature(moment=None)), "one: has no `datetime`"),
        (collection(feature(moment="yesterday")), "one: `datetime` is no RFC 3339"),
        (collection(feature(moment="2024-05-01T03:00:00")), "with a zone"),
        (collection(feature(properties={"datetime": None, "start_datetime": "?"})), "`start_datetime` is no"),
        (collection(feature(), feature(moment="2024-05-02T00:00:00Z")), "stands twice"),
        (collection(feature(stac_version="0.9.0")), "`stac_version`"),
        (collection(feature(assets={"vv": {}})), "one: vv: has no `href`"),
        (collection(feature(extra=float("nan"))), "NaN is no JSON number"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "nested deeper"),
        (b"[" * 100_000, "nested deeper|not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (collection(feature("\ud800")), "surrogate"),
    ],
)  # fmt: skip
def test_a_document_that_is_no_item_collection_is_refused(data: bytes, what: str):
    with pytest.raises(BadInput, match=what):
        read_items(data, "items.json")
