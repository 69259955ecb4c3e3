"""`truceline serve` as a process: the ready line, the signals, the second server, the kill."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest
from truceline.log.verify import verify_path

SERVE = [sys.executable, "-m", "truceline.app", "serve", "--port", "0"]


@contextmanager
def serving(data_dir, *more):
    """A server process, and the line that it said."""
    process = subprocess.Popen(
        [*SERVE, "--data", str(data_dir), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
        text=True,
    )
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=120)


def post_reports(url, data_dir, count, prefix):
    """Post reports as somebody new; gives the ids that were acknowledged."""
    admin = {"Authorization": f"Bearer {(data_dir / 'admin.token').read_text().strip()}"}
    with httpx.Client(base_url=url, timeout=120) as client:
        made = client.post("/users", json={"name": prefix, "role": "observer"}, headers=admin).json()
        own = {"Authorization": f"Bearer {made['token']}"}
        ids = [f"{prefix}-{number}" for number in range(count)]
        for one in ids:
            now = datetime.now(UTC).isoformat()
            body = {"id": one, "type": "note", "time_utc": now, "lat_deg": 1.0, "lon_deg": 2.0}
            assert client.post("/reports", json=body, headers=own).status_code == 201
        listed = client.get("/reports?limit=1000", headers=own, timeout=120).json()["items"]
        assert [item["id"] for item in listed] == ids
    return own


def test_ready_line_stop_and_start_again(tmp_path):
    data_dir = tmp_path / "data"
    with serving(data_dir) as (process, ready):
        assert ready.keys() == {"event", "http_port", "cot_port", "url"}
        assert (ready["event"], ready["cot_port"]) == ("ready", None)
        assert ready["url"] == f"http://127.0.0.1:{ready['http_port']}/"
        assert data_dir.stat().st_mode & 0o777 == 0o700
        own = post_reports(ready["url"], data_dir, 3, "first")
        second = subprocess.run(
            [*SERVE, "--data", str(data_dir)], check=False, capture_output=True, text=True, timeout=120
        )
        assert second.returncode == 2
        assert second.stderr.startswith("error: ")
        assert second.stderr.count("\n") == 1
        with (
            httpx.Client(base_url=ready["url"], headers=own, timeout=120) as client,
            client.stream("GET", "/events") as answer,
        ):
            assert answer.status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=120) == 0
    assert verify_path(data_dir)[0] == 4

    with serving(data_dir) as (_, ready):
        listed = httpx.get(f"{ready['url']}reports", headers=own, timeout=120).json()["items"]
        assert [item["id"] for item in listed] == ["first-0", "first-1", "first-2"]


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    data_dir = tmp_path / "data"
    for turn in range(3):
        with serving(data_dir) as (process, ready):
            own = post_reports(ready["url"], data_dir, 5, f"kill-{turn}")
            process.kill()

    with serving(data_dir) as (_, ready):
        listed = httpx.get(f"{ready['url']}reports", headers=own, timeout=120).json()["items"]
    assert [item["id"] for item in listed] == [f"kill-2-{number}" for number in range(5)]
    assert verify_path(data_dir)[0] == 4


def revoke(data_dir, name):
    command = [sys.executable, "-m", "truceline.app", "revoke", "--data", str(data_dir), name]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)


def test_revoke_ends_a_token_beside_the_server_and_without_one(tmp_path):
    data_dir = tmp_path / "data"
    with serving(data_dir) as (process, ready):
        first = post_reports(ready["url"], data_dir, 1, "first")
        second = post_reports(ready["url"], data_dir, 1, "second")
        done = revoke(data_dir, "first")
        assert (done.returncode, done.stderr) == (0, "")
        assert httpx.get(f"{ready['url']}reports", headers=first, timeout=120).status_code == 401
        assert httpx.get(f"{ready['url']}reports", headers=second, timeout=120).status_code == 200
        assert revoke(data_dir, "nobody").returncode == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0

    assert revoke(data_dir, "second").returncode == 0

    with serving(data_dir) as (_, ready):
        assert httpx.get(f"{ready['url']}reports", headers=second, timeout=120).status_code == 401


@pytest.mark.parametrize(
    "more",
    [
        ["--host", "0.0.0.0"],
        ["--host", "192.0.2.1"],
        ["--tls-cert", "no.pem"],
        ["--port", "70000"],
        ["no.toml"],
    ],
    ids=str,
)
def test_settings_that_would_open_the_door_are_refused(tmp_path, more):
    done = subprocess.run(
        [*SERVE, "--data", str(tmp_path / "data"), *more],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stdout == ""
    assert not (tmp_path / "data").exists()
