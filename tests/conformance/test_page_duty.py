"""The duty officer's page in real headless Chromium, over a made-up mission."""

# ruff: noqa: E501  (sentences and scripts are not broken)

import base64
import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

WORLD = Path(__file__).with_name("page_world.py")
CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page was not looked at")
FLAGS = (
    "--headless=new --no-sandbox --use-angle=swiftshader --enable-unsafe-swiftshader --hide-scrollbars "
    "--no-first-run --disable-background-networking --remote-debugging-pipe"
)


class Browser:
    """One tab of Chromium, driven over its debugging pipe."""

    def __init__(self, profile: Path, width: int = 1920, height: int = 1080) -> None:
        ours, theirs = os.pipe(), os.pipe()
        command = f'exec "{CHROMIUM}" {FLAGS} --window-size={width},{height} --user-data-dir="{profile}" about:blank'
        self.process = subprocess.Popen(
            ["bash", "-c", f"{command} 3<&{ours[0]} 4>&{theirs[1]}"],
            pass_fds=(ours[0], theirs[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(ours[0])
        os.close(theirs[1])
        self.to, self.back = ours[1], theirs[0]
        self.rest, self.sent, self.session = b"", 0, ""
        self.trouble: list[str] = []
        self.requests: list[str] = []
        tabs = self.call("Target.getTargets")["targetInfos"]
        tab = next(t["targetId"] for t in tabs if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.sent += 1
        message = {"id": self.sent, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.sent:
                assert "error" not in answer, answer
                return answer["result"]
            self.note(answer.get("method", ""), answer.get("params", {}))

    def read(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            assert select.select([self.back], [], [], 60)[0], "chromium says nothing"
            piece = os.read(self.back, 1 << 20)
            assert piece, "chromium has gone"
            self.rest += piece
        first, _, self.rest = self.rest.partition(b"\0")
        return json.loads(first)

    def note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.trouble.append(str(params["exceptionDetails"].get("exception", params)))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.trouble.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def js(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, expression: str, limit_s: float = 40) -> Any:
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if found := self.js(f"(v => v instanceof Node ? true : v)({expression})"):
                return found
            time.sleep(0.1)
        pytest.fail(
            f"never became true: {expression}; the page says: {self.js('document.body.innerText')[:1500]}"
        )

    def press(self, key: str, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if kind == "keyDown" and text else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, **typed)

    def shot(self) -> bytes:
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        os.close(self.to)
        os.close(self.back)


class Place:
    """A made-up server and a browser that looks at it."""

    def __init__(self, browser: Browser, *options: str) -> None:
        self.server = subprocess.Popen(
            [sys.executable, str(WORLD), *options], stdout=subprocess.PIPE, text=True
        )
        assert self.server.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.server.stdout.readline())}/"
        self.browser = browser
        browser.trouble.clear()
        browser.requests.clear()

    def enter(self) -> Browser:
        self.browser.call("Page.navigate", url=f"{self.url}#token=duty")
        self.browser.until("window.truceline && truceline.ready")
        return self.browser

    def tell(self, route: str, body: dict[str, Any]) -> Any:
        """Change the made-up world, from within the page's own origin."""
        return self.browser.js(
            f"fetch('/made-up/{route}', {{method: 'POST', body: {json.dumps(json.dumps(body))}}}).then(r => r.json())"
        )

    def close(self) -> None:
        self.browser.call("Page.navigate", url="about:blank")
        self.server.terminate()
        self.server.wait(20)
        assert self.server.stdout is not None
        self.server.stdout.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    tab = Browser(tmp_path_factory.mktemp("profile"))
    yield tab
    tab.close()


@pytest.fixture
def place(browser: Browser) -> Iterator[Callable[..., Place]]:
    made: list[Place] = []

    def make(*options: str) -> Place:
        made.append(Place(browser, *options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def words(browser: Browser, selector: str) -> str:
    return str(browser.js(f"document.querySelector({json.dumps(selector)}).innerText")).replace("\n", " ")


def test_page_breaks_no_policy_and_asks_no_other_host(place):
    where = place()
    browser = where.enter()
    browser.js(
        "window.broken = 0; document.addEventListener('securitypolicyviolation', () => window.broken++);"
        "['e', 'e', 'd', '?', '?', 'c'].forEach(key => document.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true})))"
    )
    time.sleep(2)

    assert browser.js("window.broken") == 0
    assert browser.trouble == []
    asked = [url for url in browser.requests if not url.startswith((where.url, "about:"))]
    assert asked == []
    assert len(browser.requests) > 10


def test_token_leaves_the_address_and_is_stored_nowhere(place):
    browser = place().enter()

    assert browser.js("location.hash") == ""
    assert browser.js("localStorage.length + sessionStorage.length + document.cookie.length") == 0


def test_stranger_gets_a_sign_in_field_and_a_sentence(place):
    where = place()
    where.browser.call("Page.navigate", url=where.url)
    where.browser.until("document.querySelector('#token')")
    where.browser.js(
        "document.querySelector('#token').value = 'wrong'; document.querySelector('form').requestSubmit()"
    )

    where.browser.until("document.querySelector('#panel').innerText.includes('not known here')")
    where.browser.js(
        "document.querySelector('#token').value = 'duty'; document.querySelector('form').requestSubmit()"
    )
    where.browser.until("truceline.ready")


def test_sentence_counts_what_waits_and_names_the_next_due(place):
    browser = place().enter()

    assert re.fullmatch(
        r"2 decisions wait\. The next is due 03:20Z, in [678] min\.", words(browser, "#now-line")
    )
    assert browser.js("document.title") == "2 waiting · Truceline"
    assert browser.js("document.querySelector('#now-line').getAttribute('role')") == "status"


def test_sentence_is_quiet_when_nothing_waits(place):
    browser = place("--idle").enter()

    assert words(browser, "#now-line").startswith("Nothing to decide.")


def test_sentence_says_overdue_and_decision_stays_open(place):
    where = place()
    browser = where.enter()
    rec = browser.js(
        "fetch('/recommendations', {headers: {Authorization: 'Bearer duty'}}).then(r => r.json())"
    )
    late = {**rec["items"][0], "due_utc": "2026-11-24T03:10:00Z"}
    where.tell("happen", {"kind": "recommendation", "data": late})

    browser.until(
        "/2 decisions wait\\. Overdue since 03:10Z, [2-5] min\\./.test(document.querySelector('#now-line').innerText)"
    )
    assert browser.js("document.querySelector('#now-line .overdue') !== null")
    assert browser.js("document.querySelector('[data-choose=approved]').disabled") is False


def test_silent_stream_is_told_as_lost_link_and_takes_the_buttons(place):
    where = place()
    browser = where.enter()
    where.tell("set", {"silent": True, "beat_s": 0.2})

    said = browser.until(
        "document.querySelector('#now-line').innerText.startsWith('Link lost at') && document.querySelector('#now-line').innerText",
        40,
    )
    assert re.fullmatch(r"Link lost at (\S+)Z\. You see the picture of \1Z\.", said)
    assert browser.js("document.querySelector('[data-choose]')") is None
    assert "voice net" in words(browser, "#panel .act")


def test_whole_decision_is_made_by_keyboard(place):
    where = place()
    browser = where.enter()
    time.sleep(0.3)
    browser.press("1", "1")
    browser.press("a", "a")
    browser.until("document.activeElement.dataset.reason")
    assert where.tell("decisions", {})["items"] == []

    browser.press("Enter", "\r")
    browser.until(
        "document.querySelector('[data-record]') && !document.querySelector('[data-record]').disabled"
    )
    assert words(browser, "[data-record]") == "Record: approve as Maj. K. Lind"
    for _ in range(10):
        if browser.js("document.activeElement.matches('[data-record]')"):
            break
        browser.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
    browser.press("Enter", "\r")

    browser.until("document.querySelector('#panel .act').innerText.includes('Approved')")
    made = where.tell("decisions", {})["items"]
    assert [(m["recommendation_id"], m["verdict"], m["reason"]) for m in made] == [
        ("rec-118", "approved", "Evidence is enough to look")
    ]
    assert made[0]["seen_seq"] >= 488
    browser.until("document.querySelector('#now-line').innerText.startsWith('1 decision waits.')")


def test_three_choices_look_alike_and_none_is_chosen(place):
    browser = place().enter()
    boxes = browser.js(
        "[...document.querySelectorAll('[data-choose]')].map(b => {const s = getComputedStyle(b), r = b.getBoundingClientRect();"
        "return [Math.round(r.width), Math.round(r.height), s.color, s.backgroundColor, s.fontWeight, s.borderColor]})"
    )

    assert len(boxes) == 3
    assert all(box == boxes[0] for box in boxes)
    assert browser.js("document.activeElement.dataset.choose") is None


def test_changed_recommendation_locks_until_it_is_read(place):
    where = place()
    browser = where.enter()
    rec = browser.js(
        "fetch('/recommendations', {headers: {Authorization: 'Bearer duty'}}).then(r => r.json())"
    )["items"][0]
    where.tell(
        "happen",
        {"kind": "recommendation", "data": {**rec, "touched_seq": 500, "changes": ["C-07 moved 1.4 km"]}},
    )
    browser.until("document.querySelector('#panel .changed')")

    assert browser.js("[...document.querySelectorAll('[data-choose]')].every(b => b.disabled)")
    time.sleep(0.3)
    browser.press("a", "a")
    assert browser.js("document.querySelector('[data-record]')") is None
    browser.press("r", "r")
    browser.until("[...document.querySelectorAll('[data-choose]')].every(b => !b.disabled)")


def test_refused_decision_is_a_sentence_and_not_a_loss(place):
    where = place()
    browser = where.enter()
    where.tell("set", {"refuse": 409})
    browser.js("document.querySelector('[data-choose=rejected]').click()")
    browser.until("document.querySelector('[data-reason]')")
    time.sleep(0.3)
    browser.js("document.querySelector('[data-reason]').click()")
    browser.until("!document.querySelector('[data-record]').disabled")
    browser.js("document.querySelector('[data-record]').click()")

    browser.until("document.querySelector('#panel .said')")
    assert "was not recorded: somebody else decided this at 03:13Z" in words(browser, "#panel .said")


def test_new_recommendation_steals_neither_selection_nor_focus(place):
    where = place()
    browser = where.enter()
    browser.js("document.querySelector('#find').focus()")
    rec = browser.js(
        "fetch('/recommendations', {headers: {Authorization: 'Bearer duty'}}).then(r => r.json())"
    )["items"][0]
    where.tell(
        "happen",
        {"kind": "recommendation", "data": {**rec, "id": "rec-new", "due_utc": "2026-11-24T03:13:00Z"}},
    )

    browser.until("document.querySelectorAll('.card').length === 3")
    assert browser.js("document.activeElement.id") == "find"
    assert browser.js("document.querySelector('.card[aria-current=true]').dataset.open") == "rec-118"
    assert words(browser, ".card[data-open=rec-new] .number") == "3"


def test_past_is_told_in_words_and_end_returns_to_live(place):
    browser = place().enter()
    browser.js("document.querySelector('#chart').focus()")
    browser.press("PageDown")
    browser.until("/02:1.Z, as it is known now/.test(document.querySelector('#then').innerText)")
    browser.press("v", "v")

    browser.until(
        "/^02:1.Z, as known then$/.test(document.querySelector('#chart').getAttribute('aria-valuetext'))"
    )
    assert browser.js("document.querySelector('[data-choose]')") is None
    browser.press("End")
    browser.until("document.querySelector('#then').hidden && document.querySelector('[data-choose]')")


def test_evidence_shows_the_picture_and_its_entries(place):
    browser = place().enter()
    # Keys typed while the picture changes are dropped.
    browser.js("new Promise(done => setTimeout(done, 500))")
    browser.press("e", "e")

    browser.until("document.querySelector('#evidence canvas')?.width === 96")
    bright = browser.js(
        "[...document.querySelector('#evidence canvas').getContext('2d').getImageData(48, 50, 1, 1).data]"
    )
    assert bright[0] > 200
    assert "472" in words(browser, "#evidence .facts")
    assert "Nobody has confirmed this." in words(browser, "#evidence figcaption")


def test_ten_thousand_points_are_counted_and_drawn(place):
    browser = place("--many", "10000").enter()
    browser.js("truceline.setView(64.9, -18.5, 8.5)")
    time.sleep(3)
    assert browser.js("truceline.entityCount()") >= 10_000
    assert browser.js("truceline.visibleCount()") >= 10_000
    full = browser.shot()
    browser.js("truceline.setView(-40, 100, 8.5)")
    time.sleep(2)

    assert browser.js("truceline.visibleCount()") == 0
    assert len(full) > len(browser.shot()) + 100_000  # thousands of dots do not compress to nothing
