"""No bytes crash the STAC reader."""

import json
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st
from truceline.codec.stac import read_items
from truceline.model.errors import BadInput

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "id", "features", "properties", "datetime", "assets", "links", "href", "bbox"]
            ),
            inner,
        )
    ),
    max_leaves=25,
)


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused(data: bytes):
    with suppress(BadInput):
        read_items(data, "x")


@given(st.lists(anything, max_size=3), anything, anything)
@example([], True, {})
@example([], [10**400] * 4, {})
def test_almost_items_are_read_or_refused(features: list, links: object, assets: object):
    item = {
        "type": "Feature", "id": "a", "properties": {"datetime": "2024-01-01T00:00:00Z"}, "links": links,
        "assets": assets, "stac_extensions": links, "bbox": links,
    }  # fmt: skip
    document = {"type": "FeatureCollection", "features": [item, *features]}
    with suppress(BadInput):
        read_items(json.dumps(document).encode(), "x")
