"""Why, and what the accused party could rightly say: the same sentences for both sides."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from truceline.geo.zone import Area, Zones
from truceline.model.classes import CHANGE_WORDS
from truceline.model.decided import Explanation
from truceline.model.observed import Sighting
from truceline.plug import Finding, Rule
from truceline.rules.match import candidates

_DOUBTS = {
    "party_unknown": "Whose it was is not known.",
    "party_assumed": "Whose it was is only inferred from the side on which it was first seen.",
    "class_uncertain": "What exactly it was is not certain.",
    "calibre_mm_missing": "Its calibre, on which the rule depends, is not known.",
    "range_km_missing": "Its range, on which the rule depends, is not known.",
    "alt_agl_m_missing": "Its height above ground, on which the rule depends, is not known.",
    "unit_size_missing": "The size of the unit, on which the rule depends, is not known.",
    "notice_late": "A notice was given, but later than the agreement asks.",
    "notice_without_consent": "A notice was given, but the consent it needs is not recorded.",
}
_NAMED = 3  # candidates that a short name lists
_VERDICTS = {
    "violation": "a violation",
    "possible_violation": "a possible violation",
    "covered_by_notice": "covered by a notice",
    "could_not_observe": "not observed",
}


def explain(
    rule: Rule, finding: Finding, zones: Zones, names: dict[str, str], min_confidence: float
) -> Explanation:
    """Write both halves of the explanation.

    Parameters
    ----------
    rule
        Whose finding it is.
    finding
        What was found.
    zones
        For the limit of the zone, in metres.
    names
        Party id → name.
    min_confidence
        Below it an observation supports no violation.
    """
    return Explanation(
        supports=_supports(rule, finding, zones, names),
        challenges=_challenges(rule, finding, min_confidence),
    )


def words_of(seen: Sighting) -> str:
    """Name what was seen in a few words, and no more than was seen.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> moment = datetime(2030, 5, 1, tzinfo=UTC)
    >>> words_of(Sighting(id="o1", time=moment, kind="sighting", class_="artillery", count=3))
    '3 x artillery'
    """
    if seen.kind == "no_observation":
        return "nothing could be seen"
    if seen.meaning is not None:
        return "change of the surface" + CHANGE_WORDS[seen.meaning]
    if seen.kind != "sighting":
        return (seen.activity or seen.kind).replace("_", " ")
    kinds = candidates(seen)
    words = "something not recognised" if kinds == ("unknown",) else _kinds(kinds, "or the like")
    return f"{seen.count} x {words}" if seen.count != 1 else words


def _supports(rule: Rule, finding: Finding, zones: Zones, names: dict[str, str]) -> str:
    said = f"{rule.article}: {rule.text or rule.id}".rstrip(".") + "."
    seen = finding.strongest
    when = _minute(seen.time)
    source = f" by {seen.source}" if seen.source else ""
    if finding.verdict == "could_not_observe":
        known = seen.reason is not None and seen.reason != "other"
        why = f"because of: {seen.reason}".replace("_", " ") if known else "why is not known"
        place = f" at the zone {finding.zone}" if finding.zone else ""
        return f"{said} A planned look{place}{source}, {when}, gave nothing; {why}."
    whose = names.get(finding.party or "", "a party that is not known")
    text = f"{said} {_what(seen)} of {whose} was reported{source}, {when}"
    text += _where(rule, finding, zones) + "."
    if len(finding.causes) > 1:
        first, last = _minute(finding.causes[0].time), _minute(finding.causes[-1].time)
        text += f" It rests on {len(finding.causes)} observations from {first} to {last}."
    if "count_max" in finding.measured:
        text += (
            f" Counted with certainty: {finding.measured['count_certain']};"
            f" at most: {finding.measured['count_max']}; allowed: {finding.measured.get('max_count', 'any')}."
        )
    if "step_skipped" in finding.reasons:
        text += " A step of the agreed ladder was left out before it."
    if "too_fast" in finding.reasons:
        text += " It came sooner after the step before than agreed."
    return f"{text} This is {_VERDICTS[finding.verdict]}."


def _what(seen: Sighting) -> str:
    if seen.meaning is not None:
        return "A change of the surface" + CHANGE_WORDS[seen.meaning]
    if seen.kind != "sighting":
        what = (seen.activity or seen.kind).replace("_", " ")
        return f"The activity '{what}'" + (f" by a {seen.unit_size}" if seen.unit_size else "")
    found = candidates(seen)
    kinds = _kinds(found, f"or one of {len(found) - 1} other kinds")
    return f"{seen.count} x {kinds}" if seen.count != 1 else f"A sighting ({kinds})"


def _kinds(kinds: Sequence[str], rest: str) -> str:
    """Name a few kinds, or of many the first and how the rest is called."""
    names = [kind.replace("_", " ") for kind in kinds]
    return " or ".join(names) if len(names) <= _NAMED else f"{names[0]} {rest}"


def _where(rule: Rule, finding: Finding, zones: Zones) -> str:
    measured = finding.measured
    text = ""
    if "distance_m" in measured:
        to = "the outline" if isinstance(zones.zones.get(finding.zone or ""), Area) else "the line"
        side = f" on side {measured['side']}" if "side" in measured else ""
        text += f", {_metres(measured['distance_m'])} from {to}{side}"
    zone = zones.zones.get(finding.zone or "")
    if zone is not None and not isinstance(zone, Area):
        text += f", in the zone {zone.id} from {_metres(zone.inner_m)} to {_metres(zone.outer_m)}"
    elif zone is not None:
        text += f", in the zone {zone.id}"
    if "margin_m" in measured and float(measured["margin_m"]) >= 0:
        text += f", {_margin(rule, float(measured['margin_m']))}"
    return text


def _margin(rule: Rule, margin_m: float) -> str:
    """Say how far past a limit something is: in a zone, or over a line."""
    held, not_held = ("beyond", "short of") if hasattr(rule, "line") else ("inside", "outside")
    return f"{_metres(abs(margin_m))} {held if margin_m >= 0 else not_held} the limit"


def _challenges(rule: Rule, finding: Finding, min_confidence: float) -> str:
    seen, parts = finding.strongest, []
    if finding.verdict == "could_not_observe":
        return "Nothing was seen, so nothing is said about what any party did there at that time."
    if "margin_m" in finding.measured and "ce90_m" in finding.measured:
        margin_m, ce90_m = float(finding.measured["margin_m"]), float(finding.measured["ce90_m"])
        parts.append(
            f"The position is known to {_metres(ce90_m)} in nine of ten cases"
            f" and lies {_margin(rule, margin_m)}"
            + (", so the truth may lie on the other side of it." if abs(margin_m) < ce90_m else ".")
        )
    low = min(sighting.confidence for sighting in finding.causes)
    word = "less than" if low < min_confidence else "at least"
    said = math.floor(low * 1000) / 1000  # never rounded up over what it is compared with
    parts.append(f"The lowest confidence is {said:g}, {word} the {min_confidence:g} that a violation needs.")
    parts.append(_sources(finding.causes))
    parts += [_DOUBTS[reason] for reason in finding.reasons if reason in _DOUBTS]
    if finding.verdict == "covered_by_notice":
        parts.append("A notice that meets the agreement's conditions covers it.")
    elif not any(reason.startswith("notice_") for reason in finding.reasons):
        parts.append("No notice that would cover it is known.")
    if seen.at is None:
        parts.append("The report gives no position.")
    return " ".join(parts)


def _sources(causes: Sequence[Sighting]) -> str:
    sources = sorted({sighting.source for sighting in causes if sighting.source})
    if not sources:
        return "The source is not named."
    if len(sources) == 1:
        return f"It rests on a single source, {sources[0]}."
    return f"It rests on {len(sources)} sources: {', '.join(sources)}."


def _minute(moment: datetime) -> str:
    """Say a time as a person reads it; the exact one stands in the incident."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%MZ}"


def _metres(value: float | int | str) -> str:
    return f"{float(value):,.0f} m"
