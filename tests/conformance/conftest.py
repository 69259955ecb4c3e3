"""A browser, and a made-up server that it looks at, for tests of the page."""

# ruff: noqa: E501  (sentences and scripts are not broken)

import base64
import io
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

WORLD = Path(__file__).with_name("page_world.py")
CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
PATIENCE_S = 150  # a machine that is busy with much else is slow, not wrong
FLAGS = (
    "--headless=new --no-sandbox --use-angle=swiftshader --enable-unsafe-swiftshader --hide-scrollbars "
    "--no-first-run --disable-background-networking --remote-debugging-pipe"
)


class Browser:
    """One tab of Chromium, driven over its debugging pipe."""

    def __init__(self, profile: Path, width: int = 1920, height: int = 1080, more: str = "") -> None:
        ours, theirs = os.pipe(), os.pipe()
        command = f'exec "{CHROMIUM}" {FLAGS} {more} --window-size={width},{height} --user-data-dir="{profile}" about:blank'
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
            assert select.select([self.back], [], [], PATIENCE_S)[0], "chromium says nothing"
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

    def until(self, expression: str) -> Any:
        end = time.monotonic() + PATIENCE_S
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

    def until_seen(self, is_it: Callable[[Image.Image], bool]) -> Image.Image:
        """Look until the picture of the page is as it should be."""
        end = time.monotonic() + PATIENCE_S
        while not is_it(shot := Image.open(io.BytesIO(self.shot())).convert("RGB")):
            assert time.monotonic() < end, "the page never looked like that"
        return shot

    def let_settle(self) -> None:
        """Let the words stand for longer than the 200 ms in which no key is taken for them."""
        self.js("new Promise(done => setTimeout(done, 300))")

    def words(self, selector: str) -> str:
        """Read what a part of the page says, on one line."""
        return str(self.js(f"document.querySelector({json.dumps(selector)}).innerText")).replace("\n", " ")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        os.close(self.to)
        os.close(self.back)


class Place:
    """A made-up server and a browser that looks at it."""

    def __init__(self, browser: Browser, *options: str) -> None:
        self.server = subprocess.Popen(
            [sys.executable, str(WORLD), "--rate", "0", *options], stdout=subprocess.PIPE, text=True
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
        self.server.wait(PATIENCE_S)
        assert self.server.stdout is not None
        self.server.stdout.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium here: the page was not looked at")
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


@pytest.fixture
def blind_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The made-up mission in a browser without WebGL."""
    if CHROMIUM is None:
        pytest.skip("no chromium here: the page was not looked at")
    tab = Browser(tmp_path_factory.mktemp("blind"), more="--disable-gpu --disable-3d-apis")
    where = Place(tab)
    yield where
    where.close()
    tab.close()
