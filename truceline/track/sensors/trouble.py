"""What is wrong with a sensor, by its minutes and its offsets: jammed, flooding, off in place or in time."""

from typing import NamedTuple

import numpy as np

from truceline.track.sensors.minutes import DID, FALSE, LOOKS, LOOSE, SECTOR, SECTORS, SHOULD, SHOWN, WIDTH
from truceline.track.state.types import Array

LEAST_BIAS_M, LEAST_CLOCK_S = 5.0, 0.6  # below, nobody need look
BESIDE_NOISE = 0.25  # nor where it is a smaller share of the random error
FAINT = 0.05  # of what it should show a jammed sensor shows
JAMMED, JAMMED_MINUTES = 15.0, 4  # log odds of a spell: some thousand spells of some dozen sensors are asked
THINGS = (
    3.0  # of them, what things say in a minute at most: one that hides is missed again, and with its column
)
JAMMED_SHARE = 0.25  # of what a sensor should show
FLOOD_TIMES, FLOOD_LEAST = 8.0, 20.0  # the false detections of a minute that the maker tells
FLOOD_USUAL = 4.0  # times what no track bears out in most minutes
FLOOD_MORE = 1.5  # times what the sensor shows in most minutes: who lies shows as much as ever
FLOOD_BUSY = 0.9  # and times what it shows in the busier ones of the other minutes
FLOODED = 4  # quieter sectors: a flood is all over the field, a crowd or a column in a part of it
LOOSE_SHARE, LOOSE_LEAST = 0.25, 50.0  # of the detections beyond the false ones that no track bears out


class Spell(NamedTuple):
    """Minutes, the last one left out, and what was expected in them and shown."""

    first: int
    last: int
    expected: float
    shown: float


def darkness(minutes: Array) -> Array:
    """Weigh, by minute, how much likelier a sensor is jammed than working, (2, minutes), log.

    A jammed sensor shows hardly a thing (Poisson, :data:`FAINT` of what is expected): first by all that it
    shows, false detections among it, of which it is to show as many as its maker tells or it usually
    does, if they are fewer; second by known things alone, where the jam itself gives false detections.

    Parameters
    ----------
    minutes
        (minutes, WIDTH) sums of one sensor, see Minutes.
    """
    false, shown = minutes[:, FALSE], minutes[:, SHOWN]
    usual_share = min(1.0, float(minutes[:, LOOSE].sum()) / max(float(false.sum()), 1e-9))
    # One thing may be hidden, or a ghost, however often it is looked at.
    beyond_one = np.maximum(minutes[:, SHOULD] - minutes[:, LOOKS], 0.0)
    things = np.minimum((1 - FAINT) * beyond_one, THINGS)
    by_all = things + (1 - FAINT) * usual_share * false + np.log(FAINT) * shown
    return np.stack([by_all, things + np.log(FAINT) * minutes[:, DID]])


def jams(minutes: Array) -> list[Spell]:
    """Find the spells in which a sensor showed hardly anything of what it should have shown.

    Parameters
    ----------
    minutes
        (minutes, WIDTH) sums of one sensor, see Minutes. Minutes without looks end no spell.
    """
    looked = np.flatnonzero(minutes[:, LOOKS])
    by_all, by_things = darkness(minutes[looked])
    found = [_spell(minutes, looked[run]) for run in _runs(by_all, JAMMED)]
    for run in _runs(by_things, 2 * JAMMED):  # its false detections go on: tracks alone say that it is jammed
        spell, span = _spell(minutes, looked[run]), looked[run]
        beyond = minutes[span, SHOWN].sum() - minutes[span, FALSE].sum()
        apart = all(spell.last <= one.first or spell.first >= one.last for one in found)
        if apart and max(beyond, spell.shown) < JAMMED_SHARE * spell.expected:
            found.append(spell)
    return sorted(spell for spell in found if spell.last - spell.first >= JAMMED_MINUTES)


def _spell(minutes: Array, span: Array) -> Spell:
    should, did = minutes[span][:, [SHOULD, DID]].sum(0).tolist()
    return Spell(int(span[0]), int(span[-1]) + 1, should, did)


def _runs(evidence: Array, least: float) -> list[slice]:
    """Find the runs that weigh more than ``least``, the weightiest first, then those beside it."""
    total = np.r_[0.0, np.cumsum(evidence)]
    weight = total - np.minimum.accumulate(total)
    end = int(weight.argmax())
    if weight[end] <= least:
        return []
    first = int(total[: end + 1].argmin())
    later = [slice(end + run.start, end + run.stop) for run in _runs(evidence[end:], least)]
    return [slice(first, end), *_runs(evidence[:first], least), *later]


def flood(minutes: Array) -> Spell | None:
    """Tell from when to when a sensor shows many times the false detections that the maker tells.

    They lie all over the field of regard, and it shows more than usual.

    Parameters
    ----------
    minutes
        (minutes, WIDTH) sums of one sensor, see Minutes.
    """
    looked = minutes[:, LOOKS] > 0
    if not looked.any():
        return None
    expected, shown = minutes[:, FALSE], minutes[:, SHOWN]
    quieter = np.sort(minutes[:, SECTOR:WIDTH], axis=1)[:, :FLOODED]
    loose = quieter.sum(1) * SECTORS / FLOODED
    many = loose > np.maximum(FLOOD_TIMES * expected + FLOOD_LEAST, FLOOD_USUAL * np.median(loose[looked]))
    calm = shown[looked & ~many] if (looked & ~many).any() else shown[looked]
    usually = max(float(np.median(shown[looked])), float(np.quantile(calm, FLOOD_BUSY)))
    at = np.flatnonzero(looked & many & (shown > FLOOD_MORE * usually))
    if not len(at):
        return None
    shown_loose = float(minutes[at, LOOSE].sum())
    return Spell(int(at[0]), int(at[-1]) + 1, float(expected[at].sum()), shown_loose)


def is_at_odds(minutes: Array, flooding: Spell | None) -> bool:
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
