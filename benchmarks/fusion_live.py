"""What a long mission asks of the running tracker: memory, time, disk, and what late news costs.

usage: python benchmarks/fusion_live.py [--quick] [--hours H] [--things N] [--every MINUTES] [--from FOLDER]
Prints now and then resident memory, what the tracker has on disk and the processor time of an hour of the
mission; then the time of one row that is a third, two thirds and all of the mission late, and of two hundred
such rows at once. The mission is that of eight radars, or of FOLDER (detections, sensors and looks as the
scenario maker writes them), of which each sensor is heard for one minute in EVERY and people throughout; a
look in twenty comes up to five minutes late. What arrived within EVERY minutes is one entry, what people
report is one each. Memory holds the tables of the mission too.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from truceline.codec.fusion_tables import with_origin
from truceline.detect.reported import Reported
from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.model.facts import Blob, Fact, Header
from truceline.model.observed import Detections, Observation
from truceline.model.place import Span, utc_text
from truceline.model.tables import TIME
from truceline.track.live.fuse import Fuse
from truceline.track.live.shelf import BLOCK_BYTES
from truceline.view.watch import CLOCK, PEOPLE, TRACKER, WITNESS

from fusion import world

ZEROS = "0" * 64
LATE_SHARE, LATE_S, LATE_SEED = 0.05, (10.0, 300.0), 1


class Feed:
    """A tracker, and a log that gives back what it says."""

    def __init__(self, folder: Path) -> None:
        self.fuse, self.blobs, self.seq = Fuse(Blobs(folder)), Blobs(folder), 0
        self.spent_s = 0.0

    def tell(self, now: datetime, rows: pa.Table, looks: pa.Table, by_people: bool = False) -> None:
        """Enter rows, after the clock has struck as often as the tracker wanted it to."""
        self.strike(now)
        body = Detections(
            observation="obs", source=PEOPLE if by_people else "sensors", settings_sha256=ZEROS, version="1",
            detector="report" if by_people else "reported", rows=rows.num_rows,
            piece=pieces.seal(rows, self.blobs, "rows"),
            looks=pieces.seal(looks, self.blobs, "looks") if looks.num_rows else None,
        )  # fmt: skip
        self._give(now, "detection", f"det-{self.seq:09d}", body, WITNESS if by_people else "detector:x")

    def strike(self, now: datetime) -> None:
        """Let the clock strike until then."""
        while (due := self.fuse.due()) is not None and due <= now:
            span = Span(from_utc=due, until_utc=due + timedelta(seconds=1))
            tick = Observation(source=CLOCK, key=str(self.seq), phenomenon=span, result_utc=due)
            self._give(due, "observation", f"tick-{self.seq}", tick, "node:clock")

    def on_disk_mb(self) -> float:
        """Tell how large the shelf is."""
        return self.fuse._shelf._blocks * BLOCK_BYTES / 1e6

    def _give(self, now: datetime, kind: str, entry: str, body: Any, actor: str) -> None:
        header = Header(actor, (), ZEROS, entry, kind, ZEROS, (), self.seq, utc_text(now), 1)
        fact = Fact(header, msgspec.Raw(msgspec.json.encode(body)))
        self.seq += 1
        began = time.process_time()
        claims = list(self.fuse.apply(fact))
        self.spent_s += time.process_time() - began
        for claim in claims:
            if claim.kind == "track":
                self._give(now, "track", claim.id, claim.body, TRACKER)


class Mission:
    """Tables of contract fusion as they arrive; samples of one observation (plug.Media)."""

    memory = None

    def __init__(self, paths: list[Path], scratch: Path, every: int) -> None:
        self.rows, self.sensors, self.looks = (pq.read_table(path) for path in paths)
        self._scratch, self.every = scratch, every
        self._thin()
        self.rows = with_origin(self.rows, 48.0, 37.0)

    def entries(self) -> Iterator[tuple[datetime, pa.Table, pa.Table]]:
        """Cut the tables where so many minutes of arrival end."""
        parts = []
        for table in (self.rows, self.looks):
            slot = _micro(table, "result_time") // (60_000_000 * self.every)
            order = np.argsort(slot, kind="stable")
            parts.append((table.take(pa.array(order)), slot[order]))
        for slot in range(parts[1][1][0], parts[1][1][-1] + 1):
            now = datetime.fromtimestamp((slot + 1) * 60 * self.every, UTC)
            cuts = [np.searchsorted(slots, (slot, slot + 1)) for _, slots in parts]
            yield now, *(t.slice(a, b - a) for (t, _), (a, b) in zip(parts, cuts, strict=True))

    def read(self, rows: pa.Table, looks: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Read them as the running mission does."""
        samples = [
            self._keep("detections", rows),
            self._keep("looks", looks),
            self._keep("sensors", self.sensors),
        ]
        now = rows["result_time"][0].as_py() if rows.num_rows else looks["result_time"][0].as_py()
        said = Observation(source="x", key="x", phenomenon=Span(from_utc=now, until_utc=now), result_utc=now)
        found = Reported().detect(said, samples, self)
        return found.rows, found.looks

    def open(self, blob: Blob | str) -> Path:
        """Give the path of a sample."""
        return self._scratch / (blob if isinstance(blob, str) else blob.name)

    def put(self, sample: Path | bytes, media_type: str, name: str) -> Blob:
        """Refuse: nothing is found that would have to be stored."""
        raise TypeError(f"a table has no {name} to store")

    def _keep(self, name: str, table: pa.Table) -> Blob:
        pq.write_table(table, self._scratch / name, compression="none")
        return Blob(sha256=ZEROS, size_bytes=0, media_type="", name=name)

    def _thin(self) -> None:
        """Leave out all looks but those of one minute in so many, and let some come late."""
        keep = _micro(self.looks, "phenomenon_time") // 60_000_000 % self.every == 0
        ids = self.looks["look_id"].to_numpy()[keep]
        rng, late = np.random.default_rng(LATE_SEED), dict.fromkeys(ids.tolist(), 0)
        for look in ids[rng.random(len(ids)) < LATE_SHARE].tolist():
            late[look] = int(1e6 * rng.uniform(*LATE_S))
        self.looks = _later(self.looks.filter(pa.array(keep)), late)
        told = self.rows["look_id"].is_null()
        self.rows = _later(
            self.rows.filter(pc.or_(told, pc.is_in(self.rows["look_id"], pa.array(ids)))), late
        )


def _micro(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].cast(TIME).cast(pa.int64()).to_numpy())


def _later(table: pa.Table, late: dict[int, int]) -> pa.Table:
    by = np.array([late.get(look, 0) for look in table["look_id"].to_pylist()], np.int64)
    column = pa.array(_micro(table, "result_time") + by).cast(TIME)
    return table.set_column(table.column_names.index("result_time"), "result_time", column)


def resident_mb() -> float:
    """Tell the resident memory of this process."""
    line = next(row for row in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in row)
    return int(line.split()[1]) / 1024


def run(mission: Mission, feed: Feed, hours: float) -> datetime:
    """Let the mission pass, and print what it costs; answer when it ended."""
    begin, spent, step_h = None, 0.0, max(hours / 12, 0.5)
    now, shown_h = datetime.fromtimestamp(0, UTC), 0.0
    for now, rows, looks in mission.entries():
        begin = begin or now
        told = rows["look_id"].is_null()
        seen = rows.filter(pc.invert(told))
        if seen.num_rows or looks.num_rows:
            feed.tell(now, *mission.read(seen, looks))
        reports = rows.filter(told)
        for i in range(reports.num_rows):
            at = now + timedelta(minutes=mission.every) * (i / reports.num_rows)
            feed.tell(at, *mission.read(reports.slice(i, 1), looks.slice(0, 0)), by_people=True)
        passed_h = (now - begin) / timedelta(hours=1)
        if passed_h >= shown_h + step_h:
            cost = (feed.spent_s - spent) / (passed_h - shown_h)
            print(
                f"{passed_h:6.1f} h: {resident_mb():5.0f} MB resident, {feed.on_disk_mb():5.0f} MB on disk, "
                f"{cost:6.1f} s of processor per hour",
                flush=True,
            )
            spent, shown_h = feed.spent_s, passed_h
    return now


def late(mission: Mission, feed: Feed, now: datetime, back_h: float, number: int) -> None:
    """Tell some rows that are so many hours late, or up to so many, and print what that costs."""
    since = pa.scalar(now - timedelta(hours=back_h), TIME)
    old = mission.rows.filter(pc.greater(mission.rows["phenomenon_time"], since))
    old = old.take(pa.array(np.linspace(0, old.num_rows * (number > 1) * 0.6, number).astype(np.int64)))
    feed.strike(now)
    before = feed.spent_s
    for i in range(number):
        rows, looks = mission.read(old.slice(i, 1), mission.looks.slice(0, 0))
        feed.tell(now + timedelta(seconds=i / 100), rows, looks)
    feed.strike(now + timedelta(hours=1))
    print(f"{number:4d} rows {back_h:5.1f} h late: {feed.spent_s - before:7.1f} s, {resident_mb():5.0f} MB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="20 things and two hours")
    parser.add_argument("--things", type=int, default=500)
    parser.add_argument("--hours", type=float, default=6.0)
    parser.add_argument("--every", type=int, default=5, metavar="MINUTES")
    parser.add_argument("--from", type=Path, dest="folder", metavar="FOLDER")
    args = parser.parse_args()
    things, hours = (20, 2.0) if args.quick else (args.things, args.hours)
    with tempfile.TemporaryDirectory() as name:
        names = ("detections", "sensors", "looks")
        paths = [args.folder / f"{word}.parquet" for word in names] if args.folder else None
        mission = Mission(paths or world(Path(name), things, round(60 * hours)), Path(name), args.every)
        feed = Feed(Path(name) / "blobs")
        now = run(mission, feed, hours)
        for k, (back_h, number) in enumerate(
            ((hours / 3, 1), (2 * hours / 3, 1), (hours - 0.5, 1), (hours - 0.5, 200))
        ):
            late(mission, feed, now + timedelta(hours=k + 1), back_h + k + 1, number)


if __name__ == "__main__":
    main()
