"""How thermal pictures are changed before they are learnt from: two ways, whose networks err differently."""

from typing import NamedTuple


class Recipe(NamedTuple):
    """What is done to cuts.

    Attributes
    ----------
    by_date
        Dates with few pictures or objects count for more.
    false
        Things that only look like a person, put into a cut at most.
    beside
        Share of pasted persons that are put beside somebody.
    matte
        Of a pasted person only what differs from its ground comes along.
    warmth
        Spread of a pasted object's contrast.
    borrowed
        Share of cuts that take the greys of another.
    levelled
        Share of cuts that are measured against the ground around.
    """

    by_date: bool
    false: int
    beside: float
    matte: bool
    warmth: float
    borrowed: float
    levelled: float


PLAIN = Recipe(False, 0, 0.0, False, 0.0, 0.0, 0.0)
VARIED = Recipe(True, 2, 0.4, True, 0.3, 0.4, 0.25)
