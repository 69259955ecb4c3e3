"""Lasting changes of the surface in radar scenes, one scene at a time (contract satellite, section 1)."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from msgspec import Meta
from scipy.ndimage import gaussian_filter

from truceline.detect.chip import Caption, before_and_after
from truceline.detect.hidden import hidden_ground
from truceline.detect.radar.alerts import Alert, alerts_of, meanings_of, outlines_of
from truceline.detect.radar.backscatter import STEPS_PER_DB, UNSEEN, decibels, grid_at, read_levels
from truceline.detect.radar.history import History, SarSettings, Stamp
from truceline.detect.radar.history_file import load_history, save_history
from truceline.detect.radar.orbits import orbit_of
from truceline.detect.radar.series import observe
from truceline.geo.raster import Float32
from truceline.model.errors import BadInput
from truceline.model.facts import Blob
from truceline.model.observed import Observation
from truceline.model.tables import DETECTION
from truceline.model.units import Metres
from truceline.plug import Detector, Found, Media

POLARISATIONS = ("vv", "vh")
CUT_PX = 40  # around the box; more than a chip shows
SPECKLE_PX = 1.4


class SarChange(Detector):
    """Compares each scene with the history of its place; fields are the options of ``detect sar``."""

    stateful: ClassVar[bool] = True

    baseline: Annotated[int, Meta(ge=2, le=250)] = 8
    confirm: Annotated[int, Meta(ge=1, le=1_000)] = 2
    finish: Annotated[int, Meta(ge=1, le=1_000)] = 3
    far: Annotated[float, Meta(gt=0, lt=1)] = 0.001
    min_area_m2: Metres = 8100.0

    def detect(self, observation: Observation, blobs: Sequence[Blob], media: Media) -> Found:
        """Take in one scene; report the confirmed changes that it shows.

        A change is reported on each date on which it exceeds and is confirmed, under the id of its
        alert. Provisional ones are not: one date may be speckle, a parked lorry or wet ground.
        """
        try:
            history = self._advanced(observation, blobs, media)
        except BadInput as error:
            reason = f"{error.what}"[:200]
            hidden = observation.footprint
            return Found(rows=DETECTION.empty_table(), status="degraded", reason=reason, hidden=hidden)
        rows = self._rows(history, observation, media)
        level = history.today.level[0]
        lost = ((top, level[top:bottom] == UNSEEN) for top, bottom in history.desk.strips())
        return Found(rows=rows, memory=_stored(history, media), hidden=hidden_ground(lost, history.grid))

    def _advanced(self, observation: Observation, blobs: Sequence[Blob], media: Media) -> History:
        files = {blob.name: media.open(blob) for blob in blobs if blob.name in POLARISATIONS}
        told = observation.attributes
        orbit = orbit_of(told.get("relative_orbit"), told.get("orbit_state"), observation.key)
        stamp = Stamp(observation.key, observation.phenomenon.from_utc, orbit=orbit)
        settings = SarSettings(**{word: getattr(self, word) for word in SarSettings.__struct_fields__})
        history = load_history(media.memory) if media.memory is not None else None
        words = history.polarisations if history else tuple(word for word in POLARISATIONS if word in files)
        lacking = [word for word in words if word not in files]
        if lacking or not words:
            raise BadInput(stamp.id, f"lacks the polarisation {' and '.join(lacking or POLARISATIONS)}")
        if history is not None and history.settings != settings:
            raise BadInput(stamp.id, "the memory was made with other settings")
        if history is not None and stamp.time_utc <= history.stamps[-1].time_utc:
            raise BadInput(stamp.id, f"is not later than {history.stamps[-1].id}, already taken in")
        paths = [files[word] for word in words]
        if history is None:
            history = History.new(settings, grid_at(paths[0]), words)
        observe(history, stamp, read_levels(paths, history.grid, stamp.id, history.desk))
        return history

    def _rows(self, history: History, observation: Observation, media: Media) -> pa.Table:
        today = len(history.stamps) - 1
        shown = [
            alert for alert in alerts_of(history) if alert.state == "confirmed" and alert.items[-1] == today
        ]
        outlines = outlines_of(history, shown)
        rows = [_row(history, alert, outlines[alert.number], observation, media) for alert in shown]
        return pa.Table.from_pylist(rows, schema=DETECTION)


def _row(
    history: History, alert: Alert, outline: dict[str, Any], observation: Observation, media: Media
) -> dict[str, Any]:
    rows, columns = np.divmod(history.places[history.owners == alert.number], history.grid.width)
    change_db = np.abs(history.today.residual[0][rows, columns]) / STEPS_PER_DB
    before, after, box = _before_and_after(history, alert.box)
    first, last = history.stamps[0].time_utc, history.stamps[-1].time_utc
    caption = Caption(f"since {first:%Y-%m-%d}", f"{last:%Y-%m-%d}", history.grid.pixel_size_m()[0])
    chip = before_and_after(before, after, box, caption)
    meaning = meanings_of(history, [alert])[alert.number]
    verb = "rose" if alert.direction == "increase" else "fell"
    top, left, bottom, right = alert.box
    return {
        "time_utc": observation.phenomenon.from_utc,
        "lat_deg": alert.lat_deg,
        "lon_deg": alert.lon_deg,
        "ce90_m": alert.ce90_m,
        "confidence": alert.probability,
        "count": 1,
        "object": alert.id,
        "kind": "activity",
        "meaning": meaning.word,
        "area_m2": alert.area_m2,
        "outline": json.dumps(outline),
        "x_px": float(left),
        "y_px": float(top),
        "w_px": float(right - left),
        "h_px": float(bottom - top),
        "chip_sha256": media.put(chip, "image/png", "before-and-after").sha256,
        "note": f"radar echo {verb} by {change_db.mean():.1f} dB on average, at most {change_db.max():.1f}"
        f" dB, over {alert.area_m2 / 10_000:.1f} ha since {alert.first_seen:%Y-%m-%d}; {meaning.sentence}",
    }


def _before_and_after(
    history: History, box: tuple[int, int, int, int]
) -> tuple[Float32, Float32, tuple[int, int, int, int]]:
    """Cut out the place in dB: its history in today's weather, today, and the box inside."""
    top, left = max(box[0] - CUT_PX, 0), max(box[1] - CUT_PX, 0)
    cut = np.s_[top : box[2] + CUT_PX, left : box[3] + CUT_PX]
    level = decibels(history.today.level[0][cut])
    expected = level - history.today.residual[0][cut] / np.float32(STEPS_PER_DB)
    expected[history.past.fed[cut] == 0] = np.nan
    inside = (box[0] - top, box[1] - left, box[2] - top, box[3] - left)
    return _quieter(expected), _quieter(level), inside


def _quieter(level_db: Float32) -> Float32:
    """Average out some speckle, so that a person sees the place and not the noise."""
    known = np.isfinite(level_db)
    weight = np.maximum(gaussian_filter(known.astype(np.float32), SPECKLE_PX), 1e-6)
    smooth = gaussian_filter(np.where(known, level_db, 0), SPECKLE_PX) / weight
    return np.where(known, smooth, np.nan).astype(np.float32)


def _stored(history: History, media: Media) -> Blob:
    with tempfile.TemporaryDirectory(prefix="truceline-") as folder:
        path = Path(folder, "series")
        save_history(history, path)
        return media.put(path, "application/octet-stream", "memory")
