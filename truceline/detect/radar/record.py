"""What a radar result has to say of itself: which polarisations it rests on, and what it lacked."""

from typing import Any

from truceline.codec.stac import DEGRADED
from truceline.detect.radar.history import History
from truceline.detect.radar.orbits import LEAST_DATES


def record_of(history: History) -> dict[str, Any]:
    """Give members for the STAC item of a result."""
    members: dict[str, Any] = {"sar:polarizations": [word.upper() for word in history.polarisations]}
    lacking = list(_lacking(history))
    return members | ({DEGRADED: lacking} if lacking else {})


def _lacking(history: History) -> list[str]:
    stamps, baseline = history.stamps, history.settings.baseline
    found = []
    if len(stamps) <= baseline:
        found.append(f"nothing is tested before {baseline + 1} items; {len(stamps)} came")
    if len(history.polarisations) == 1:
        found.append(f"only {history.polarisations[0]} is used")
    empty = [stamp.id for stamp in stamps if not stamp.has_data]
    if empty:
        found.append(f"no data anywhere in {', '.join(empty)}")
    looks = [stamp.orbit for stamp in stamps].count(stamps[-1].orbit)
    if baseline < len(stamps) and looks <= LEAST_DATES < len(stamps):
        orbit = stamps[-1].orbit or "unknown"
        found.append(f"{stamps[-1].id} is look {looks} from orbit {orbit}; it is not tested")
    return found
