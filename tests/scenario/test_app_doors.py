"""Small gaps beside the doors: a line end in a name, a refusal unlogged, a sample by its hash alone."""

import hashlib
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import jsonschema
import pytest
from truceline.app.http import access
from truceline.app.http.turns import EACH
from truceline.app.routes import proofs
from truceline.app.server import Settings, in_background, prepare
from truceline.flow.node import Node
from truceline.log import blobs
from truceline.log.verify import verify_path

BYTES = {"Content-Type": "application/octet-stream"}
TASK = {
    "unit": "olga", "task": "look", "depart_s": 0, "path": ["a", "b"], "arrive_s": 60, "start_s": 60,
    "leave_s": 600,
}  # fmt: skip


@pytest.mark.parametrize("more", [{"id": "end\n"}, {"corrects": "end\n"}])
def test_an_id_ends_without_a_line_end(site, report, more):
    body = {**report("line-end"), **more}
    assert site["olga"].post("/reports", json=body).status_code == 422


def test_a_user_s_name_ends_without_a_line_end(site):
    made = site["admin"].post("/users", json={"name": "eve\n", "role": "observer"})
    assert made.status_code == 422


def test_a_step_that_the_role_may_not_take_is_refused_and_logged(site, cluster):
    incident = cluster("steps")
    asked = {"incident_ids": [incident["id"]], "action": "look", "why": "blasts", "tasks": [TASK]}
    proposed = site["oper"].post("/recommendations", json=asked).json()["id"]
    decided = {"recommendation_id": proposed, "verdict": "approved", "reason": "yes"}
    order_id = site["cmdr"].post("/decisions", json=decided).json()["order_ids"][0]
    size = site["audi"].get("/log/checkpoint").json()["checkpoint"]["tree_size"]

    answer = site["cmdr"].post(f"/orders/{order_id}/state", json={"state": "RECEIPT"})

    assert answer.status_code == 403
    since = site["audi"].get(f"/log/entries?from={size}").text
    assert '"action":"refused"' in since
    assert '"name":"cmdr"' in since


def test_citing_a_sample_of_somebody_else_does_not_open_it(site, report):
    content = b"\xff\xd8\xff a face that only otto may see"
    sha256 = hashlib.sha256(content).hexdigest()
    assert site["otto"].put(f"/blobs/{sha256}", content=content, headers=BYTES).status_code == 201
    assert site["otto"].post("/reports", json=report("otto-face", blobs=[sha256])).status_code == 201

    site["olga"].post("/reports", json=report("olga-cites", blobs=[sha256]))

    assert site["olga"].get(f"/blobs/{sha256}").status_code == 404
    assert site["otto"].get(f"/blobs/{sha256}").status_code == 200


def test_who_holds_the_same_sample_opens_it(site, report):
    content = b"\xff\xd8\xff seen by two"
    sha256 = hashlib.sha256(content).hexdigest()
    for who in ("otto", "olga"):
        assert site[who].put(f"/blobs/{sha256}", content=content, headers=BYTES).status_code == 201
        assert site[who].post("/reports", json=report(f"{who}-two", blobs=[sha256])).status_code == 201
        assert site[who].get(f"/blobs/{sha256}").status_code == 200


def test_after_a_sample_could_not_be_stored_nothing_is_taken_until_a_restart(tmp_path, monkeypatch, report):
    data_dir = tmp_path / "data"
    node = Node(data_dir)
    node.start()
    prepare(data_dir, node)
    admin = {"Authorization": f"Bearer {(data_dir / 'admin.token').read_text().strip()}"}
    with (
        in_background(node, Settings()) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as call,
    ):
        made = call.post("/users", json={"name": "olga", "role": "observer"}, headers=admin).json()
        own = {"Authorization": f"Bearer {made['token']}"}

        def full(_handle):
            raise OSError(28, "No space left on device")

        content = b"does not fit"
        path = f"/blobs/{hashlib.sha256(content).hexdigest()}"
        with monkeypatch.context() as patch:
            patch.setattr(blobs.os, "fsync", full)
            failed = call.put(path, content=content, headers=own | BYTES)
        assert failed.status_code == 503
        assert "Retry-After" in failed.headers
        # A second flush of the same pages would succeed and prove nothing.
        assert call.put(path, content=content, headers=own | BYTES).status_code == 503
        assert call.post("/reports", json=report("after-full"), headers=own).status_code == 503
        assert call.get("/healthz").status_code == 503
    node.stop()

    with_space = Node(data_dir)
    with_space.start()
    assert with_space.views.reports.get("after-full") is None
    with_space.stop()


def test_an_event_of_the_stream_fits_the_schema_of_the_stream(site, report):
    site["olga"].post("/reports", json=report("streamed"))
    content = (
        site["admin"].get("/openapi.json").json()["paths"]["/events"]["get"]["responses"]["200"]["content"]
    )
    event = {}
    with site["oper"].stream("GET", "/events?after_seq=-1") as answer:
        for line in answer.iter_lines():
            key, _, value = line.partition(": ")
            if line.startswith(("id", "event", "data")):
                event[key] = value
            if not line and event:
                break

    assert set(event) == {"id", "event", "data"}
    jsonschema.validate(event, content["text/event-stream"]["schema"])


def test_who_opens_a_sample_or_reads_much_is_noted_beside_the_log(site, report, monkeypatch):
    content = b"\x47" + b"\x00" * 187 + b"\x47"
    sha256 = hashlib.sha256(content).hexdigest()
    assert site["olga"].put(f"/blobs/{sha256}", content=content).status_code == 201
    monkeypatch.setattr(access, "MANY", 2)

    site["oper"].get(f"/blobs/{sha256}")
    site["audi"].get("/log/entries?from=0&to=2")
    site["audi"].get("/log/entries?from=0&to=3")

    (path,) = (site.data_dir / "access").iterdir()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    told = [{key: line[key] for key in line if key != "at_utc"} for line in lines][-2:]
    assert told == [
        {"by": "oper", "role": "operator", "what": "video/mp2t", "sample": sha256},
        {"by": "audi", "role": "auditor", "what": "/log/entries", "items": 3},
    ]
    assert path.stat().st_mode & 0o077 == 0
    assert verify_path(site.data_dir, None)[0] == 4


def test_the_access_file_of_more_than_a_year_ago_is_deleted_at_a_start(tmp_path):
    folder = tmp_path / "access"
    folder.mkdir()
    for name in ("2001-01.jsonl", "9999-01.jsonl", "other.txt"):
        (folder / name).touch()

    access.AccessFile(tmp_path)

    assert sorted(path.name for path in folder.iterdir()) == ["9999-01.jsonl", "other.txt"]


def test_past_tracks_are_asked_for_by_a_moment_and_by_what_was_known(site):
    moment, first = "2026-03-01T06:00:00Z", "0001-01-01T00:00:00Z"

    for query in (f"at_utc={moment}", f"at_utc={moment}&known_utc={moment}", f"at_utc={first}"):
        answer = site["oper"].get(f"/tracks?{query}")
        assert (answer.status_code, answer.json()) == (200, {"items": [], "next": None})
    assert site["oper"].get(f"/tracks?known_utc={moment}").status_code == 422
    assert site["oper"].get("/groups").json()["items"] == []


def test_heavy_questions_of_one_person_keep_nobody_else_waiting(site, monkeypatch):
    go_on, at_work = threading.Event(), []

    def slow(facts, entry):
        at_work.append(entry)
        go_on.wait(30)
        return []

    monkeypatch.setattr(proofs, "chain", slow)
    with ThreadPoolExecutor(60) as pool:
        asked = [pool.submit(site["audi"].get, "/why/0", timeout=60) for _ in range(60)]
        while not at_work:
            time.sleep(0.01)

        answer = site["cmdr"].get("/incidents", timeout=10)

        assert answer.status_code == 200
        assert len(at_work) <= EACH
        go_on.set()
        assert {one.result().status_code for one in asked} == {200}
