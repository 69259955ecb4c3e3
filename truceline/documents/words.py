"""The report's words: one table, the same for both sides, no adjective that is not measured."""

from collections.abc import Sequence

from truceline.model.decided import Incident
from truceline.model.observed import Report

VERDICTS = {
    "violation": "violation",
    "possible_violation": "possible violation",
    "covered_by_notice": "covered by a notice",
    "could_not_observe": "could not be verified",
    "reported": "reported, no article",
}
_RULES = {
    "crossing": "crossing of the line",
    "absence": "presence where none may be",
    "no_fly": "flight in closed airspace",
    "activity_ban": "banned activity",
    "range_band_cap": "number above the agreed limit",
    "timetable": "number above the agreed timetable",
    "sensor_interference": "interference with the mission's sensors",
    "escalation": "step out of the agreed order",
    "explosion_cluster": "explosions",
    "shot_cluster": "shots",
}
_PROBABILITY_WORDS = ((0.95, "certain"), (0.7, "likely"), (0.0, "possible"))
_HEARD = {"explosion", "shot"}
GLOSSARY = (
    ("observed", "Somebody of the mission saw it and reported it."),
    ("heard", "It was reported by sound; nobody saw where it came from."),
    ("recorded", "A sensor's picture, video or signal holds it; its bytes are in the log."),
    ("assessed as", "A rule of the agreement gives this verdict for what was observed, heard or recorded."),
    ("stated by a side", "Words of a party, not checked by the mission."),
    ("could not be verified because", "A look was due and gave nothing; the obstacle is named."),
    ("†", "A lower bound: part of the line was not observed."),
    ("certain, likely, possible", "Probability of 95 % and more, 70 % and more, less."),
    ("±", "The place lies within this distance in 90 of 100 cases."),
    ("entry", "Number of the entry in the mission's log, where it can be checked."),
)  # fmt: skip
STYLE = """
body { font: 11pt/1.4 "Noto Sans", sans-serif; color: #111; background: #fff; }
body { max-width: 62em; margin: 2em auto; }
h1 { font-size: 18pt; margin: 0 0 .3em; }
h2 { font-size: 13pt; border-bottom: 1px solid #555; margin: 1.4em 0 .5em; }
h3 { font-size: 11pt; margin: .8em 0 .2em; }
table { border-collapse: collapse; width: 100%; font-size: 9.5pt; margin: .5em 0 1em; }
caption { text-align: left; font-weight: 600; padding: .2em 0; }
th, td { border: 1px solid #888; padding: .25em .45em; text-align: left; vertical-align: top; }
th { background: #e6e6e6; }
tr { break-inside: avoid; } section.incident { break-inside: avoid; }
dt { font-weight: 600; } dd { margin: 0 0 .3em 1.2em; }
.exercise { border: 2px solid #111; padding: .3em .6em; font-weight: 600; letter-spacing: .05em; }
footer { border-top: 1px solid #555; margin-top: 2em; font-size: 9pt; overflow-wrap: anywhere; }
@page { size: A4; margin: 18mm 16mm; }
@media print { body { margin: 0; max-width: none; } }
"""


def sentence(incident: Incident) -> str:
    """Say what an incident is and whom it concerns; both parties in the same words."""
    what = _RULES.get(incident.class_, incident.class_.replace("_", " "))
    if incident.what and incident.verdict != "could_not_observe":
        what = f"{incident.what}: {what}"
    whom = f", party {incident.party}" if incident.party is not None else ""
    where = f", zone {incident.zone}" if incident.zone is not None else ""
    return f"{what}{whom}{where}{_counted(incident)}"


def assessed(incident: Incident) -> str:
    """Write the verdict and its probability; a cluster of reports has neither."""
    if incident.verdict is None:
        return "reported; no article is tied to it"
    return f"assessed as {VERDICTS[incident.verdict]}, {certainty(incident.probability)}"


def _counted(incident: Incident) -> str:
    certain, most, allowed = (
        incident.measured.get(key) for key in ("count_certain", "count_max", "max_count")
    )
    if certain is None or most is None:
        return ""
    limit = f", {allowed} allowed" if allowed is not None else ""
    return f", {certain} counted with certainty, {most} at most{limit}"


def means(incident: Incident, reports: Sequence[Report]) -> str:
    """Name the means: observed, heard, recorded; several where several agree."""
    found = []
    if any(report.type not in _HEARD for report in reports):
        found.append("observed")
    if any(report.type in _HEARD for report in reports):
        found.append("heard")
    if set(incident.causes) - set(incident.report_ids):
        found.append("recorded")
    return " and ".join(found) or "on record"


def certainty(probability: float | None) -> str:
    """Write a probability as a word and a number."""
    if probability is None:
        return "no probability given"
    word = next(word for least, word in _PROBABILITY_WORDS if probability >= least)
    return f"{word} ({probability * 100:.0f} %)"
