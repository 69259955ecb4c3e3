"""From two reports to an approved order, through the API alone."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from truceline.app.routes import deciding

TASK = {
    "unit": "olga",
    "task": "look",
    "depart_s": 0,
    "path": ["a", "b"],
    "arrive_s": 60,
    "start_s": 60,
    "leave_s": 600,
}


def propose(site: Any, incident: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"incident_ids": [incident["id"]], "action": "send olga to look", "why": "two blasts", **more}
    made = site["oper"].post("/recommendations", json=body)
    assert made.status_code == 201, made.text
    return dict(made.json())


def shown(site: Any, who: str, path: str, item_id: str) -> dict[str, Any]:
    return next(item for item in site[who].get(path).json()["items"] if item["id"] == item_id)


def test_two_explosions_become_one_incident_of_the_contract_s_shape(site, cluster):
    incident = cluster("shape")

    assert re.fullmatch("inc-[0-9a-f]{32}", incident["id"])
    assert incident["class"] == "explosion_cluster"
    assert incident["state"] == "open"
    assert incident["case_id"] == incident["id"]
    assert re.fullmatch("[0-9]{20}", incident["sidc"])
    assert incident["start_utc"].endswith("Z")
    assert "rule" not in incident


def test_approval_makes_the_order_that_its_unit_carries_out(site, cluster):
    proposed = propose(site, cluster("approve"), tasks=[TASK])

    decided = site["cmdr"].post(
        "/decisions",
        json={"recommendation_id": proposed["id"], "verdict": "approved", "reason": "near the road"},
    )

    assert decided.status_code == 201, decided.text
    order_id = decided.json()["order_ids"][0]
    assert shown(site, "olga", "/orders", order_id)["state"] == "SENT"
    assert site["otto"].get("/orders").json()["items"] == []
    assert site["otto"].post(f"/orders/{order_id}/state", json={"state": "RECEIPT"}).status_code == 404
    for state in ("RECEIPT", "ACK", "WILCO", "EXECUTING", "DONE"):
        said = site["olga"].post(f"/orders/{order_id}/state", json={"state": state})
        assert said.status_code == 201, said.text
    assert site["olga"].post(f"/orders/{order_id}/state", json={"state": "ACK"}).status_code == 409
    assert shown(site, "audi", "/orders", order_id)["state"] == "DONE"
    chain = site["audi"].get(f"/why/{shown(site, 'audi', '/orders', order_id)['seq']}").json()["items"]
    assert {"order", "decision", "recommendation", "incident", "report"} <= {step["kind"] for step in chain}


def test_a_rejection_makes_no_order_and_cannot_be_taken_back(site, cluster):
    proposed = propose(site, cluster("reject"), tasks=[TASK])
    body = {"recommendation_id": proposed["id"], "verdict": "rejected", "reason": "no fuel"}

    first = site["cmdr"].post("/decisions", json=body)
    second = site["cmdr"].post("/decisions", json={**body, "verdict": "approved"})

    assert (first.status_code, first.json()["order_ids"]) == (201, [])
    assert second.status_code == 409


def test_what_changed_after_it_was_made_cannot_be_approved_unseen(site, cluster, report):
    incident = cluster("stale")
    proposed = propose(site, incident, tasks=[TASK])
    near = {key: incident[key] for key in ("lat_deg", "lon_deg")}
    site["olga"].post("/reports", json=report("stale-3", type="explosion", **near))
    body = {"recommendation_id": proposed["id"], "verdict": "approved", "reason": "go"}

    unseen = site["cmdr"].post("/decisions", json=body)
    old = site["cmdr"].post("/decisions", json={**body, "seen_seq": proposed["seq"]})
    touched = shown(site, "cmdr", "/recommendations", proposed["id"])
    seen = site["cmdr"].post("/decisions", json={**body, "seen_seq": touched["touched_seq"]})

    assert (unseen.status_code, old.status_code, seen.status_code) == (409, 409, 201)
    assert touched["changes"]


def test_amended_brings_its_own_tasks(site, cluster):
    proposed = propose(site, cluster("amend"), tasks=[TASK])
    body = {"recommendation_id": proposed["id"], "verdict": "amended", "reason": "otto is nearer"}

    bare = site["cmdr"].post("/decisions", json=body)
    empty = site["cmdr"].post("/decisions", json={**body, "tasks": []})
    full = site["cmdr"].post("/decisions", json={**body, "tasks": [{**TASK, "unit": "otto"}]})

    assert (bare.status_code, empty.status_code, full.status_code) == (422, 422, 201)
    assert shown(site, "otto", "/orders", full.json()["order_ids"][0])["unit"] == "otto"


def test_a_departure_that_has_passed_is_said_by_the_decision(site, cluster, monkeypatch):
    monkeypatch.setattr(deciding, "_LATE", timedelta(0))
    proposed = propose(site, cluster("late"), tasks=[TASK])

    body = {"recommendation_id": proposed["id"], "verdict": "approved", "reason": "go all the same"}
    made = site["cmdr"].post("/decisions", json=body).json()

    (said,) = made["overridden"]
    assert said.startswith("olga was to leave at ") and said.endswith("Z, which has passed")


@pytest.mark.parametrize("reason", ["", "   ", None])
def test_a_decision_without_a_reason_is_refused(site, cluster, reason):
    body = {"recommendation_id": "rec-none", "verdict": "approved", "reason": reason}

    assert site["cmdr"].post("/decisions", json=body).status_code == 422


def test_held_orders_leave_only_when_the_hold_is_lifted(site, cluster):
    until = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    held = site["cmdr"].post("/holds", json={"scope": "orders", "reason": "talks", "until_utc": until})
    proposed = propose(site, cluster("hold"), tasks=[TASK])
    body = {"recommendation_id": proposed["id"], "verdict": "approved", "reason": "after the talks"}
    order_id = site["cmdr"].post("/decisions", json=body).json()["order_ids"][0]

    before = shown(site, "cmdr", "/orders", order_id)["state"]
    hidden = [item["id"] for item in site["olga"].get("/orders").json()["items"]]
    lifted = site["cmdr"].delete(f"/holds/{held.json()['id']}")

    assert (held.status_code, before, lifted.status_code) == (201, "CREATED", 204)
    assert order_id not in hidden
    assert shown(site, "olga", "/orders", order_id)["state"] == "SENT"
    assert site["cmdr"].delete(f"/holds/{held.json()['id']}").status_code == 404


def test_a_party_sees_what_was_released_to_it_and_nothing_else(site, cluster, report):
    incident = cluster("release")
    assert site["lisa"].get("/incidents").json()["items"] == []
    statement = {"incident_id": incident["id"], "stance": "disputed", "text": "it was a quarry"}
    assert site["lisa"].post("/statements", json=statement).status_code == 404

    released = site["cmdr"].post(f"/incidents/{incident['id']}/release", json={"party": "A"})
    near = {key: incident[key] for key in ("lat_deg", "lon_deg")}
    site["olga"].post("/reports", json=report("release-3", type="explosion", **near))

    assert released.status_code == 201
    seen = site["lisa"].get("/incidents").json()["items"]
    assert [item["report_ids"] for item in seen] == [incident["report_ids"]]
    assert "released_to" not in seen[0]
    assert site["bert"].get("/incidents").json()["items"] == []
    assert site["lisa"].post("/statements", json=statement).status_code == 201


def test_a_revoked_token_is_dead_at_once(site):
    site.hire("temp", role="operator")
    assert site["temp"].get("/tracks").status_code == 200

    assert site["admin"].delete("/users/temp").status_code == 204

    assert site["temp"].get("/tracks").status_code == 401
    assert site["admin"].delete("/users/temp").status_code == 404


def test_one_live_track_per_subject_and_the_newest_position_counts(site, report):
    now = datetime.now(UTC)
    for number, minutes in enumerate((5, 1, 3)):
        moment = (now - timedelta(minutes=minutes)).isoformat()
        body = report(
            f"pos-{number}", type="position", subject_id="car-7", time_utc=moment, lat_deg=30.0 + number
        )
        assert site["olga"].post("/reports", json=body).status_code == 201

    found = [item for item in site["oper"].get("/tracks").json()["items"] if item["id"] == "car-7"]

    assert [item["lat_deg"] for item in found] == [31.0]
    assert re.fullmatch("[0-9]{20}", found[0]["sidc"])


def test_an_evidence_package_verifies_and_is_noted_in_the_log(site, cluster, tmp_path):
    from truceline.log.verify import verify_path

    incident = cluster("evidence")

    given = site["audi"].post("/evidence", json={"incident_ids": [incident["id"]]})

    assert (given.status_code, given.headers["content-type"]) == (200, "application/zip")
    path = tmp_path / "package.zip"
    path.write_bytes(given.content)
    code, said = verify_path(path)
    assert (code, said["verdict"]) == (4, "intact_untrusted"), said
    lines = site["audi"].get("/log/entries").text.splitlines()
    assert any('"about":"evidence"' in line for line in lines)


def test_a_refused_writing_request_is_in_the_log(site):
    assert site["otto"].post("/decisions", json={}).status_code == 403

    lines = site["audi"].get("/log/entries").text.splitlines()

    assert any(
        '"action":"refused"' in line and "POST /decisions" in line and "otto" in line for line in lines
    )


def test_no_token_stands_in_the_log(site):
    log = b"".join(path.read_bytes() for path in (site.data_dir / "log").iterdir())

    assert all(token.encode() not in log for token in site.tokens.values())


def test_a_held_source_bars_approval_of_what_rests_on_it_and_of_nothing_else(site, cluster):
    until = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    scope = {"scope": "source:radar-7", "reason": "it was jammed", "until_utc": until}
    held = site["cmdr"].post("/holds", json=scope).json()
    on_it = propose(site, cluster("radar", source_id="radar-7"), tasks=[TASK])
    apart = propose(site, cluster("other"), tasks=[TASK])

    def decide(proposed: dict[str, Any], verdict: str) -> int:
        seen = site["cmdr"].get("/log/checkpoint").json()["checkpoint"]["tree_size"] - 1
        body = {"recommendation_id": proposed["id"], "verdict": verdict, "reason": "r", "seen_seq": seen}
        return int(site["cmdr"].post("/decisions", json=body).status_code)

    assert shown(site, "oper", "/recommendations", on_it["id"])["held"]
    assert not shown(site, "oper", "/recommendations", apart["id"])["held"]
    assert (decide(on_it, "approved"), decide(apart, "approved")) == (409, 201)
    assert site["cmdr"].delete(f"/holds/{held['id']}").status_code == 204
    assert decide(on_it, "approved") == 201


def test_an_order_that_was_cancelled_while_it_was_held_is_not_sent_when_the_hold_is_lifted(site, cluster):
    until = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    held = site["cmdr"].post("/holds", json={"scope": "orders", "reason": "r", "until_utc": until}).json()
    proposed = propose(site, cluster("recall"), tasks=[TASK])
    body = {"recommendation_id": proposed["id"], "verdict": "approved", "reason": "r"}
    order_id = site["cmdr"].post("/decisions", json=body).json()["order_ids"][0]

    recalled = site["cmdr"].post(f"/orders/{order_id}/state", json={"state": "CANCELLED"})
    site["cmdr"].delete(f"/holds/{held['id']}")

    order = shown(site, "cmdr", "/orders", order_id)
    assert recalled.status_code == 201
    assert [step["state"] for step in order["history"]] == ["CANCELLED"]


def test_a_unit_that_moved_makes_a_proposal_stale_also_without_a_force_file(site, cluster, report):
    def stands(report_id: str, lat_deg: float) -> None:
        where = report(report_id, type="position", subject_id="otto", lat_deg=lat_deg)
        assert site["otto"].post("/reports", json=where).status_code == 201

    stands("otto-at-1", 38.0)
    proposed = propose(site, cluster("moved"), tasks=[{**TASK, "unit": "otto"}])
    body = {"recommendation_id": proposed["id"], "verdict": "approved", "reason": "r"}
    stands("otto-at-2", 38.1)

    assert site["cmdr"].post("/decisions", json={**body, "seen_seq": proposed["seq"]}).status_code == 409
    assert shown(site, "cmdr", "/recommendations", proposed["id"])["changes"] == [
        "otto is no longer where it was"
    ]


def test_a_second_commander_may_release_what_the_first_released(site, cluster):
    incident = cluster("twice")
    site.hire("cmdr2", role="commander")

    said = [
        site[who].post(f"/incidents/{incident['id']}/release", json={"party": "A"}).status_code
        for who in ("cmdr", "cmdr", "cmdr2")
    ]

    assert said == [201, 201, 201]
