"""Patrol reports as JSON files in a folder, with the pictures that they name beside them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from truceline.codec.sightings import read_report
from truceline.model.facts import Blob
from truceline.model.observed import Report
from truceline.plug import Intake, Source, Taken
from truceline.sources.folder import sweeps
from truceline.sources.rows import Wrong, left_out, read_rows

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
        for sweep in sweeps(self.path, NAMES, intake, follow=follow):
            for file in sweep:
                yield from self._read(file, intake)

    def _read(self, file: Path, intake: Intake) -> Iterator[Taken]:
        wrong = Wrong()

        def told(line: bytes, place: str) -> Taken:
            report_id, report = read_report(line, place)
            blobs = self._pictures(report, file, place, intake, wrong)
            return Taken(noun=report, id=report_id, actor=f"source:{self.name}", blobs=blobs)

        cut = _lines if file.suffix in LINES else _whole
        yield from read_rows(file, wrong, cut, told)
        yield from left_out(self.name, file, wrong, intake)

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


def _whole(content: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    if content.strip():
        yield name, content


def _lines(content: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            yield f"{name}:{number}", line
