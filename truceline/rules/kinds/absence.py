"""Absence: listed classes are not in a zone, or only the listed ones are."""

from typing import ClassVar

from truceline.rules.clause import Clause


class Absence(Clause):
    """Sightings of what may not be in the zone.

    Parameters
    ----------
    zone
        One zone or several; the one with the largest margin counts.
    classes
        What is banned; ``*``: all.
    only_classes
        What alone is allowed; everything else is banned.
    except_sites
        Whitelisted places.
    """

    tells_blind_looks: ClassVar[bool] = True

    zone: str | tuple[str, ...]
    classes: tuple[str, ...] | None = None
    only_classes: tuple[str, ...] | None = None
    except_sites: tuple[str, ...] = ()
