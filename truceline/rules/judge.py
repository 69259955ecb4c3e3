"""The judge: what holds against the agreement, over a whole set of sightings or fact by fact."""

from collections.abc import Sequence

from truceline.model.decided import Incident
from truceline.model.observed import Sighting
from truceline.rules.agreement import Agreement
from truceline.rules.clause import Clause
from truceline.rules.rulings import exceptions, key_function, rule_on


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
