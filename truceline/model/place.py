"""Where and when: no position without its error, no time without its zone."""

from datetime import UTC, datetime
from typing import Any, dataclass_transform

import msgspec

from truceline.model.units import Latitude, Longitude, Metres


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class NounMeta(msgspec.StructMeta):
    """Makes every noun keyword-only; frozen is inherited."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        return super().__new__(mcs, name, bases, namespace, **{"kw_only": True, **options})


class Noun(msgspec.Struct, metaclass=NounMeta, frozen=True, kw_only=True, omit_defaults=True):
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
        If it is no time, one without a zone, or one that UTC cannot name.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone, e.g. Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} lies before the year 1 or after 9999") from error
