"""All that is known, in the order in which it is folded."""

from collections.abc import Sequence

import msgspec

from truceline.log.blobs import Blobs
from truceline.log.fold import Fold
from truceline.view.accounts import Accounts
from truceline.view.board import Board
from truceline.view.census import Census
from truceline.view.changes import Changes
from truceline.view.holds import Holds
from truceline.view.keeping import Keeping
from truceline.view.looks import Looks
from truceline.view.overpass import NoSky, Sky
from truceline.view.reports import Reports
from truceline.view.scene import Scene
from truceline.view.teams import Teams
from truceline.view.watch import Stations, Watch, Watched


class Views(msgspec.Struct, frozen=True, kw_only=True):
    """The pictures of one mission; each is a fold that can be thrown away and built again.

    ``sky`` alone is none: it follows from the mission's files and the time asked about.
    """

    accounts: Accounts
    holds: Holds
    keeping: Keeping
    reports: Reports
    watch: Watch
    scene: Scene
    census: Census
    looks: Looks
    changes: Changes
    board: Board
    teams: Teams
    sky: Sky
    blobs: Blobs

    @classmethod
    def empty(
        cls,
        blobs: Blobs,
        *,
        sources: Sequence[Watched] = (),
        stations: Stations | None = None,
        force: bytes | None = None,
        revisit_s: float = 3600,
        sky: Sky | None = None,
    ) -> "Views":
        """Make the views of a mission that has not begun."""
        reports, board, scene = Reports(), Board(), Scene(blobs)
        return cls(
            accounts=Accounts(),
            holds=Holds(),
            keeping=Keeping({source.name: source.kind for source in sources}),
            reports=reports,
            watch=Watch(sources, stations, revisit_s),
            scene=scene,
            census=Census(reports, scene),
            looks=Looks(blobs),
            changes=Changes(blobs),
            board=board,
            teams=Teams(force, board, reports),
            sky=sky or NoSky(),
            blobs=blobs,
        )

    def folds(self) -> tuple[Fold, ...]:
        """List the views in the order in which a fact walks through them."""
        return (
            self.accounts,
            self.holds,
            self.keeping,
            self.reports,
            self.watch,
            self.scene,
            self.census,
            self.looks,
            self.changes,
            self.board,
            self.teams,
        )
