"""From a bucket of sightings to incidents, with their ids and both-sided explanations."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from truceline.geo.zone import Zones
from truceline.model.decided import Incident
from truceline.model.names import name
from truceline.model.observed import Sighting
from truceline.model.place import utc_text
from truceline.plug import Finding
from truceline.rules.agreement import Agreement, Provision
from truceline.rules.clause import Clause
from truceline.rules.explain import explain, words_of


def key_function(provision: Provision) -> Callable[[Sighting], str | None]:
    """Give what names the bucket of a sighting under a rule; None: the rule does not speak about it."""
    rule = provision.rule
    if isinstance(rule, Clause):
        return rule.key

    def key(sighting: Sighting) -> str | None:
        is_bound = sighting.party == "unknown" or sighting.party in provision.bound
        return rule.key(sighting) if is_bound and provision.period.holds(sighting.time) else None

    return key


def exceptions(provision: Provision) -> tuple[Any, ...]:
    """List the notice exceptions that apply to a rule."""
    return provision.rule.terms.exceptions if isinstance(provision.rule, Clause) else ()


def rule_on(
    agreement: Agreement,
    provision: Provision,
    bucket: Sequence[Sighting],
    notices: Sequence[Sighting] = (),
) -> Iterator[tuple[str, Incident]]:
    """Judge one bucket of one rule.

    Parameters
    ----------
    agreement, provision
        The rule and what it belongs to.
    bucket
        The bucket's sightings in any order.
    notices
        Notices that may cover what is found.

    Yields
    ------
    tuple
        Id and incident.
    """
    together = sorted([*bucket, *notices], key=lambda sighting: (sighting.time, sighting.id))
    for finding in provision.rule.judge(together, agreement.zones):
        yield _incident(agreement, provision, finding)


def _incident(agreement: Agreement, provision: Provision, finding: Finding) -> tuple[str, Incident]:
    rule, best = provision.rule, finding.strongest
    causes = tuple(sorted({sighting.id for sighting in finding.causes}))
    incident_id = name("inc", agreement.id, rule.id, finding.party or "", finding.verdict, *causes)
    times = [sighting.time for sighting in finding.causes]
    names = {party.id: party.name for party in agreement.parties.values()}
    incident = Incident(
        class_=provision.type,
        report_ids=tuple(sorted({s.id for s in finding.causes if s.row < 0 <= s.seq})),
        start_utc=min(times),
        end_utc=max(times),
        lat_deg=best.at.lat_deg if best.at else None,
        lon_deg=best.at.lon_deg if best.at else None,
        ce90_m=best.at.ce90_m if best.at else None,
        agreement=agreement.id,
        rule=rule.id,
        article=rule.article,
        party=finding.party,
        verdict=finding.verdict,  # type: ignore[arg-type]
        probability=round(min(1.0, max(0.0, finding.probability)), 9),
        zone=finding.zone,
        causes=causes,
        reasons=finding.reasons,
        measured=dict(finding.measured),
        what=words_of(best),
        km=kilometre(agreement.zones, best.at.lat_deg, best.at.lon_deg) if best.at else None,
        explanation=explain(rule, finding, agreement.zones, names, agreement.min_confidence),
    )
    return incident_id, incident


def kilometre(zones: Zones, lat_deg: float | None, lon_deg: float | None) -> float | None:
    """Tell where along the nearest line a place is; None without line or place."""
    if lat_deg is None or lon_deg is None:
        return None
    line = zones.nearest_line(lat_deg, lon_deg)
    if line is None:
        return None
    km, _ = zones.chainage(line, lat_deg, lon_deg)
    return round(km, 3)


def judge_all(
    agreement: Agreement, sightings: Sequence[Sighting]
) -> tuple[list[tuple[str, Incident]], list[tuple[str, str]]]:
    """Judge a set of sightings, one per id; the answer does not depend on their order.

    Returns
    -------
    tuple
        Incidents with their ids, sorted by start, rule, party, id; and what was left aside:
        pairs of id and reason, sorted.
    """
    places = [sighting.at for sighting in sightings if sighting.at is not None]
    agreement.zones.remember([at.lat_deg for at in places], [at.lon_deg for at in places])
    notices = [sighting for sighting in sightings if sighting.kind == "notice"]
    found: dict[str, Incident] = {}
    spoken: set[str] = set()
    aside: set[tuple[str, str]] = set()
    odd = [sighting for sighting in sightings if sighting.at is None or sighting.kind == "response"]
    for provision in agreement.provisions:
        buckets: dict[str, list[Sighting]] = {}
        key_of = key_function(provision)
        for sighting in sightings:
            key = key_of(sighting)
            if key is not None:
                buckets.setdefault(key, []).append(sighting)
                if sighting.kind == "response":
                    spoken.add(sighting.id)
        if isinstance(provision.rule, Clause):
            reasons = ((sighting.id, provision.rule.aside(sighting)) for sighting in odd)
            aside.update((key, reason) for key, reason in reasons if reason is not None)
        covering = notices if exceptions(provision) else []
        for bucket in buckets.values():
            found.update(rule_on(agreement, provision, bucket, covering))
    incidents = sorted(
        found.items(), key=lambda item: (item[1].start_utc, item[1].rule, item[1].party or "", item[0])
    )
    # A response may climb one ladder and stand in no other.
    ignored = sorted(pair for pair in aside if pair[1] != "not_in_ladder" or pair[0] not in spoken)
    return incidents, ignored


def as_json(incident_id: str, incident: Incident) -> dict[str, Any]:
    """Give an incident the form that contract zone asks for."""
    return {
        "id": incident_id,
        "rule": incident.rule,
        "article": incident.article,
        "type": incident.class_,
        "party": incident.party,
        "verdict": incident.verdict,
        "probability": incident.probability,
        "start": utc_text(incident.start_utc),
        "end": utc_text(incident.end_utc),
        "zone": incident.zone,
        "lat_deg": incident.lat_deg,
        "lon_deg": incident.lon_deg,
        "causes": list(incident.causes),
        "reasons": list(incident.reasons),
        "measured": dict(incident.measured),
        "explanation": msgspec.to_builtins(incident.explanation),
    }
