"""Canonical JSON for all values."""

import json

from hypothesis import given
from hypothesis import strategies as st
from truceline.log.canon import SAFE_INTEGER, canonical, parse_canonical, write

_NUMBERS = st.one_of(
    st.integers(-SAFE_INTEGER, SAFE_INTEGER),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: abs(x) < 2**53 or abs(x) >= 1e21),
    st.integers(-(10**6), 10**6).map(float),
)
# Texts made to look like JSON, so that the quick way could be fooled by what is inside a string.
_TEXTS = st.one_of(st.text(), st.text(alphabet='":1.0,{}[]\\e-null0a', max_size=20))
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXTS, inner, max_size=4)),
    max_leaves=20,
)


@given(st.dictionaries(_TEXTS, _VALUES, max_size=5))
def test_quick_way_writes_what_the_plain_way_writes(value):
    assert canonical(value) == write(value)


@given(_VALUES)
def test_canonical_text_reads_back_to_the_same_value_and_bytes(value):
    data = canonical(value)

    assert json.loads(data) == value
    assert canonical(parse_canonical(data)) == data
