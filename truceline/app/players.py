"""Players of an exercise: they log in and act through the same API as a person."""

import http.client
import json
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from truceline.model.place import Point, utc_text, utc_time

_LOG = logging.getLogger(__name__)
_POLL_S = 0.5
_NEXT_STEP = {"SENT": "RECEIPT", "RECEIPT": "ACK", "ACK": "WILCO", "WILCO": "EXECUTING", "EXECUTING": "DONE"}

Eyes = Callable[[Point, datetime], list[dict[str, Any]]]


class Door:
    """One person's way in: a token, and JSON over HTTP."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self.token = token

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Ask once; answer the status and what came back."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        finally:
            connection.close()

    def items(self, path: str) -> list[dict[str, Any]]:
        """Read a list."""
        status, answer = self.call("GET", path)
        return list(answer["items"]) if status == 200 else []


class Player(threading.Thread, ABC):
    """Somebody of an exercise, in a thread of their own.

    Parameters
    ----------
    name
        User name, and for a unit its id in the force file.
    door
        Their way in.
    now
        The mission's time.
    """

    def __init__(self, name: str, door: Door, now: Callable[[], datetime]) -> None:
        super().__init__(name=f"player-{name}", daemon=True)
        self.user = name
        self.door = door
        self.now = now
        self.stopping = threading.Event()
        self.done: list[str] = []

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                self.act()
            except (OSError, http.client.HTTPException) as error:
                _LOG.debug("%s: %s", self.name, error)
            self.stopping.wait(_POLL_S)

    @abstractmethod
    def act(self) -> None:
        """Do what there is to do, once."""


class DutyOfficer(Player):
    """Reads what waits, takes a moment, and approves or rejects with a reason.

    Each proposal is read anew before it is decided; one that changed meanwhile is read again.
    """

    def __init__(self, name: str, door: Door, now: Callable[[], datetime], after_s: float = 120) -> None:
        super().__init__(name, door, now)
        self._after = timedelta(seconds=after_s)

    def act(self) -> None:
        for item in self.door.items("/recommendations"):
            if item["state"] != "waiting" or self.now() < utc_time(item["now_utc"]) + self._after:
                continue
            verdict = "approved" if item.get("tasks") else "rejected"
            reason = (
                "the proposal names a unit that may go, and its cost is acceptable"
                if verdict == "approved"
                else "no unit is free to go; the incident stays on the list"
            )
            status, answer = self.door.call(
                "POST",
                "/decisions",
                {
                    "recommendation_id": item["id"],
                    "verdict": verdict,
                    "reason": reason,
                    "seen_seq": max(item["seq"], item.get("touched_seq", item["seq"])),
                },
            )
            if status == 201:
                self.done.append(item["id"])
            else:
                _LOG.info("%s: %s", self.name, answer)


class UnitPlayer(Player):
    """A unit: takes orders one step at a time, and reports what it sees when it is there."""

    def __init__(self, name: str, door: Door, now: Callable[[], datetime], eyes: Eyes | None = None) -> None:
        super().__init__(name, door, now)
        self._eyes = eyes

    def act(self) -> None:
        for item in self.door.items("/orders"):
            step = _NEXT_STEP.get(item["state"])
            if step is None or item["unit"] != self.user or not self._is_time(item, step):
                continue
            if step == "DONE":
                self._report(item)
            status, _ = self.door.call("POST", f"/orders/{item['id']}/state", {"state": step})
            if status in (200, 201) and step == "DONE":
                self.done.append(item["id"])

    def _is_time(self, item: dict[str, Any], step: str) -> bool:
        base, tasking = utc_time(item["now_utc"]), item["tasking"]
        if step == "EXECUTING":
            return self.now() >= base + timedelta(seconds=tasking["arrive_s"])
        if step == "DONE":
            return self.now() >= base + timedelta(seconds=tasking["leave_s"])
        return True

    def _report(self, item: dict[str, Any]) -> None:
        if item.get("to") is None:
            return
        to = msgspec.convert(item["to"], Point)
        now = self.now()
        seen = self._eyes(to, now) if self._eyes is not None else []
        where = {"lat_deg": to.lat_deg, "lon_deg": to.lon_deg, "ce90_m": to.ce90_m, "time_utc": utc_text(now)}
        for number, sight in enumerate(seen):
            self._send({"id": f"{item['id']}-{number}", "type": "sighting", **where, **sight})
        text = "On the spot. Nothing to be seen." if not seen else f"On the spot. {len(seen)} thing(s) seen."
        self._send({"id": f"{item['id']}-here", "type": "note", "text": text, **where})
        self._send({"id": f"{item['id']}-at", "type": "position", "subject_id": self.user, **where})

    def _send(self, report: dict[str, Any]) -> None:
        status, answer = self.door.call("POST", "/reports", report)
        if status not in (200, 201):
            _LOG.warning("%s: report %s: %s", self.name, report["id"], answer)


def enlist(admin: Door, url: str, name: str, role: str) -> Door:
    """Let the administrator make a user, and open that user's door."""
    admin.call("DELETE", f"/users/{name}")
    status, answer = admin.call("POST", "/users", {"name": name, "role": role})
    if status != 201:
        raise OSError(f"user {name} could not be made: {answer}")
    return Door(url, answer["token"])
