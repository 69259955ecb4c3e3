"""A server on loopback over a node of its own, and people who may call it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from truceline.app.server import Settings, in_background, prepare
from truceline.flow.node import Node

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
            self._clients[who] = httpx.Client(base_url=self.url, headers=headers, timeout=20)
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
    counter = iter(range(1000))

    def make(tag: str) -> dict[str, Any]:
        place = {"lat_deg": 10.0 + (hash(tag) % 1000) / 20, "lon_deg": 20.0 + next(counter)}
        ids = [f"{tag}-1", f"{tag}-2"]
        for one in ids:
            taken = site["olga"].post("/reports", json=report(one, type="explosion", **place))
            assert taken.status_code == 201, taken.text
        for item in site["oper"].get("/incidents").json()["items"]:
            if item["report_ids"] == ids:
                return dict(item)
        raise AssertionError("no incident came of two explosions")

    return make
