"""What the daily report says of satellites: when they could look, and when they can next."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from xml.etree.ElementTree import Element

from truceline.documents.markup import element, table
from truceline.model.place import Span
from truceline.view.overpass import Overpass
from truceline.view.views import Views
from truceline.view.watch import Gap

_AHEAD = timedelta(days=1)
_MOST = 40  # rows of the table
STALE_DAYS = 14.0  # contract satellite, section 6


def overpasses(views: Views, span: Span) -> Iterator[Element]:
    """List the passes of the day after a span; nothing where the mission names no satellite."""
    coming = views.sky.between(span.until_utc, span.until_utc + _AHEAD)
    if not coming:
        return
    rows = [
        (
            one.satellite + ("*" if one.epoch_age_days > STALE_DAYS else ""),
            f"km {one.km_from:.0f} to {one.km_to:.0f}",
            f"{one.highest_utc:%Y-%m-%d %H:%M}Z",
            f"{one.max_elevation_deg:.0f}°",
            one.direction,
            "day" if one.sunlit_ground else "night",
        )
        for one in coming[:_MOST]
    ]
    heads = ("Satellite", "Stretch", "Highest at", "Stands", "Flies", "Ground in")
    yield table(heads, rows, "Satellites that can look in the day after; whether they do is not said")
    if len(coming) > _MOST:
        yield element("p", f"{len(coming) - _MOST} later passes are not listed.")
    if any(one.epoch_age_days > STALE_DAYS for one in coming):
        text = f"* Reckoned from elements older than {STALE_DAYS:.0f} days; the time may be minutes out."
        yield element("p", text)


def looked_again(views: Views, gap: Gap, until_utc: datetime) -> str:
    """Say when a stretch was looked at again, or by what it can be."""
    if gap.until_utc < until_utc:
        return f"{gap.until_utc:%Y-%m-%d %H:%M}Z"
    first = next(
        (
            one
            for one in views.sky.between(until_utc, until_utc + _AHEAD)
            if one.km_from < gap.km_to and one.km_to > gap.km_from
        ),
        None,
    )
    return "not yet" if first is None else _can_look(first, gap)


def _can_look(one: Overpass, gap: Gap) -> str:
    part = "" if one.km_from <= gap.km_from and one.km_to >= gap.km_to else " at a part of it"
    return f"not yet; {one.satellite} can look{part} {one.highest_utc:%Y-%m-%d %H:%M}Z"
