"""Where and when: no position without its error, no time without its zone."""

from datetime import UTC, datetime

import msgspec

from truceline.model.units import Latitude, Longitude, Metres


class Noun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a body in the log is made of: immutable, decoded once, at the door."""


class Point(Noun):
    """A place on WGS 84; the truth lies within ``ce90_m`` in 90 of 100 cases."""

    lat_deg: Latitude
    lon_deg: Longitude
    ce90_m: Metres
    hae_m: float | None = None
    le90_m: float | None = None


class Span(Noun):
    """A time span, half open: ``from_utc <= t < until_utc``."""

    from_utc: datetime
    until_utc: datetime


def utc_text(moment: datetime) -> str:
    """Write a moment as RFC 3339 UTC with ``Z``, without needless zeros.

    Raises
    ------
    ValueError
        If the moment has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def utc_time(text: str) -> datetime:
    """Read an RFC 3339 time with any explicit offset.

    Raises
    ------
    ValueError
        If it is no time, or one without a zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone, e.g. Z")
    return moment.astimezone(UTC)
