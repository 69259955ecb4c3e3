"""Another implementation of RFC 8785 writes the bytes that the log writes."""

import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from truceline.log.canon import SAFE_INTEGER, canonical

_NUMBERS = st.one_of(
    st.integers(-SAFE_INTEGER, SAFE_INTEGER),
    # Between 2^53 and 1e21 a whole number is written without an exponent, and the log takes none so large.
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: abs(x) < 2**53 or abs(x) >= 1e21),
)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=20,
)


@given(_VALUES)
def test_canonical_bytes_are_those_of_a_peer(value):
    assert canonical(value) == rfc8785.dumps(value)
