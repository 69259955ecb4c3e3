"""What a frame of the moving map costs, beside an empty map and a plain canvas in the same browser.

Prints frames per second and processor time per frame: of the page's own thread, and of all of the browser.
The browser is headless Chromium and draws with the processor (SwiftShader): a frame costs what a laptop
without a graphics unit pays. On a busy machine frames per second say little; processor time and ratios hold.
Needs ``chromium`` and no network. Run ``python benchmarks/page.py [--quick]``.
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "conformance"))

from conftest import CHROMIUM, Browser, Place

POINTS = (10_000, 40_000, 100_000)
SIZE = 1920, 1080
# A view that moves each frame by some pixels, to and fro, as under a hand.
MOVE = """new Promise(done => {
  const began = performance.now(); let n = 0;
  const step = () => {
    const lasted = performance.now() - began;
    if (n++ && lasted > %d) return done([n - 1, lasted]);
    %s
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""
MAP = "truceline.setView(64.9, -18.55 + 0.05 * Math.sin(n / 20), 9);"
# The peer: a circle for each point, drawn one by one at its place of this frame.
CANVAS = """const x0 = 60 * Math.sin(n / 20);
    ctx.clearRect(0, 0, canvas.width, canvas.height);
    for (let k = 0; k < 3; k++) {
      ctx.fillStyle = ['#74bdf2', '#74c69d', '#ebe3a0'][k];
      for (let i = k; i < places.length; i += 3) {
        ctx.beginPath(); ctx.arc(places[i][0] + x0, places[i][1], 3.5, 0, 7); ctx.fill();
      }
    }"""
SETUP = """document.body.innerHTML = ''; document.body.style.margin = 0;
window.canvas = document.createElement('canvas'); [canvas.width, canvas.height] = [%d, %d];
document.body.append(canvas); window.ctx = canvas.getContext('2d');
window.places = Array.from({length: %d}, (_, i) => [(i * 0.618034 %% 1) * 1920, (i * 0.37 %% 1) * 1080]);"""


class Cost(NamedTuple):
    """Of one stretch of moving: frames per second, and processor time per frame in milliseconds."""

    fps: float
    page_ms: float
    browser_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short turn and no 100,000 points")
    quick = parser.parse_args().quick
    if CHROMIUM is None:
        sys.exit("error: no chromium here: nothing was measured")
    counts = POINTS[:2] if quick else POINTS
    turns, lasts_ms = (1, 2000) if quick else (5, 3000)
    print(f"map of {SIZE[0]} × {SIZE[1]} px, moved each frame; median of {turns}; drawn by the processor")
    print(f"{'':28}frames/s {'page ms':>9} {'all ms':>9}   against the empty map")
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(Path(profile), *SIZE)
        try:
            for points in counts:
                show(points, measured(browser, points, turns, lasts_ms))
        finally:
            browser.close()


def show(points: int, found: dict[str, Cost]) -> None:
    empty = found["empty map"]
    for what, cost in found.items():
        name = what if what == "empty map" else f"{what}, {points:,} points"
        ratios = " ".join(f"{one / other:5.2f}x" for one, other in zip(cost, empty, strict=True))
        print(f"{name:28}{cost.fps:8.1f} {cost.page_ms:9.1f} {cost.browser_ms:9.1f}   {ratios}", flush=True)


def measured(browser: Browser, points: int, turns: int, lasts_ms: int) -> dict[str, Cost]:
    """Measure in turns the empty map, ours and the canvas."""
    found: dict[str, list[Cost]] = {"empty map": [], "ours": [], "canvas": []}
    for _ in range(turns):
        for what, many in (("empty map", 0), ("ours", points)):
            place = Place(browser, "--many", str(many), "--idle")
            place.enter()
            browser.js(MOVE % (500, MAP))
            if what == "ours" and browser.js("truceline.visibleCount()") < points / 2:
                sys.exit("error: the map does not show the points")
            found[what].append(cost(browser, MOVE % (lasts_ms, MAP)))
            place.close()
        browser.js(SETUP % (*SIZE, points))
        found["canvas"].append(cost(browser, MOVE % (lasts_ms, CANVAS)))
    return {what: Cost(*map(statistics.median, zip(*told, strict=True))) for what, told in found.items()}


def cost(browser: Browser, moving: str) -> Cost:
    """Run one stretch and read the clocks before and after it."""
    browser.call("Performance.enable", timeDomain="threadTicks")
    page_s, browser_s = -thread_s(browser), -processor_s(browser.process.pid)
    frames, lasted_ms = browser.js(moving)
    page_s, browser_s = page_s + thread_s(browser), browser_s + processor_s(browser.process.pid)
    browser.call("Performance.disable")
    return Cost(frames / lasted_ms * 1000, page_s / frames * 1000, browser_s / frames * 1000)


def thread_s(browser: Browser) -> float:
    """Tell the processor time of the page's own thread."""
    told = {one["name"]: one["value"] for one in browser.call("Performance.getMetrics")["metrics"]}
    return float(told["TaskDuration"])


def processor_s(process: int) -> float:
    """Tell the processor time of a process and all below it, so far."""
    below: dict[int, list[tuple[int, float]]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, _, rest = stat.read_text().partition(" (")
        except OSError:
            continue  # it has ended
        fields = rest.rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        below.setdefault(int(fields[1]), []).append((int(number), ticks / os.sysconf("SC_CLK_TCK")))
    found, waiting = 0.0, [process]
    while waiting:
        for child, spent_s in below.get(waiting.pop(), []):
            found += spent_s
            waiting.append(child)
    return found


if __name__ == "__main__":
    main()
