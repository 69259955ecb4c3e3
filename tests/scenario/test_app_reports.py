"""Reports through the API: strict at the door, durable before the answer, the same in any order."""

import hashlib
import http.client
import json
import os
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from truceline.app.routes import reports
from truceline.log.merkle import leaf_hash
from truceline.model.errors import Broken


def post(site, body, who="olga", **headers):
    return site[who].post("/reports", content=body, headers={"Content-Type": "application/json", **headers})


def test_a_report_comes_back_with_what_the_log_adds(site, report):
    said = report("r-shape", text="a tank", attributes={"class": "tank", "count": 2}, hae_m=12.5)

    taken = site["olga"].post("/reports", json=said)

    assert taken.status_code == 201
    assert taken.json().keys() == {"id", "seq", "leaf_sha256", "tree_size"}
    item = site["olga"].get("/reports/r-shape").json()
    assert item.items() >= {key: said[key] for key in said if key != "time_utc"}.items()
    assert (item["seq"], item["reporter"]) == (taken.json()["seq"], "olga")


def test_the_same_report_again_gets_the_first_answer_and_another_one_409(site, report):
    said = report("r-again")
    first = site["olga"].post("/reports", json=said)
    site["olga"].post("/reports", json=report("r-between"))

    again = site["olga"].post("/reports", json=said)
    other = site["olga"].post("/reports", json={**said, "text": "changed"})

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert again.json() == first.json()


def test_a_report_that_is_known_gets_its_first_answer_however_late_it_comes_again(site, report, monkeypatch):
    body = report("r-late-again")
    first = site["olga"].post("/reports", json=body)
    monkeypatch.setattr(reports, "BEHIND", timedelta(seconds=1))

    again = site["olga"].post("/reports", json=body)
    other = site["olga"].post("/reports", json={**body, "text": "x"})
    late = site["olga"].post("/reports", json=report("r-too-late"))

    assert (again.status_code, again.json()) == (200, first.json())
    assert (other.status_code, late.status_code) == (409, 422)


def test_a_signed_checkpoint_covers_the_report_under_the_answered_tree_size(site, report):
    taken = site["olga"].post("/reports", json=report("r-proof")).json()
    lines = (site.data_dir / "log" / "000000.jsonl").read_text().splitlines()
    sizes = [json.loads(line)["checkpoint"]["tree_size"] for line in lines if '{"checkpoint"' in line[:14]]

    path = site["audi"].get(
        "/log/proof/inclusion", params={"seq": taken["seq"], "tree_size": taken["tree_size"]}
    )

    assert taken["tree_size"] in sizes
    assert path.status_code == 200
    entry = site["audi"].get("/log/entries", params={"from": taken["seq"], "to": taken["seq"] + 1}).json()
    header = json.dumps(entry["header"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert leaf_hash(header.encode()).hex() == taken["leaf_sha256"]


def test_a_flush_comes_before_every_201(site, report, monkeypatch):
    happened = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda handle: (real(handle), happened.append("flush"))[0])
    for number in range(5):
        assert site["olga"].post("/reports", json=report(f"r-flush-{number}")).status_code == 201
        happened.append("201")

    order = [word for word, before in zip(happened, [None, *happened], strict=False) if word != before]

    assert order == ["flush", "201"] * 5


def test_reports_posted_together_share_flushes(site, report, monkeypatch):
    flushes = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda handle: (flushes.append(1), real(handle))[1])
    bodies = [report(f"r-group-{number}") for number in range(60)]
    client = site["oper"]

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda body: client.post("/reports", json=body).status_code, bodies))

    assert statuses == [201] * 60
    assert len(flushes) < 60


STRICT = [
    ('{"id": "a"', 400),
    ("", 400),
    ("[" * 40 + "]" * 40, 400),
    ('{"id":"a","id":"b"}', 400),
    ('{"id":"a","lat_deg":NaN}', 400),
    ('{"id":"a","lat_deg":Infinity}', 400),
    (b'{"id":"\xff"}', 400),
    ('{"id":"a","lat_deg":' + "9" * 5000 + "}", 400),
    ("[]", 422),
    ("{}", 422),
    ("null", 422),
]


@pytest.mark.parametrize(("body", "status"), STRICT, ids=lambda value: str(value)[:20])
def test_a_body_that_is_no_report_is_refused(site, body, status):
    answer = post(site, body)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status


def days(number):
    return (datetime.now(UTC) + timedelta(days=number)).isoformat()


WRONG = [
    {"colour": "red"}, {"id": "with space"}, {"id": "x" * 65}, {"id": ""}, {"type": "rumour"},
    {"lat_deg": 90.5}, {"lon_deg": "127"}, {"ce90_m": -1}, {"text": "x" * 4001}, {"blobs": ["ab"]},
    {"blobs": ["0" * 64]}, {"attributes": {"a": True}}, {"attributes": {"a": [1]}},
    {"attributes": {"a": 2**53}}, {"hae_m": 1e17}, {"time_utc": "2026-01-01T00:00:00"},
    {"time_utc": days(-31)}, {"time_utc": days(0.02)}, {"time_utc": "0001-01-01T00:00:00+23:00"},
    {"time_utc": 12},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: str(value)[:24])
def test_a_report_with_a_wrong_member_is_refused(site, report, wrong):
    answer = site["olga"].post("/reports", json={**report("r-wrong"), **wrong})

    assert answer.status_code == 422, answer.text
    assert site["oper"].get("/reports/r-wrong").status_code == 404


def test_a_body_over_a_mebibyte_is_refused(site, report):
    big = json.dumps(report("r-big", text="x")).replace('"x"', '"' + "x" * (1 << 20) + '"')

    assert post(site, big).status_code == 413
    assert post(site, (part for part in [big.encode()])).status_code == 413  # no Content-Length


@pytest.mark.parametrize("announce", [True, False], ids=["with its length", "in pieces"])
def test_whoever_sends_a_body_that_is_too_large_hears_why(site, announce):
    body = b"a" * (12 << 20)  # more than the buffers of a connection hold
    headers = {"Content-Type": "application/json", "Connection": "close"}
    headers["Authorization"] = f"Bearer {site.tokens['olga']}"
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=120)

    connection.request("POST", "/reports", body if announce else iter([body]), headers)
    said = connection.getresponse()
    connection.close()

    assert (said.status, said.getheader("Content-Type")) == (413, "application/problem+json")


def test_a_body_of_another_media_type_is_refused(site, report):
    assert post(site, json.dumps(report("r-type")), **{"Content-Type": "text/plain"}).status_code == 415


def test_a_batch_says_of_each_line_what_became_of_it(site, report):
    known = report("b-known")
    site["olga"].post("/reports", json=known)
    lines = [
        json.dumps(report("b-new")), json.dumps(known), json.dumps({**known, "text": "other"}), "no json",
        json.dumps(report("b-new-2", type="rumour")), '{"id":"b-twice","id":"b-twice"}',
    ]  # fmt: skip

    answer = site["olga"].post(
        "/reports/batch", content="\n".join(lines) + "\n", headers={"Content-Type": "application/x-ndjson"}
    )

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["status"] for line in found] == [201, 200, 409, 422, 422, 422]
    assert [line["id"] for line in found][:3] == ["b-new", "b-known", "b-known"]
    assert all("detail" in line for line in found if line["status"] in (409, 422))


def test_more_than_a_thousand_lines_are_refused(site):
    answer = site["olga"].post(
        "/reports/batch", content=b"{}\n" * 1001, headers={"Content-Type": "application/x-ndjson"}
    )

    assert answer.status_code == 422


def test_pages_hold_every_report_once_in_ascending_order(site, report):
    for number in range(7):
        site["otto"].post("/reports", json=report(f"page-{number}"))
    found, after = [], -1
    while after is not None:
        page = site["otto"].get("/reports", params={"after_seq": after, "limit": 3}).json()
        assert len(page["items"]) <= 3
        found += page["items"]
        after = page["next_after_seq"]

    assert [item["seq"] for item in found] == sorted({item["seq"] for item in found})
    assert {f"page-{number}" for number in range(7)} <= {item["id"] for item in found}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "after_seq=-2", "x=1", "limit=1&limit=2"]
)
def test_a_wrong_query_is_refused(site, query):
    assert site["oper"].get(f"/reports?{query}").status_code == 422


def test_incidents_do_not_depend_on_the_order_in_which_reports_came(site, report):
    random.seed(5)

    def told(prefix, east_deg, order):
        times = [datetime.now(UTC) - timedelta(hours=30, seconds=200 * number) for number in range(6)]
        bodies = [
            report(f"{prefix}-{n}", type="shot", time_utc=moment.isoformat(), lat_deg=-40.0, lon_deg=east_deg)
            for n, moment in enumerate(times)
        ]
        for number in order:
            for _ in range(2):
                site["olga"].post("/reports", json=bodies[number])
        listed = site["oper"].get("/incidents").json()["items"]
        mine = [item["report_ids"] for item in listed if item["report_ids"][0].startswith(prefix)]
        return [[one.removeprefix(prefix) for one in ids] for ids in mine]

    straight, shuffled = list(range(6)), random.sample(range(6), 6)

    assert told("so", 60.0, straight) == told("sh", 70.0, shuffled) == [[f"-{n}" for n in range(6)]]


def test_a_sample_is_kept_by_its_hash_and_opened_by_who_may(site, report):
    picture = b"\xff\xd8\xff\xe0" + os.urandom(300)
    sha256 = hashlib.sha256(picture).hexdigest()

    assert site["olga"].put(f"/blobs/{'0' * 64}", content=picture).status_code == 409
    stored = site["olga"].put(f"/blobs/{sha256}", content=picture)
    cited = site["olga"].post("/reports", json=report("r-sample", blobs=[sha256]))

    assert (stored.status_code, cited.status_code) == (201, 201)
    opened = site["oper"].get(f"/blobs/{sha256}")
    assert opened.content == picture
    assert opened.headers["content-type"] == "image/jpeg"
    assert opened.headers["content-disposition"].startswith("attachment")
    assert opened.headers["content-security-policy"] == "sandbox"
    assert site["olga"].get(f"/blobs/{sha256}").status_code == 200
    assert site["otto"].get(f"/blobs/{sha256}").status_code == 404
    assert site["lisa"].get(f"/blobs/{sha256}").status_code == 404


@pytest.mark.parametrize("head", [b"\x89PNG\r\n\x1a\n", b"no picture: "], ids=["picture", "other"])
def test_a_party_opens_the_samples_of_what_was_released_to_it(site, report, head):
    picture, tag = head + os.urandom(100), head[1:3].hex()
    sha256 = hashlib.sha256(picture).hexdigest()
    site["olga"].put(f"/blobs/{sha256}", content=picture)
    place = {"type": "explosion", "lat_deg": -50.0, "lon_deg": head[0] / 2}
    site["olga"].post("/reports", json=report(f"{tag}-1", blobs=[sha256], **place))
    site["olga"].post("/reports", json=report(f"{tag}-2", **place))
    listed = site["oper"].get("/incidents").json()["items"]
    incident = next(item for item in listed if f"{tag}-1" in item["report_ids"])

    before = site["lisa"].get(f"/blobs/{sha256}").status_code
    site["cmdr"].post(f"/incidents/{incident['id']}/release", json={"party": "A"})
    after = site["lisa"].get(f"/blobs/{sha256}")

    assert (before, after.status_code, after.content) == (404, 200, picture)
    assert site["bert"].get(f"/blobs/{sha256}").status_code == 404


def test_a_page_of_script_is_never_served_as_one(site):
    script = b"<!doctype html><script>alert(1)</script>"
    sha256 = hashlib.sha256(script).hexdigest()
    site["olga"].put(f"/blobs/{sha256}", content=script, headers={"Content-Type": "text/html"})

    assert site["oper"].get(f"/blobs/{sha256}").headers["content-type"] == "application/octet-stream"


def test_when_the_log_cannot_be_written_nothing_is_acknowledged(tmp_path, report, monkeypatch):
    import httpx
    from truceline.app.server import Settings, in_background, prepare
    from truceline.flow.node import Node

    node = Node(tmp_path / "data")
    node.start()
    prepare(tmp_path / "data", node)
    token = (tmp_path / "data" / "admin.token").read_text().strip()

    def full(_handle):
        raise OSError(28, "No space left on device")

    with (
        in_background(node, Settings()) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client,
    ):
        headers = {"Authorization": f"Bearer {token}"}
        made = client.post("/users", json={"name": "o", "role": "observer"}, headers=headers).json()
        headers = {"Authorization": f"Bearer {made['token']}"}
        size = node.journal.tree_size
        monkeypatch.setattr(os, "fdatasync", full)
        first = client.post("/reports", json=report("r-full"), headers=headers)
        monkeypatch.undo()
        second = client.post("/reports", json=report("r-later"), headers=headers)
        health = client.get("/healthz")

    assert (first.status_code, second.status_code, health.status_code) == (503, 503, 503)
    assert int(first.headers["retry-after"]) > 0
    assert node.journal.tree_size == size
    node.stop()
    with pytest.raises(Broken):
        node.submit([])
