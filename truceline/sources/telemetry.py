"""Where drones were, by their own logs: a folder of flight logs, or live MAVLink on loopback."""

import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from truceline.codec.flightlog.log import read_log
from truceline.codec.flightlog.mavlink import MavlinkLog, Positions, positions_table, stamped
from truceline.model.errors import BadInput
from truceline.model.observed import Observation, Scalar
from truceline.model.units import Seconds
from truceline.plug import Intake, Source, Taken
from truceline.sources.datagrams import QUIET_S, Address, Receiver, address_of
from truceline.sources.flown import TELEMETRY_TYPE, parquet, span_of
from truceline.sources.folder import sweeps
from truceline.sources.unreadable import unreadable

LONGEST_BYTES = 1 << 30


class Telemetry(Source):
    """Watches a folder of ``.srt``, ``.tlog``, ``.ulg`` and ``.BIN`` files, reads one, or receives MAVLink.

    Parameters
    ----------
    path
        Folder or file, or ``udp://127.0.0.1:PORT`` (MAVLink 1 or 2, on loopback).
    piece_s
        Length of a piece of a live link.
    pattern
        Names to read, separated by blanks.
    settle_s
        A file counts as complete when its size has not changed for so long.
    """

    path: Path
    piece_s: Seconds = 10.0
    pattern: str = "*.srt *.SRT *.tlog *.ulg *.BIN *.bin"
    settle_s: Seconds = 0.5

    def observe(self, intake: Intake, follow: bool) -> Iterator[Taken]:
        """Yield one observation per log, or per piece of a live link."""
        address = address_of(str(self.path))
        if address is not None:
            yield from self._live(address, intake, follow)
            return
        for sweep in sweeps(self.path, self.pattern, intake, follow=follow, settle_s=self.settle_s):
            for file in sweep:
                yield from self._take(file, intake)

    def _take(self, file: Path, intake: Intake) -> Iterator[Taken]:
        try:
            if file.stat().st_size > LONGEST_BYTES:
                raise BadInput(file.name, "is longer than 1 GiB")
            data = file.read_bytes()
            key = hashlib.sha256(data).hexdigest()
            if intake.has(key):
                return
            table, notes = read_log(file.name, [data])
        except (BadInput, OSError) as error:
            yield Taken(noun=unreadable(self.name, file, str(error)))
            return
        yield self._taken(key, file.name, table, notes, intake)

    def _live(self, address: Address, intake: Intake, follow: bool) -> Iterator[Taken]:
        log, count, bad, started = MavlinkLog(has_stamps=False), 0, 0, intake.now()
        parts: list[Positions] = []
        with Receiver(address) as receiver:
            begun_s = quiet_s = time.monotonic()
            while not intake.stop.is_set():
                chunk = receiver.take()
                now_s = time.monotonic()
                if chunk:
                    quiet_s = now_s
                    parts.append(stamped(log.feed(chunk, last=True), _microseconds(intake.now())))
                elif not follow and now_s - quiet_s > QUIET_S:
                    break
                if now_s - begun_s >= self.piece_s and parts:
                    key = f"{started.isoformat()}:{count}"
                    yield from self._live_piece(key, parts, log.bad_frames - bad, intake)
                    parts, count, bad, begun_s = [], count + 1, log.bad_frames, now_s
            key = f"{started.isoformat()}:{count}"
            yield from self._live_piece(key, parts, log.bad_frames - bad, intake)

    def _live_piece(
        self, key: str, parts: list[Positions], bad_frames: int, intake: Intake
    ) -> Iterator[Taken]:
        if not parts:
            return
        table = positions_table(parts)
        notes = [f"{bad_frames} positions with a wrong checksum"] if bad_frames else []
        if table.num_rows:
            yield self._taken(key, "MAVLink", table, notes, intake)

    def _taken(self, key: str, name: str, table: pa.Table, notes: list[str], intake: Intake) -> Taken:
        reasons = list(notes)
        if table["time"].null_count == table.num_rows:
            reasons.append("the log's clock has no zone")
        span = span_of(table, intake.now())
        said = Observation(
            source=self.name,
            key=key,
            phenomenon=span,
            result_utc=span.until_utc,
            status="degraded" if reasons else "ok",
            reason="; ".join(reasons),
            attributes=_attributes(table, name),
        )
        return Taken(noun=said, blobs=(intake.put(parquet(table), TELEMETRY_TYPE, "track.parquet"),))


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _attributes(table: pa.Table, name: str) -> dict[str, Scalar]:
    lat, lon = table["lat_deg"].to_numpy(), table["lon_deg"].to_numpy()
    # Some loggers write two zeros before they have a fix.
    fixes = np.flatnonzero((lat != 0) | (lon != 0))
    attributes: dict[str, Scalar] = {
        "file": name,
        "positions": table.num_rows,
        "without_fix": len(lat) - len(fixes),
    }
    if len(fixes):
        last = table.slice(int(fixes[-1]), 1).to_pylist()[0]
        for column in ("lat_deg", "lon_deg", "hae_m", "msl_m"):
            if last[column] is not None:
                attributes[f"sensor_{column}"] = float(last[column])
    return attributes
