"""Patrol reports as JSON files in a folder, with the pictures that they name beside them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from truceline.codec.sightings import read_report
from truceline.model.errors import BadInput
from truceline.model.facts import Blob
from truceline.model.observed import Observation, Report
from truceline.model.place import Span
from truceline.plug import Intake, Source, Taken
from truceline.sources.folder import sweeps

MAX_BYTES = 64 << 20
PICTURES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
LINES = (".jsonl", ".ndjson")
NAMES = "*.json *.jsonl *.ndjson"


class Patrol(Source):
    """Reads a folder of reports (contract wire B, with ``id``): one per ``.json`` file, or one per line.

    A picture named in a report's ``blobs`` lies beside it as ``<sha256>.jpg`` or ``.png``. What cannot
    be read is named in an observation with status ``degraded``; the rest goes on. Names that begin
    with a dot or end in ``.part`` are being written and left alone.
    """

    path: Path

    def observe(self, intake: Intake, follow: bool) -> Iterator[Taken]:
        for sweep in sweeps(self.path, NAMES, intake.stop, follow=follow):
            for file in sweep:
                yield from self._read(file, intake)

    def _read(self, file: Path, intake: Intake) -> Iterator[Taken]:
        wrong: list[str] = []
        if file.stat().st_size > MAX_BYTES:
            yield from self._degraded(file, b"", [f"more than {MAX_BYTES} bytes"], intake)
            return
        content = file.read_bytes()
        lines = content.splitlines() if file.suffix in LINES else [content]
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            place = f"{file.name}:{number}" if file.suffix in LINES else file.name
            try:
                report_id, report = read_report(line, place)
            except BadInput as error:
                wrong.append(str(error))
                continue
            blobs = self._pictures(report, file, place, intake, wrong)
            yield Taken(noun=report, id=report_id, actor=f"source:{self.name}", blobs=blobs)
        if wrong:
            yield from self._degraded(file, content, wrong, intake)

    def _pictures(
        self, report: Report, file: Path, place: str, intake: Intake, wrong: list[str]
    ) -> tuple[Blob, ...]:
        found = []
        for sha256 in report.blobs:
            if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
                wrong.append(f"{place}: `blobs`: {sha256[:70]!r} is no SHA-256")
                continue
            beside = [file.parent / f"{sha256}{suffix}" for suffix in PICTURES]
            picture = next((p for p in beside if p.is_file() and not p.is_symlink()), None)
            if picture is None:
                wrong.append(f"{place}: picture {sha256} is not beside it")
                continue
            if hashlib.sha256(picture.read_bytes()).hexdigest() != sha256:
                wrong.append(f"{place}: picture {picture.name} holds other bytes than its name says")
                continue
            found.append(intake.put(picture, PICTURES[picture.suffix], "picture"))
        return tuple(found)

    def _degraded(self, file: Path, content: bytes, wrong: list[str], intake: Intake) -> Iterator[Taken]:
        key = f"{file.name} {hashlib.sha256(content).hexdigest()}"
        if intake.has(key):
            return
        now = intake.now()
        said = Observation(
            source=self.name,
            key=key,
            phenomenon=Span(from_utc=now, until_utc=now),
            result_utc=now,
            status="degraded",
            reason=f"{len(wrong)} left out or incomplete: {wrong[0]}"[:400],
            attributes={"file": file.name, "wrong": len(wrong)},
        )
        yield Taken(noun=said, id=said.id, actor=f"source:{self.name}")
