"""A server on loopback over a node of its own, people who may call it, and runs of the examples."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from truceline.app.server import Settings, in_background, prepare
from truceline.flow.core import rebuild
from truceline.flow.node import Node
from truceline.log.reader import read_facts
from truceline.model.decided import Incident
from truceline.model.observed import Detections, Observation

EXAMPLES = Path(__file__).parents[2] / "examples"

PEOPLE = {
    "olga": {"role": "observer"},
    "otto": {"role": "observer"},
    "oper": {"role": "operator"},
    "cmdr": {"role": "commander"},
    "lisa": {"role": "party-liaison", "party": "A"},
    "bert": {"role": "party-liaison", "party": "B"},
    "audi": {"role": "auditor"},
}


class Site:
    """A running server; ``site["cmdr"]`` is that person's client."""

    def __init__(self, node: Node, port: int, data_dir: Path) -> None:
        self.node, self.port, self.data_dir = node, port, data_dir
        self.url = f"http://127.0.0.1:{port}"
        self._clients: dict[str, httpx.Client] = {}
        self.tokens = {"admin": (data_dir / "admin.token").read_text().strip()}

    def __getitem__(self, who: str) -> httpx.Client:
        if who not in self._clients:
            headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who in self.tokens else {}
            self._clients[who] = httpx.Client(base_url=self.url, headers=headers, timeout=120)
        return self._clients[who]

    def hire(self, name: str, **account: str) -> None:
        made = self["admin"].post("/users", json={"name": name, **account})
        assert made.status_code == 201, made.text
        self.tokens[name] = made.json()["token"]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


def report(report_id: str, **more: Any) -> dict[str, Any]:
    """A report that is taken."""
    now = datetime.now(UTC) - timedelta(minutes=5)
    return {
        "id": report_id,
        "type": "note",
        "time_utc": now.isoformat().replace("+00:00", "Z"),
        "lat_deg": 38.0,
        "lon_deg": 127.0,
        **more,
    }


_PLACES = count()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data_dir = tmp_path_factory.mktemp("site") / "data"
    node = Node(data_dir)
    node.start()
    prepare(data_dir, node)
    with in_background(node, Settings()) as port:
        running = Site(node, port, data_dir)
        for name, account in PEOPLE.items():
            running.hire(name, **account)
        yield running
        running.close()
    node.stop()


@pytest.fixture(name="report")
def make_report() -> Any:
    return report


@pytest.fixture
def cluster(site: Site) -> Any:
    """Two explosions that are one incident; gives the incident as the list shows it."""

    def make(tag: str, **more: Any) -> dict[str, Any]:
        place = {"lat_deg": 10.0 + next(_PLACES) / 10, "lon_deg": 20.0}  # none near another
        ids = [f"{tag}-1", f"{tag}-2"]
        for one in ids:
            taken = site["olga"].post("/reports", json=report(one, type="explosion", **place, **more))
            assert taken.status_code == 201, taken.text
        for item in site["oper"].get("/incidents").json()["items"]:
            if item["report_ids"] == ids:
                return dict(item)
        raise AssertionError("no incident came of two explosions")

    return make


class Ran:
    """What a run of a mission left behind."""

    def __init__(self, shared: Path, mission: Path, data: Path) -> None:
        self.shared, self.data = shared, data
        done = self.truceline("run", mission, "--data", data, "--json")
        assert done.returncode == 0, done.stderr
        self.summary = json.loads(done.stdout)
        self.views, self.facts = rebuild(data), list(read_facts(data))
        self.seen = {
            fact.id: (fact, fact.noun(Observation)) for fact in self.facts if fact.kind == "observation"
        }
        self.looked = [fact.noun(Detections) for fact in self.facts if fact.kind == "detection"]

    def truceline(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "truceline.app", *map(str, words)], check=False, capture_output=True,
            text=True, timeout=800, env=os.environ | {"TRUCELINE_SHARED": str(self.shared)},
        )  # fmt: skip

    def against(self, report_id: str) -> list[Incident]:
        """Incidents in force that rest on a report."""
        return [i.incident for i in self.views.board.incidents() if report_id in i.incident.report_ids]


@pytest.fixture(scope="module")
def run_example(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Ran]:
    """Run an example mission over real data, from a copy of it and of the folder beside it."""
    shared = Path(os.environ.get("TRUCELINE_SHARED", "../shared")).resolve()
    if not (shared / "data").is_dir():
        pytest.skip(f"real data not found at {shared}; set TRUCELINE_SHARED")

    def run(word: str) -> Ran:
        place = tmp_path_factory.mktemp(word)
        shutil.copy(EXAMPLES / f"{word}.toml", place)
        shutil.copytree(EXAMPLES / word, place / word)
        return Ran(shared, place / f"{word}.toml", place / "data")

    return run
