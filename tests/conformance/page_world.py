"""A made-up mission behind the committed page, for its tests and for looking at it.

Not the server: only the answers of contract wire B and C that the page reads, all of them invented.
Run it by hand: ``python tests/conformance/page_world.py --port 8111`` and open ``/#token=duty``.
"""

# ruff: noqa: E501  (sentences and scripts are not broken)

import argparse
import json
import threading
import time
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from page_film import BLOBS, cause, frame
from page_items import (
    NOW,
    PICTURE,
    gaps,
    incidents,
    passes,
    past_tracks,
    recommendations,
    reports,
    sought,
    sources,
    stamp,
    told,
    tracks,
    zones,
)

PAGE = Path(__file__).resolve().parents[2] / "truceline" / "app" / "page"
CSP = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}


class World:
    """What the made-up server holds; tests change it through ``/made-up``."""

    def __init__(self, many: int, idle: bool, rate: float, lines: list[str]) -> None:
        self.lock = threading.Condition()
        self.events: list[tuple[int, str, dict[str, Any]]] = []
        self.started = time.monotonic()
        self.beat_s, self.silent, self.refuse, self.rate = 5.0, False, 0, rate
        self.held: list[str] = []  # answers to these paths are made, and stay under way
        self.let_go = 0  # so many of them are not held
        self.asked: list[str] = []
        self.answered: list[str] = []
        self.decisions: list[dict[str, Any]] = []
        self.lines = [{"id": name, "length_km": 60 / len(lines)} for name in lines]
        self.lists: dict[str, list[dict[str, Any]]] = {
            "zones": zones(self.lines), "tracks": tracks(many), "incidents": [] if idle else incidents(), "orders": [], "groups": [] if idle else [told()],
            "recommendations": [] if idle else recommendations(), "sources": [*sources(), {**sources()[2], "name": "UAV-1", "frame": frame()}], "reports": [] if idle else reports(),
        }  # fmt: skip
        self.seq, self.log, self.begun, self.gaps = 495, "a" * 64, 0, gaps()

    def now(self) -> datetime:
        return NOW + timedelta(seconds=(time.monotonic() - self.started) * self.rate)

    def coverage(self) -> dict[str, Any]:
        """Answer as the server does: a gap that lasts ends where the answer ends."""
        until = self.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        cut = [{**gap, "until_utc": min(gap["until_utc"], until)} for gap in self.gaps]
        return {"items": cut, "until_utc": until, "observed_share": 0.88, "line_km": 60, "passes": passes()}

    def begin(self, log: str, seq: int) -> None:
        """Another log answers from here on, with nothing in it; open streams end."""
        with self.lock:
            self.log, self.seq, self.events, self.begun = log, seq, [], self.begun + 1
            for name in ("incidents", "recommendations", "reports", "orders"):
                self.lists[name] = []
            self.lock.notify_all()

    def mission(self) -> dict[str, Any]:
        now = self.now()
        sectors = [("Alder", 0, 16), ("Birch", 16, 30), ("Cedar", 30, 46), ("Elm", 46, 60)]
        return {
            "name": "Northern corridor", "exercise": True, "line_km": 60.0, "tree_size": self.seq + 1, "log": self.log,
            "clock": {"utc": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "rate": self.rate},
            "who": {"name": "Maj. K. Lind", "role": "commander"},
            "parties": [{"id": "a", "name": "Side A", "side": "A"}, {"id": "b", "name": "Side B", "side": "B"}],
            "lines": self.lines,
            "sectors": [{"id": i, "km_from": a, "km_to": b} for i, a, b in sectors],
        }  # fmt: skip

    def happen(self, kind: str, data: dict[str, Any], quietly: bool = False) -> int:
        with self.lock:
            self.seq += 1
            item = {**data, "seq": self.seq}
            if kind in ("incident", "recommendation"):
                held = self.lists[f"{kind}s"]
                held[:] = [i for i in held if i["id"] != item["id"]] + [item]
            if not quietly:
                self.events.append((self.seq, kind, item))
            self.lock.notify_all()
            return self.seq

    def wait_for(self, path: str) -> None:
        """Keep an answer under way as long as it is held."""
        with self.lock:
            self.asked.append(path)
            mine = self.asked.count(path)
            self.lock.wait_for(lambda: path not in self.held or mine <= self.let_go)

    def set(self, values: dict[str, Any]) -> None:
        with self.lock:
            for name, value in values.items():
                setattr(self, name, value)
            self.lock.notify_all()

    def decide(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        about = next(r for r in self.lists["recommendations"] if r["id"] == body["recommendation_id"])
        if self.refuse:
            return self.refuse, {
                "title": "refused",
                "detail": "somebody else decided this at 03:13Z",
                "status": self.refuse,
            }
        if about["state"] != "waiting" or about["touched_seq"] > body["seen_seq"]:
            return 409, {"title": "conflict", "detail": "what it rests on has changed", "status": 409}
        made = {**body, "id": f"dec-{self.seq}", "by": "Maj. K. Lind", "at_utc": stamp(0)}
        seq = self.happen("decision", made)
        about.update(state=body["verdict"], decision={**made, "seq": seq})
        self.decisions.append(body)
        return 201, {**made, "seq": seq}


class Handler(BaseHTTPRequestHandler):
    world: World

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        path = self.path.split("?")[0].lstrip("/")
        if path == "" or (PAGE / path).suffix in TYPES:
            return self.file(path or "index.html")
        if self.headers.get("Authorization") != "Bearer duty":
            return self.answer(401, {"title": "unauthorized", "detail": "no such token", "status": 401})
        if path == "events":
            return self.stream()
        if path.startswith("blobs/"):
            return self.send_bytes(200, *BLOBS.get(path.removeprefix("blobs/"), (PICTURE, "image/png")))
        status, said = self.read(path)
        content = json.dumps(said).encode()  # what it holds is settled; it only comes late
        self.world.wait_for(path)
        self.send_bytes(status, content, "application/json" if status < 400 else "application/problem+json")
        self.world.answered.append(path)

    def read(self, path: str) -> tuple[int, dict[str, Any]]:
        if path == "mission":
            return 200, self.world.mission()
        if path == "coverage":
            return 200, self.world.coverage()
        if path == "tracks/track-T-27":
            return 200, sought()
        if path == "tracks" and "at_utc=" in self.path:
            return 200, {"items": past_tracks("known_utc=" in self.path), "next": None}
        if path.startswith("why/"):
            seq = int(path.removeprefix("why/"))
            causes = [
                {
                    "seq": r["seq"],
                    "kind": "report",
                    "id": r["id"],
                    "time_utc": r["time_utc"],
                    "text": r["text"],
                }
                for r in reports()[:2]
            ]
            causes += [cause()] if seq == 480 else []
            return 200, {"seq": seq, "kind": "incident", "id": "inc", "time_utc": stamp(-7), "refs": causes}
        if path in self.world.lists:
            return 200, {"items": self.world.lists[path], "next": None, "next_after_seq": None}
        return 404, {"title": "not found", "detail": path, "status": 404}

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if self.path == "/decisions":
            status, said = self.world.decide(body)
            self.world.wait_for("decisions")
            return self.answer(status, said)
        if self.path == "/made-up/happen":
            return self.answer(200, {"seq": self.world.happen(**body)})
        if self.path == "/made-up/set":
            self.world.set(body)
            return self.answer(200, {})
        if self.path == "/made-up/decisions":
            return self.answer(200, {"items": self.world.decisions})
        if self.path == "/made-up/begin":
            self.world.begin(**body)
            return self.answer(200, {})
        if self.path == "/made-up/lists":
            self.world.lists.update(body)
            return self.answer(200, {"asked": self.world.asked, "answered": self.world.answered})
        return self.answer(404, {"title": "not found", "status": 404})

    def file(self, name: str) -> None:
        path = PAGE / name
        if path.parent != PAGE or not path.is_file():
            return self.answer(404, {"title": "not found", "status": 404})
        return self.send_bytes(200, path.read_bytes(), TYPES[path.suffix])

    def answer(self, status: int, body: dict[str, Any]) -> None:
        self.send_bytes(
            status,
            json.dumps(body).encode(),
            "application/json" if status < 400 else "application/problem+json",
        )

    def send_bytes(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", CSP),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        after = int(self.path.partition("after_seq=")[2] or -1)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        world, begun = self.world, self.world.begun
        while world.begun == begun:
            with world.lock:
                fresh = [e for e in world.events if e[0] > after]
                if not fresh:
                    world.lock.wait(world.beat_s)
            if world.silent:
                time.sleep(0.2)
                continue
            lines = (
                "".join(f"id: {s}\nevent: {k}\ndata: {json.dumps(d)}\n\n" for s, k, d in fresh)
                or ": beat\n\n"
            )
            after = fresh[-1][0] if fresh else after
            try:
                self.wfile.write(lines.encode())
                self.wfile.flush()
            except OSError:
                return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--many", type=int, default=0, help="so many more points")
    parser.add_argument("--lines", nargs="*", default=[], help="names of several lines")
    parser.add_argument("--idle", action="store_true", help="nothing to decide")
    parser.add_argument(
        "--rate", type=float, default=1.0, help="pace of the mission's clock; 0: it stands still"
    )
    given = parser.parse_args()
    Handler.world = World(given.many, given.idle, given.rate, given.lines)
    server = ThreadingHTTPServer(("127.0.0.1", given.port), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
