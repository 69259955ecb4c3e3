"""Who may see what: the one place that says which items a role, a person or a party is shown.

Default deny (threat model, section 5): what no function here lets through is not shown.
"""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from truceline.model.decided import Role
from truceline.model.facts import Fact
from truceline.view.board import Board, IncidentItem, OrderItem
from truceline.view.reports import ReportItem, Reports

SEES_ALL: frozenset[Role] = frozenset({"operator", "commander", "auditor"})
_MOST_SUPPORT = 100_000  # entries below the incidents of one party that are walked at most
# What may be shown of a released case: the samples that its reports brought, the pictures of its
# detections; not the raw footage of its observations, not the rows.
_WITH_PICTURES = frozenset({"detection", "incident"})


class Viewer(msgspec.Struct, frozen=True):
    """Who looks: a user, the role, and for a liaison the party."""

    name: str
    role: Role
    party: str | None = None

    @property
    def sees_all(self) -> bool:
        """Tell whether the role sees all operational data."""
        return self.role in SEES_ALL

    @property
    def actor(self) -> str:
        """Name the viewer as the log names who acted."""
        return f"user:{self.name}"


def reporter_shown(viewer: Viewer) -> str | Literal[False] | None:
    """Tell whose reports are shown: of one actor, of all (None), of nobody (False)."""
    if viewer.sees_all:
        return None
    return viewer.actor if viewer.role == "observer" else False


def may_see_report(viewer: Viewer, item: ReportItem) -> bool:
    """Tell whether a report is shown."""
    return viewer.sees_all or (viewer.role == "observer" and item.reporter == viewer.actor)


def may_see_order(viewer: Viewer, item: OrderItem) -> bool:
    """Tell whether an order is shown: to its unit once it was sent, and to the operations room."""
    if viewer.sees_all:
        return True
    return viewer.role == "observer" and item.order.unit == viewer.name and item.state != "CREATED"


def incidents_for(viewer: Viewer, board: Board) -> list[IncidentItem]:
    """List the incidents that a viewer is shown; a party sees them as they were when released."""
    if viewer.sees_all:
        return board.incidents()
    if viewer.role == "party-liaison" and viewer.party is not None:
        return board.released(viewer.party)
    return []


def incident_for(viewer: Viewer, board: Board, incident_id: str) -> IncidentItem | None:
    """Find an incident, by its id or its case, among those that a viewer is shown."""
    if viewer.sees_all:
        return board.incident(incident_id)
    case_id = board.case_of(incident_id) or incident_id
    of_case = [item for item in incidents_for(viewer, board) if case_id == item.case_id]
    return next((item for item in of_case if item.id == incident_id), of_case[-1] if of_case else None)


def may_open_sample(
    viewer: Viewer,
    sha256: str,
    reports: Reports,
    released: Iterable[IncidentItem],
    read: Callable[[int], Fact],
) -> bool:
    """Tell whether a viewer may open a sample; walks the log, so hold no lock meanwhile.

    Parameters
    ----------
    viewer
        Who looks.
    sha256
        The sample.
    reports
        The picture that says what is whose.
    released
        The incidents that the viewer is shown (:func:`incidents_for`).
    read
        Reads an entry of the log by ``seq``.
    """
    if viewer.sees_all:
        return True
    if viewer.role == "observer":
        # A hash is no secret (packages list withheld ones): to cite a sample does not make it one's own.
        return reports.bringer(sha256) == viewer.actor
    if viewer.role == "party-liaison":
        return sha256 in shown_samples((item.seq for item in released), read)
    return False


def shown_samples(entries: Iterable[int], read: Callable[[int], Fact]) -> set[str]:
    """Collect the samples that may be shown of what released entries rest on.

    What a report shows goes with a case that rests on the report itself, not with one that rests on a track
    to which the report has added: a round of tracks rests on all that was told of at that time.
    """
    found: set[str] = set()
    seen: set[int] = set()
    waiting = list(entries)
    while waiting and len(seen) < _MOST_SUPPORT:
        seq = waiting.pop()
        if seq in seen:
            continue
        seen.add(seq)
        fact = read(seq)
        for blob in fact.blobs:
            is_picture = fact.kind in _WITH_PICTURES and blob.media_type.startswith("image/")
            if fact.kind == "report" or is_picture:
                found.add(blob.sha256)
        waiting.extend(ref for ref in fact.refs if fact.kind != "detection" or read(ref).kind != "report")
    return found
