"""What is wrong with a sensor, by its minutes and its offsets: jammed, flooding, off in place or in time."""

from typing import NamedTuple

import numpy as np

from truceline.track.sensors.minutes import (
    DARK,
    DID,
    FALSE,
    LOOKS,
    LOOSE,
    REACH,
    SHOULD,
    SHOWN,
    SQUARE,
    X,
    Y,
)
from truceline.track.state.types import Array

LEAST_BIAS_M, LEAST_CLOCK_S = 5.0, 0.6  # below, nobody need look
BESIDE_NOISE = 0.25  # nor where it is a smaller share of the random error
JAMMED_SHOULD, JAMMED_MINUTES, JAMMED_SHARE = 30.0, 4, 0.25  # of what a sensor should show
FLOOD_TIMES, FLOOD_LEAST = 8.0, 20.0  # the false detections of a minute that the maker tells
FLOOD_USUAL = 4.0  # times what no track bears out in most minutes
FLOOD_MORE = 1.5  # times what the sensor shows in most minutes: who lies shows as much as ever
FLOOD_WIDE = 0.3  # of the field's reach: a flood is no crowd in one place
LOOSE_SHARE, LOOSE_LEAST = 0.75, 50.0  # of the detections beyond the false ones that no track bears out


class Spell(NamedTuple):
    """Minutes, the last one left out, and what was expected in them and shown."""

    first: int
    last: int
    expected: float
    shown: float


def jams(minutes: Array) -> list[Spell]:
    """Find the spells in which a sensor showed hardly anything of what it should have shown, or usually does.

    Parameters
    ----------
    minutes
        (minutes, WIDTH) sums of one sensor, see Minutes. Minutes without looks end no spell.
    """
    should, did = minutes[:, SHOULD], minutes[:, DID]
    looked = np.flatnonzero(minutes[:, LOOKS])
    each = minutes[:, SHOWN].sum() / max(minutes[:, LOOKS].sum(), 1.0)  # look usually shows so many
    found = []
    for begin, end in _runs(minutes[looked, DARK] > 0):
        span = looked[begin:end]
        spell = Spell(int(span[0]), int(span[-1]) + 1, float(should[span].sum()), float(did[span].sum()))
        shown = minutes[span, SHOWN].sum() - minutes[span, FALSE].sum()
        # One thing may be hidden, or a ghost, however often it is looked at.
        beyond_one = float(np.maximum(should[span] - minutes[span, LOOKS], 0.0).sum())
        is_long = spell.last - spell.first >= JAMMED_MINUTES and beyond_one > JAMMED_SHOULD
        is_silent = minutes[span, SHOWN].sum() < JAMMED_SHARE * each * minutes[span, LOOKS].sum()
        if is_long and is_silent and max(shown, spell.shown) < JAMMED_SHARE * spell.expected:
            found.append(spell)
    return found


def flood(minutes: Array) -> Spell | None:
    """Tell from when to when a sensor shows many times the false detections that the maker tells.

    They lie all over the place, and it shows more than usual.

    Parameters
    ----------
    minutes
        (minutes, WIDTH) sums of one sensor, see Minutes.
    """
    looked = minutes[:, LOOKS] > 0
    if not looked.any():
        return None
    expected, loose, shown = minutes[:, FALSE], minutes[:, LOOSE], minutes[:, SHOWN]
    many = loose > np.maximum(FLOOD_TIMES * expected + FLOOD_LEAST, FLOOD_USUAL * np.median(loose[looked]))
    more = shown > FLOOD_MORE * np.median(shown[looked])
    count = np.maximum(loose, 1.0)
    spread2 = minutes[:, SQUARE] / count - (minutes[:, X] / count) ** 2 - (minutes[:, Y] / count) ** 2
    wide = FLOOD_WIDE * minutes[:, REACH] / np.maximum(minutes[:, LOOKS], 1.0)
    at = np.flatnonzero(looked & many & more & (spread2 > wide**2))
    if not len(at):
        return None
    return Spell(int(at[0]), int(at[-1]) + 1, float(expected[at].sum()), float(loose[at].sum()))


def is_loose(minutes: Array, flooding: Spell | None) -> bool:
    """Tell whether hardly anything that a sensor shows, false detections and a flood aside, is borne out."""
    rest = minutes if flooding is None else np.delete(minutes, np.s_[flooding.first : flooding.last], 0)
    shown, loose, false = (float(rest[:, what].sum()) for what in (SHOWN, LOOSE, FALSE))
    return loose - false > max(LOOSE_LEAST, LOOSE_SHARE * (shown - false))


def usual(z: Array) -> tuple[float, float]:
    """Usual random error of a sensor per axis, and usual distance of what it sees from its middle; metres.

    ``z`` (n, 4 or more): x, y and their variances.
    """
    if not len(z):
        return 0.0, 0.0
    apart = z[:, :2] - np.median(z[:, :2], axis=0)
    return float(np.sqrt(np.median(z[:, 2:4].mean(1)))), float(np.median(np.hypot(*apart.T)))


def off(offset: Array, clear: Array, noise_m: float, apart_m: float) -> list[str]:
    """Tell what is off by more than a person need care for, and not small beside the sensor's usual error.

    Parameters
    ----------
    offset, clear
        (4,) and (3,) of the sensor, see registration.
    noise_m, apart_m
        See :func:`usual`; a turn moves things by their distance from the middle.
    """
    least_m = max(LEAST_BIAS_M, BESIDE_NOISE * noise_m)
    moved = clear[0] and float(np.hypot(*offset[:2])) > least_m
    turned = clear[2] and abs(offset[3]) * apart_m > least_m
    late = clear[1] and abs(offset[2]) > LEAST_CLOCK_S
    return ["bias"] * bool(moved or turned) + ["clock"] * bool(late)


def _runs(dark: Array) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.r_[False, dark, False].astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
