"""The live picture: nothing missing, nothing twice, and a slow reader hurts nobody."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import httpx
import pytest
from truceline.app.http import events


@contextmanager
def listening(site, who, path="/events", **headers):
    """Events as they come, on a connection of its own."""
    headers = {"Authorization": f"Bearer {site.tokens[who]}", "Accept": "text/event-stream", **headers}
    with (
        httpx.Client(base_url=site.url, timeout=120) as client,
        client.stream("GET", path, headers=headers) as answer,
    ):
        yield answer


def read_events(answer, until):
    """Parse events until one satisfies ``until``; the lines of an answer can be read on."""
    found, event = [], {}
    for line in answer.iter_lines() if hasattr(answer, "iter_lines") else answer:
        if line == "" and event:
            found.append(event)
            if until(event):
                return found
            event = {}
        elif line and not line.startswith(":"):
            key, _, value = line.partition(": ")
            event[key] = json.loads(value) if key == "data" else value
    return found


def about(report_id):
    return lambda event: event["event"] == "report" and event["data"]["id"] == report_id


def reports_in(found):
    return [event["data"]["id"] for event in found if event["event"] == "report"]


def test_the_stream_brings_the_same_items_as_the_list(site, report):
    with listening(site, "oper", "/events?after_seq=-1") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for number in range(5):
            site["olga"].post("/reports", json=report(f"e-{number}"))
        found = read_events(answer, about("e-4"))

    listed = site["oper"].get("/reports?limit=1000").json()["items"]
    assert [event["data"] for event in found if event["event"] == "report"] == listed
    assert [int(event["id"]) for event in found] == sorted({int(event["id"]) for event in found})


@pytest.mark.parametrize("how", ["query", "header"])
def test_a_reader_resumes_without_gap_or_double(site, report, how):
    names = [f"resume-{how}-{number}" for number in range(30)]
    with listening(site, "oper") as answer:
        for name in names[:10]:
            site["olga"].post("/reports", json=report(name))
        first = read_events(answer, about(names[4]))
    for name in names[10:20]:
        site["olga"].post("/reports", json=report(name))

    last = first[-1]["id"]
    path, headers = (
        (f"/events?after_seq={last}", {}) if how == "query" else ("/events", {"Last-Event-ID": last})
    )
    with listening(site, "oper", path, **headers) as answer:
        for name in names[20:]:
            site["olga"].post("/reports", json=report(name))
        second = read_events(answer, about(names[-1]))

    assert reports_in(first) + reports_in(second) == names


def test_events_are_filtered_by_role(site, report, cluster):
    with (
        listening(site, "otto") as to_otto,
        listening(site, "lisa") as to_lisa,
        listening(site, "bert", f"/events?after_seq={site.node.journal.tree_size - 1}") as to_bert,
    ):
        incident = cluster("filter")
        site["otto"].post("/reports", json=report("filter-own"))
        site["cmdr"].post(f"/incidents/{incident['id']}/release", json={"party": "A"})
        own = read_events(to_otto, about("filter-own"))
        released = read_events(to_lisa, lambda event: True)
        site["cmdr"].post(f"/incidents/{incident['id']}/release", json={"party": "B"})
        late = read_events(to_bert, lambda event: True)

    assert reports_in(own) == ["filter-own"]
    assert [event["event"] for event in own] == ["report"]
    assert [event["data"]["id"] for event in released] == [incident["id"]]
    assert [event["data"]["id"] for event in late] == [incident["id"]]


def test_a_silent_stream_says_that_it_is_alive(site, monkeypatch):
    monkeypatch.setattr(events, "QUIET_S", 0.1)
    with listening(site, "lisa") as answer:
        lines = answer.iter_lines()
        comments = [line for line in (next(lines) for _ in range(6)) if line]

    assert len(comments) == 3
    assert all(line.startswith(":") for line in comments)


def test_a_stream_ends_when_its_account_ends(site, report):
    site.hire("leaver", role="operator")
    with listening(site, "leaver") as answer:
        site["admin"].delete("/users/leaver")
        found = read_events(answer, lambda event: False)

    assert found == []


def test_a_reader_that_does_not_read_is_cut_off_and_delays_nobody(site, report, monkeypatch):
    monkeypatch.setattr(events, "KEPT", 600)
    monkeypatch.setattr(events, "STUCK_S", 3.0)
    stuck = socket.socket()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    token = site.tokens["oper"]
    lines = [f"Host: 127.0.0.1:{site.port}", f"Authorization: Bearer {token}"]
    batches, size = 20, 100
    with closing(stuck), listening(site, "cmdr") as answer, ThreadPoolExecutor(1) as pool:
        stuck.connect(("127.0.0.1", site.port))
        stuck.sendall("\r\n".join(["GET /events HTTP/1.1", *lines, "", ""]).encode())
        stuck.recv(64)
        lines_of_answer = answer.iter_lines()
        found = []
        for batch in range(batches):
            reading = pool.submit(read_events, lines_of_answer, about(f"slow-{batch}-{size - 1}"))
            bodies = [report(f"slow-{batch}-{number}", text="é" * 3900) for number in range(size)]
            content = "\n".join(json.dumps(body, ensure_ascii=False) for body in bodies).encode()
            headers = {"Content-Type": "application/x-ndjson"}
            assert site["olga"].post("/reports/batch", content=content, headers=headers).status_code == 200
            found += reading.result(timeout=120)  # who reads has all of it, though another one does not
        stuck.settimeout(60)
        received = 0
        while piece := stuck.recv(1 << 16):
            received += len(piece)

    assert len(reports_in(found)) == batches * size
    assert received < batches * size * 7800


@pytest.mark.parametrize("bad", ["/events?after_seq=-2", "/events?after_seq=x", "/events?x=1"])
def test_a_wrong_place_is_refused(site, bad):
    assert site["oper"].get(bad).status_code == 422
    assert site["oper"].get("/events", headers={"Last-Event-ID": "abc"}).status_code == 422
