"""What the tracks say about a sensor, for a person to look at: off in place, off in time, contradicted.

Said as an observation of the sensor, so that it stands in the log, on the page and in the reports. What
was said stays: a sensor that is in order again gets another observation that says so.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from truceline.model.facts import Claim, Fact
from truceline.model.observed import Observation, Scalar
from truceline.model.place import Span, utc_text
from truceline.track.live.bearing import Taken
from truceline.view.watch import TRACKER

LEAST_BIAS_M, LEAST_CLOCK_S = 5.0, 0.6  # below, nobody need look
NEWS_M, NEWS_S = 3.0, 0.3  # so much more or less is said again
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WAYS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


class Said(msgspec.Struct, frozen=True):
    """What was said last of a sensor, and since when it has been in that state."""

    reasons: tuple[str, ...]
    taken: Taken
    since_s: int


class Conditions:
    """Says what has become known of sensors since it was said last."""

    def __init__(self) -> None:
        self._said: dict[str, Said] = {}

    def changed(self, start_s: int, taken: Mapping[str, Taken], fact: Fact) -> Iterator[Claim]:
        """Claim an observation for each sensor of which there is news.

        Parameters
        ----------
        start_s
            Of the newest round, in which ``taken`` is taken off.
        taken
            By sensor.
        fact
            What made the round begin.
        """
        for sensor in sorted({*taken, *self._said}):
            off, before = taken.get(sensor), self._said.get(sensor)
            reasons = _reasons(off) if off is not None else ()
            if off is None or not reasons:
                if before is not None:
                    del self._said[sensor]
                    yield _claim(sensor, None, start_s, before.since_s, fact)
                continue
            if before is not None and before.reasons == reasons and not _is_news(before.taken, off):
                continue
            since_s = before.since_s if before is not None else start_s
            self._said[sensor] = Said(reasons, off, since_s)
            yield _claim(sensor, self._said[sensor], start_s, since_s, fact)


def in_words(said: Said) -> str:
    """Say what is wrong with a sensor, and what is done about it."""
    off, words = said.taken, []
    if "untruthful" in said.reasons:
        words.append("others that look where it looks do not see what it saw: its word counts little")
    if "bias" in said.reasons:
        size = float(np.hypot(off.east_m, off.north_m))
        way = _WAYS[round(float(np.degrees(np.arctan2(off.east_m, off.north_m))) / 45) % 8]
        words.append(f"what it sees lies {size:.0f} m (±{max(off.bias_sigma_m, 1):.0f} m) too far {way}")
    if "clock" in said.reasons:
        which = "slow" if off.clock_s > 0 else "fast"
        words.append(f"its clock is {abs(off.clock_s):.1f} s (±{max(off.clock_sigma_s, 0.1):.1f} s) {which}")
    tail = "" if said.reasons == ("untruthful",) else "; that is taken off"
    since = _EPOCH + timedelta(seconds=said.since_s)
    return f"{', '.join(words)}{tail}, since {since:%Y-%m-%d %H:%M}Z"


def _reasons(off: Taken) -> tuple[str, ...]:
    if not off.trusted:
        return ("untruthful",)
    moved = float(np.hypot(off.east_m, off.north_m)) > LEAST_BIAS_M
    late = abs(off.clock_s) > LEAST_CLOCK_S
    return ("bias",) * moved + ("clock",) * late


def _is_news(before: Taken, off: Taken) -> bool:
    apart = float(np.hypot(before.east_m - off.east_m, before.north_m - off.north_m))
    return apart >= NEWS_M or abs(before.clock_s - off.clock_s) >= NEWS_S


def _claim(sensor: str, said: Said | None, start_s: int, since_s: int, fact: Fact) -> Claim:
    start, since = (_EPOCH + timedelta(seconds=s) for s in (start_s, since_s))
    told: dict[str, Scalar] = {"sensor": sensor, "suspect": said is not None}
    reason = "in order again: nothing is taken off it"
    if said is not None:
        off, reason = said.taken, in_words(said)
        told |= {"reasons": " ".join(said.reasons), "since_utc": utc_text(since)}
        if off.trusted:
            told |= {
                "bias_east_m": off.east_m,
                "bias_north_m": off.north_m,
                "bias_sigma_m": off.bias_sigma_m,
                "clock_offset_s": off.clock_s,
                "clock_sigma_s": off.clock_sigma_s,
            }
    body = Observation(
        source=sensor,
        key=f"condition {utc_text(start)} {fact.id}",
        phenomenon=Span(from_utc=min(since, start), until_utc=start),
        result_utc=fact.time_utc,
        status="ok" if said is None else "degraded",
        reason=reason,
        attributes=told,
    )
    return Claim(kind="observation", id=body.id, body=body, actor=TRACKER, refs=(fact.seq,))
