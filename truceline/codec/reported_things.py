"""What a report says of things seen: which, how many, how sure; as contract wire B and *classes* spell it."""

import math
from collections.abc import Mapping, Sequence

from truceline.model.classes import BASE_KINDS, CANDIDATES, FUSION_CLASSES, from_cot
from truceline.model.observed import Report

Said = Mapping[str, str | int | float]
SURE = 0.9  # that what a person calls a thing is what it is, where they say nothing of it


def classes_of(report: Report) -> tuple[str, ...] | None:
    """Name the base kinds that a report speaks of, ``unknown`` where it names none; None: it is no sighting.

    A position that somebody marks for another than the mission's own is a sighting too.
    """
    said = report.attributes
    if report.type == "position":
        cot_type = str(said.get("cot_type", "a-f-"))
        return None if cot_type.startswith("a-f-") else (from_cot(cot_type),)
    if report.type != "sighting":
        return None
    words = str(said.get("classes", said.get("class", ""))).split()
    return tuple(word for word in words if word in BASE_KINDS) or ("unknown",)


def class_shares(kinds: Sequence[str], sure: float) -> dict[str, float]:
    """Spread over the seven fusion classes what a thing is called.

    Parameters
    ----------
    kinds
        Base kinds; one of no class is no information.
    sure
        How likely it is one of these; the rest is shared by the other classes.
    """
    columns = {BASE_KINDS[kind].fusion for kind in kinds}
    columns |= {word for word, may_be in CANDIDATES.items() if set(kinds) & set(may_be) and word in columns}
    known = [word for word in FUSION_CLASSES if word in columns] if None not in columns else []
    if not known:
        return dict.fromkeys(FUSION_CLASSES, 1 / len(FUSION_CLASSES))
    rest = (1 - sure) / max(len(FUSION_CLASSES) - len(known), 1)
    return {word: sure / len(known) if word in known else rest for word in FUSION_CLASSES}


def how_many(said: Said) -> int:
    """Tell how many things a report speaks of; one where it does not say."""
    number = stated(said, "count", 1e9)
    return 1 if number is None or number != int(number) else int(number)


def stated(said: Said, word: str, most: float) -> float | None:
    """Read a number from 0 to ``most``; None: it is not there, or is none."""
    try:
        number = float(said[word])
    except (KeyError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and 0 <= number <= most else None
