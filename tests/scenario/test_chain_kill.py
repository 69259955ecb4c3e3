"""Killed in a burst of reports, the server loses nothing that it acknowledged; the picture is right."""

import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from truceline.log.verify import read_trust, verify_path

SEED = 20260301
THREADS = 4
PATIENCE_S = 120
RADIUS_M = 6_371_008.8
BASE = datetime.now(UTC) - timedelta(hours=6)


@contextmanager
def serving(data_dir):
    process = subprocess.Popen(
        [sys.executable, "-m", "truceline.app", "serve", "--port", "0", "--data", str(data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process, json.loads(process.stdout.readline())["url"]
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE_S)


class Sender(threading.Thread):
    """One reporter who goes on sending until the connection breaks."""

    def __init__(self, url, token, name, chance):
        super().__init__(daemon=True)
        self.url, self.token, self.chance = url, token, chance
        self.prefix = name
        self.sent, self.acknowledged = {}, {}

    def run(self):
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_S) as client:
            for number in range(100_000):
                report = self._report(f"{self.prefix}-{number}")
                self.sent[report["id"]] = report
                try:
                    answer = client.post("/reports", json=report)
                except httpx.HTTPError:
                    return
                if answer.status_code != 201:
                    return
                self.acknowledged[report["id"]] = answer.json()

    def _report(self, report_id):
        # Places on a grid of 300 m and times on one of 110 s: neighbours at clear distances from the limits.
        report = {
            "id": report_id,
            "type": self.chance.choice(["explosion", "shot", "note"]),
            "time_utc": (BASE + timedelta(seconds=110 * self.chance.randrange(60))).isoformat(),
            "lat_deg": 38.0 + math.degrees(300 * self.chance.randrange(25) / RADIUS_M),
            "lon_deg": 127.0,
        }
        if report["type"] == "note" and len(self.sent) > 2:
            report["corrects"] = self.chance.choice(list(self.sent))
        return report


@pytest.mark.slow
@pytest.mark.timeout(3600)  # the long run of 200 kills takes many minutes
def test_kill_9_in_a_burst_of_reports_loses_nothing_and_leaves_the_right_incidents(tmp_path):
    # TRUCELINE_KILLS=200 for the long run.
    kills = int(os.environ.get("TRUCELINE_KILLS", "6"))
    chance = random.Random(SEED)
    data, people, token = tmp_path / "data", {}, ""
    sent, acknowledged = {}, {}

    for turn in range(kills):
        with serving(data) as (process, url):
            token = token or hire(url, data, people)
            senders = [
                Sender(url, people[f"post-{n}"], f"{turn}.{n}", random.Random(SEED + 100 * turn + n))
                for n in range(THREADS)
            ]
            for sender in senders:
                sender.start()
            # Among the first dozens of answers, at any moment of the writing of the next.
            wanted = chance.randrange(1, 40)
            while sum(len(sender.acknowledged) for sender in senders) < wanted:
                assert any(sender.is_alive() for sender in senders)
                threading.Event().wait(0.001)
            threading.Event().wait(chance.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            for sender in senders:
                sender.join(timeout=PATIENCE_S)
                assert not sender.is_alive()
                sent |= sender.sent
                acknowledged |= sender.acknowledged

    with serving(data) as (process, url):
        present = listed(url, token, "/reports?limit=1000", "after_seq", "next_after_seq")
        incidents = listed(url, token, "/incidents", "after", "next")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 0

    by_id = {item["id"]: item for item in present}
    assert len(acknowledged) > kills * THREADS / 2
    assert acknowledged.keys() <= by_id.keys() <= sent.keys()
    assert {key: by_id[key]["seq"] for key in acknowledged} == {k: a["seq"] for k, a in acknowledged.items()}
    assert len(by_id) - len(acknowledged) <= kills * THREADS  # at most what was under way at each kill
    assert {(i["class"], tuple(i["report_ids"])) for i in incidents} == clusters(present)
    assert verify_path(data, read_trust(data / "keys" / "trust.json"))[0] == 0
    assert replayed(data) == 0


def hire(url, data, people):
    """Make the reporters and a commander; answer the commander's token."""
    admin = {"Authorization": f"Bearer {(data / 'admin.token').read_text().strip()}"}
    with httpx.Client(base_url=url, headers=admin, timeout=PATIENCE_S) as client:
        for n in range(THREADS):
            made = client.post("/users", json={"name": f"post-{n}", "role": "observer"})
            people[f"post-{n}"] = made.json()["token"]
        return client.post("/users", json={"name": "cora", "role": "commander"}).json()["token"]


def listed(url, token, path, parameter, member):
    """Read all pages of a list."""
    items, place = [], None
    with httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE_S
    ) as client:
        while True:
            page = client.get(path, params={} if place is None else {parameter: place}).json()
            items += page["items"]
            place = page.get(member)
            if place is None:
                return items


def clusters(present):
    """By the contract's definition: components of near reports of a type that nobody took back."""
    taken_back = {(item["corrects"], item["reporter"]) for item in present if "corrects" in item}
    left = {
        item["id"]: item
        for item in present
        if item["type"] in ("explosion", "shot") and (item["id"], item["reporter"]) not in taken_back
    }
    found = set()
    while left:
        key, first = left.popitem()
        group = {key: first}
        waiting = [first]
        while waiting:
            here = waiting.pop()
            near = {k: v for k, v in left.items() if linked(here, v)}
            group |= near
            waiting += near.values()
            for k in near:
                del left[k]
        if len(group) > 1:
            found.add((f"{first['type']}_cluster", tuple(sorted(group))))
    return found


def linked(one, other):
    apart_m = RADIUS_M * math.radians(abs(one["lat_deg"] - other["lat_deg"]))  # all on one meridian
    moments = [datetime.fromisoformat(item["time_utc"]) for item in (one, other)]
    apart_s = abs((moments[0] - moments[1]).total_seconds())
    return one["type"] == other["type"] and apart_m <= 500 and apart_s <= 300


def replayed(data):
    command = [sys.executable, "-m", "truceline.app", "replay", str(data)]
    return subprocess.run(command, check=False, stdout=subprocess.DEVNULL, timeout=PATIENCE_S).returncode
