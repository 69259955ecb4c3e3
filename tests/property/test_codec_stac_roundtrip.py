"""What is written is read back the same."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from truceline.codec.stac import Asset, Item, Link, read_items, write_item, write_items

text = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text
items = st.builds(
    Item,
    id=text,
    time_utc=st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    properties=st.dictionaries(text.filter(lambda key: key != "datetime"), scalars, max_size=4),
    assets=st.dictionaries(text, st.builds(Asset, href=text, title=text), max_size=3),
    links=st.lists(st.builds(Link, rel=text, href=text), max_size=3).map(tuple),
    bbox=st.just((1.0, 2.0, 3.0, 4.0)),
)


@given(items)
def test_an_item_is_read_back_the_same(item: Item):
    assert read_items(write_item(item), "x") == (item,)


@given(st.lists(items, min_size=1, max_size=4, unique_by=(lambda i: i.id, lambda i: i.time_utc)))
def test_a_collection_is_read_back_in_order_of_time(several: list[Item]):
    assert read_items(write_items(several), "x") == tuple(sorted(several, key=lambda item: item.time_utc))
