"""The demo: one exercise day through the whole chain, and what came of it, in words."""

import shutil
import time
from datetime import timedelta
from pathlib import Path

import msgspec

from truceline import sim
from truceline.app.documents import write_documents
from truceline.app.exercise import Exercise, eyes_of, running
from truceline.app.progress import status
from truceline.app.server import Settings, check
from truceline.flow.mission import load_mission
from truceline.flow.node import Node
from truceline.log.verify import read_trust, verify_path
from truceline.model.errors import BadInput
from truceline.sim.day import write_truth
from truceline.sim.score import Result, score
from truceline.sim.world import DAY_S, Corridor
from truceline.view.board import IncidentItem
from truceline.view.views import Views

_AFTER = timedelta(hours=1)  # mission time left for the last orders


class Outcome(msgspec.Struct, frozen=True):
    """What the day came to; each link of the chain is true or false."""

    results: list[Result]
    others: list[IncidentItem]
    links: dict[str, bool]

    @property
    def held(self) -> bool:
        """Tell whether no link of the chain is missing."""
        return all(self.links.values())


def demo(data: Path, *, seed: int, port: int, headless: bool) -> int:
    """Run the demo.

    Returns
    -------
    int
        0 the chain held, 3 it did not.

    Raises
    ------
    BadInput
        If the data folder already holds a log, or no port has that number.
    """
    check(Settings(port=port))
    began_s = time.monotonic()
    if (data / "log").exists():
        raise BadInput(str(data), "holds a log already; the demo wants a new folder")
    place = data.parent / f"{data.name}.mission"
    if place.exists():
        raise BadInput(str(place), "is there already; the demo wants a new folder")
    shutil.copytree(Path(sim.__file__).parent / "corridor", place)
    node = Node(data, load_mission(place / "mission.toml"))
    with running(node, port) as exercise:
        outcome = _day(exercise, place, seed, began_s)
        _tell(exercise, outcome, data)
        if not headless:
            exercise.end_day()
            print(
                "\nThe day is over; the clock goes on at its usual pace, and the page stays up until Ctrl-C."
            )
            _wait_for_keyboard()
    code, finding = verify_path(data, read_trust(data / "keys" / "trust.json"))
    root = str(finding.get("root_sha256", ""))[:16]
    why = finding.get("why", "")
    print(f"verify: {finding['verdict']}, {finding.get('entries', 0)} entries, root {root}… {why}".rstrip())
    held = outcome.held and code == 0
    print("EXERCISE: the chain held." if held else "EXERCISE: the chain did NOT hold.")
    return 0 if held else 3


def _day(exercise: Exercise, place: Path, seed: int, began_s: float) -> Outcome:
    node = exercise.node
    world = exercise.start_day(place / "in", seed)  # its process comes up while the server does
    exercise.start(follow=True)
    zones = node.core.zones
    if zones is None:
        raise BadInput("mission.toml", "has no agreement")
    write_truth(world, Corridor(zones), place / "truth.json")
    exercise.add_units(eyes_of(world, zones))
    exercise.play()
    print(f"EXERCISE: the map page is at {exercise.invite('guest')}", flush=True)
    end = world.start_utc + timedelta(seconds=DAY_S) + _AFTER
    first_s: float | None = None
    while node.now() < end and node.failed is None:
        time.sleep(0.1)
        with node.lock:
            count = len(node.views.board.incidents())
            observations = sum(item.pieces for item in node.views.watch.sources())
        if first_s is None and count:
            first_s = time.monotonic() - began_s
            print(f"EXERCISE: first incident on the map {first_s:.1f} s after the start", flush=True)
        clock = node.now().strftime("%d %b %H:%MZ")
        status(f"EXERCISE {clock}   {observations} pieces taken in, {count} incidents in force")
    status("")
    node.wait_idle(10)
    write_documents(node)
    node.wait_idle(5)
    with node.lock:
        results, others = score(place / "truth.json", node.views.board.incidents())
        return Outcome(results, others, _links(node.views, results))


def _links(views: Views, results: list[Result]) -> dict[str, bool]:
    orders = views.board.orders()
    decided = [item for item in views.board.recommendations() if item.decision is not None]
    pieces = {item.kind: item.pieces for item in views.watch.sources()}
    return {
        "every kind of source was taken in": all(
            pieces.get(kind, 0) for kind in ("alarm", "stac_folder", "video")
        )
        and bool(views.reports.items),
        "tracks were made": bool(views.scene.in_force()),
        "what was planted was found, and nothing was found where nothing was": all(
            result.is_right for result in results
        ),
        "a person approved a recommendation": any(item.state == "approved" for item in decided),
        "an order was carried out": any(item.state == "DONE" for item in orders),
        "units reported back": any(item.reporter.startswith("user:") for item in views.reports.items),
    }


def _tell(exercise: Exercise, outcome: Outcome, data: Path) -> None:
    print("\nEXERCISE: what was planted, and what became of it")
    for result in outcome.results:
        mark = "found " if result.found else "MISSED"
        if not result.event.expected:
            mark = "FALSE " if result.found else "quiet "
        print(f"  {mark} {result.event.id}  {result.event.what}")
        for item in result.found[:2]:
            probability = item.incident.probability
            chance = "" if probability is None else f", {round(probability * 100)} %"
            rule = (
                f"{item.incident.rule} {item.incident.verdict}"
                if item.incident.rule
                else item.incident.class_
            )
            print(f"           {rule}{chance}, entry {item.seq}")
    others = len(outcome.others)
    print(f"  besides: {others} incident{'s' * (others != 1)} that belong to nothing planted")
    with exercise.node.lock:
        board = exercise.node.views.board
        decided = [item for item in board.recommendations() if item.decision is not None]
        orders = board.orders()
    print("\nEXERCISE: recommendations that were decided")
    for one in decided[:12]:
        if one.decision is not None:
            said = one.decision
            print(f"  {said.verdict:<9} by {said.by} ({said.role}): {one.recommendation.action}")
    if len(decided) > 12:
        print(f"  … and {len(decided) - 12} more")
    done = sum(item.state == "DONE" for item in orders)
    print(f"\nEXERCISE: {len(orders)} orders, {done} carried out")
    for link, holds in outcome.links.items():
        print(f"  {'yes' if holds else 'NO '}  {link}")
    print(f"  data: {data}  (truceline why, replay, verify and report read it)", flush=True)


def _wait_for_keyboard() -> None:
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        print()
