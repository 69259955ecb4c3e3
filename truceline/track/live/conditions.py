"""What is wrong with a sensor, for a person to look at: off, contradicted, jammed, flooding.

Said as an observation of the sensor, so that it stands in the log, on the page and in the reports. What
was said stays: a sensor that is in order again gets another observation that says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from truceline.model.facts import Claim, Fact
from truceline.model.observed import Observation, Scalar
from truceline.model.place import Span, utc_text
from truceline.track.live.bearing import Taken
from truceline.track.live.watched import Watched, together
from truceline.track.sensors.minutes import LOOKS, MINUTE_S, Minutes
from truceline.track.sensors.trouble import Spell, darkness, flood, jams
from truceline.track.state.types import Array
from truceline.view.watch import TRACKER

NEWS_M, NEWS_S, NEWS_RAD = 3.0, 0.3, 5e-4  # so much more or less is said again
ROUND_S = 900  # a flood that is over for longer is not why a sensor is doubted
NOTHING = Taken(0.0, 0.0, 0.0, 0.0, 0.0, trusted=True)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WAYS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


class Trouble(msgspec.Struct, frozen=True):
    """A spell of jamming or flood: minutes since 1970, the last one left out."""

    first: int
    last: int
    expected: float
    shown: float
    goes_on: bool


class Said(msgspec.Struct, frozen=True):
    """What was said last of a sensor, and since when it has been in that state."""

    reasons: tuple[str, ...]
    taken: Taken
    since_s: int
    troubles: Mapping[str, Trouble] = {}


class Conditions:
    """Says what has become known of sensors since it was said last."""

    def __init__(self) -> None:
        self._said: dict[str, Said] = {}
        self._told: dict[tuple[str, str], int] = {}  # sensor, word → last minute of which it was told

    def changed(
        self, start_s: int, taken: Mapping[str, Taken], hour: Sequence[Watched], fact: Fact
    ) -> Iterator[Claim]:
        """Claim an observation for each sensor of which there is news.

        Parameters
        ----------
        start_s
            Of the newest round, in which ``taken`` is taken off.
        taken
            By sensor.
        hour
            What looks showed in the newest rounds.
        fact
            What brought the news.
        """
        minutes = together(hour)
        for sensor in sorted({*taken, *self._said, *minutes}):
            off, before = taken.get(sensor, NOTHING), self._said.get(sensor)
            troubles = _troubles(minutes.get(sensor))
            if before is not None:
                troubles = {**_untold(before, minutes.get(sensor)), **troubles}
            for word, past in self._past(sensor, troubles):
                said = Said((word,), NOTHING, round(past.first * MINUTE_S), {word: past})
                yield _claim(sensor, said, round(past.last * MINUTE_S), fact)
                if sensor not in self._said:
                    yield _claim(sensor, None, start_s, fact, since_s=said.since_s)
            yield from self._present(sensor, start_s, off, troubles, fact)

    def _past(self, sensor: str, troubles: Mapping[str, Trouble]) -> Iterator[tuple[str, Trouble]]:
        """Give what is over, and was not told of while it went on."""
        for word, trouble in troubles.items():
            if trouble.first >= self._told.get((sensor, word), 0) and not trouble.goes_on:
                yield word, trouble
            self._told[sensor, word] = trouble.last

    def _present(
        self, sensor: str, start_s: int, off: Taken, troubles: Mapping[str, Trouble], fact: Fact
    ) -> Iterator[Claim]:
        before = self._said.get(sensor)
        present = {word: one for word, one in troubles.items() if one.goes_on}
        flooded = troubles.get("flood")
        if not off.trusted and flooded is not None and flooded.last * MINUTE_S > start_s - ROUND_S:
            present["flood"] = flooded  # that nothing bears it out is the flood's doing
        reasons = [word for word in off.reasons if word != "untruthful" or "flood" not in present]
        reasons += [word for word in ("jammed", "flood") if word in present]
        if not reasons:
            if before is not None:
                del self._said[sensor]
                yield _claim(sensor, None, start_s, fact, since_s=before.since_s)
            return
        if before is not None and before.reasons == tuple(reasons) and not _is_news(before.taken, off):
            return
        begins = [round(one.first * MINUTE_S) for one in present.values()] + [start_s] * bool(off.reasons)
        since_s = before.since_s if before is not None else min(begins)
        self._said[sensor] = Said(tuple(reasons), off, since_s, present)
        yield _claim(sensor, self._said[sensor], max(start_s, since_s), fact)


def in_words(said: Said) -> str:
    """Say what is wrong with a sensor, and what is done about it."""
    off, words = said.taken, []
    if "untruthful" in said.reasons:
        words.append("others that look where it looks do not bear out what it shows: its word counts little")
    if "jammed" in said.reasons:
        jam = said.troubles["jammed"]
        words.append(f"it shows {jam.shown:.0f} of {jam.expected:.0f} expected sightings, as if jammed")
    if "flood" in said.reasons:
        rush, little = said.troubles["flood"], "" if off.trusted else ": its word counts little"
        shown = f"{rush.shown:.0f} sightings that nothing bears out where {rush.expected:.0f} are usual"
        words.append(f"it floods, with {shown}{little}")
    words += _offsets(said)
    tail = "; that is taken off" if {"bias", "clock"} & set(said.reasons) else ""
    until = [one.last for one in said.troubles.values() if not one.goes_on]
    since = f"since {_moment(said.since_s):%Y-%m-%d %H:%M}Z"
    if until and off.trusted:
        since = f"from {_moment(said.since_s):%Y-%m-%d %H:%M}Z to {_moment(max(until) * MINUTE_S):%H:%M}Z"
    return f"{', '.join(words)}{tail}, {since}"


def _offsets(said: Said) -> Iterator[str]:
    off = said.taken
    size = float(np.hypot(off.east_m, off.north_m))
    if "bias" in said.reasons and size:
        way = _WAYS[round(float(np.degrees(np.arctan2(off.east_m, off.north_m))) / 45) % 8]
        yield f"what it sees lies {size:.0f} m (±{max(off.bias_sigma_m, 1):.0f} m) too far {way}"
    if "bias" in said.reasons and off.azimuth_rad:
        which = "left" if off.azimuth_rad > 0 else "right"
        turn, sigma = np.degrees(abs(off.azimuth_rad)), np.degrees(off.azimuth_sigma_rad)
        yield f"its picture is turned {turn:.2f}° (±{max(sigma, 0.01):.2f}°) to the {which}"
    if "clock" in said.reasons:
        which = "slow" if off.clock_s > 0 else "fast"
        yield f"its clock is {abs(off.clock_s):.1f} s (±{max(off.clock_sigma_s, 0.1):.1f} s) {which}"


def _troubles(minutes: Minutes | None) -> dict[str, Trouble]:
    """Judge the minutes of a sensor; of several spells of a kind the newest."""
    if minutes is None or not minutes.sums.shape[1]:
        return {}
    sums, found = minutes.sums[0], {}
    for word, spell in (("jammed", max(jams(sums), default=None)), ("flood", flood(sums))):
        if spell is not None:
            found[word] = _placed(spell, minutes, _tells(word, sums))
    return found


def _untold(before: Said, minutes: Minutes | None) -> dict[str, Trouble]:
    """Keep what went on when it was said last, until minutes tell that it is over."""
    kept = {word: one for word, one in before.troubles.items() if one.goes_on}
    if minutes is None:
        return kept
    over = {"jammed": darkness(minutes.sums[0]).max(0) < 0, "flood": minutes.sums[0][:, LOOKS] > 0}
    since = {word: np.flatnonzero(over[word]) + minutes.first for word in kept}
    return {word: one for word, one in kept.items() if (since[word] >= one.last).sum() < 2}


def _tells(word: str, sums: Array) -> Array:
    """Tell which minutes say whether the trouble is there."""
    return np.asarray(darkness(sums).any(0) if word == "jammed" else sums[:, LOOKS] > 0)


def _placed(spell: Spell, minutes: Minutes, tells: Array) -> Trouble:
    """Count a spell's minutes since 1970; it goes on unless two minutes that tell came after it."""
    newest = np.flatnonzero(tells)[-2:]
    goes_on = bool(spell.last > newest[0])
    first = minutes.first
    return Trouble(first + spell.first, first + spell.last, spell.expected, spell.shown, goes_on)


def _is_news(before: Taken, off: Taken) -> bool:
    apart = float(np.hypot(before.east_m - off.east_m, before.north_m - off.north_m))
    turned = abs(before.azimuth_rad - off.azimuth_rad)
    return apart >= NEWS_M or abs(before.clock_s - off.clock_s) >= NEWS_S or turned >= NEWS_RAD


def _moment(seconds: float) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)


def _claim(sensor: str, said: Said | None, until_s: int, fact: Fact, since_s: int = 0) -> Claim:
    since, until = _moment(since_s if said is None else said.since_s), _moment(until_s)
    told: dict[str, Scalar] = {"sensor": sensor, "suspect": said is not None}
    reason = "in order again: nothing is taken off it"
    if said is not None:
        off, reason = said.taken, in_words(said)
        told |= {"reasons": " ".join(said.reasons), "since_utc": utc_text(since)}
        for word, one in said.troubles.items():
            told |= {f"{word}_expected": round(one.expected), f"{word}_shown": round(one.shown)}
        if off.trusted:
            told |= {
                "bias_east_m": off.east_m,
                "bias_north_m": off.north_m,
                "bias_sigma_m": off.bias_sigma_m,
                "clock_offset_s": off.clock_s,
                "clock_sigma_s": off.clock_sigma_s,
                "azimuth_offset_rad": off.azimuth_rad,
                "azimuth_sigma_rad": off.azimuth_sigma_rad,
            }
    body = Observation(
        source=sensor,
        key=f"condition {utc_text(until)} {told.get('reasons', 'ok')} {fact.id}",
        phenomenon=Span(from_utc=min(since, until), until_utc=until),
        result_utc=fact.time_utc,
        status="ok" if said is None else "degraded",
        reason=reason,
        attributes=told,
    )
    return Claim(kind="observation", id=body.id, body=body, actor=TRACKER, refs=(fact.seq,))
