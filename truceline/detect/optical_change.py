"""Optical change in the running system: each scene against the one before (contract satellite, section 3)."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from truceline.detect.chip import Caption, before_and_after
from truceline.detect.optical.cloud_mask import BANDS, CLOUD, SHADOW, bands_wanted, mask_clouds
from truceline.detect.optical.compare import Change, Patch, compare, patches_of
from truceline.geo.bands import open_bands
from truceline.geo.raster import Float32, Grid, write_cog
from truceline.model.errors import BadInput
from truceline.model.facts import Blob
from truceline.model.observed import Observation
from truceline.model.tables import DETECTION
from truceline.model.units import Metres, Ratio
from truceline.plug import Detector, Found, Media

IMAGE = "image"
LEAST_BANDS = 3
_ALIAS = {"nir": "nir08"}
_DATE = "taken "  # the first description of a memory's band after the colours tells when it was taken
_LEAST_SPAN = 0.05  # of a chip, in shares of the scene's own spread


class OpticalChange(Detector):
    """Compares each scene with the one before, clouds and shadows left out.

    Parameters
    ----------
    clouds
        Mask clouds and shadows first; needs blue, green, red and nir08.
    scale
        Reflectance per unit of the files.
    min_area_m2
        Smallest change that is reported.
    least_probability
        Least probability of change that is reported.
    """

    stateful: ClassVar[bool] = True

    clouds: bool = True
    scale: float = 0.0001
    min_area_m2: Metres = 8100.0
    least_probability: Ratio = 0.5

    def detect(self, observation: Observation, blobs: Sequence[Blob], media: Media) -> Found:
        """Report what changed since the scene before; the first scene is only remembered."""
        try:
            grid, names, after = self._scene(blobs, media)
            memory = _remembered(media.memory) if media.memory is not None else None
            if memory is None:
                kept = _stored(grid, names, after, observation.phenomenon.from_utc)
                return Found(rows=DETECTION.empty_table(), memory=kept)
            rows = self._rows(memory, (grid, names, after), observation, media)
        except BadInput as error:
            reason = str(error).strip(": ")[:200]
            return Found(rows=DETECTION.empty_table(), status="degraded", reason=reason)
        # Where this scene is covered the older ground is kept: the next one has something to compare with.
        covered = np.isnan(after[0]) & np.isfinite(memory[2][0])
        after[:, covered] = memory[2][:, covered]
        return Found(rows=rows, memory=_stored(grid, names, after, observation.phenomenon.from_utc))

    def _scene(self, blobs: Sequence[Blob], media: Media) -> tuple[Grid, tuple[str, ...], Float32]:
        files = {_ALIAS.get(blob.name, blob.name): media.open(blob) for blob in blobs}
        grid, names, pixels = _image(files[IMAGE]) if IMAGE in files else _layers(files)
        if len(names) < LEAST_BANDS:
            raise BadInput("", f"has {len(names)} optical bands; at least {LEAST_BANDS} are wanted")
        if self.clouds:
            numbers = bands_wanted(names)
            reflectance = pixels[numbers] * np.float32(self.scale)
            strips = mask_clouds(
                lambda first, until: reflectance[:, first:until], grid.shape, len(numbers), 1
            )
            pixels[:, np.isin(np.concatenate(list(strips)), (CLOUD, SHADOW))] = np.nan
        return grid, names, pixels

    def _rows(
        self,
        memory: tuple[Grid, tuple[str, ...], Float32, str],
        scene: tuple[Grid, tuple[str, ...], Float32],
        observation: Observation,
        media: Media,
    ) -> pa.Table:
        grid, names, after = scene
        if not grid.same_as(memory[0]):
            raise BadInput("", f"lies on {grid}, the scene before on {memory[0]}")
        if names != memory[1]:
            raise BadInput("", f"has the bands {', '.join(names)}, the scene before {', '.join(memory[1])}")
        change = compare(memory[2], after)
        taken = observation.phenomenon.from_utc
        found = [
            patch
            for patch in patches_of(change, memory[2], grid, names, taken, f"{memory[3]} {observation.key}")
            if patch.area_m2 >= self.min_area_m2 and patch.probability >= self.least_probability
        ]
        dates = (memory[3][:10], f"{taken:%Y-%m-%d}")
        rows = [_row(patch, change, memory[2], grid, dates, observation, media) for patch in found]
        return pa.Table.from_pylist(rows, schema=DETECTION)


def _image(file: Path) -> tuple[Grid, tuple[str, ...], Float32]:
    with open_bands(file) as image:
        return image.grid, image.names, image.read(range(len(image.names)))


def _layers(files: Mapping[str, Path]) -> tuple[Grid, tuple[str, ...], Float32]:
    """Lay single-band files upon each other; a pixel without data in one has none."""
    names = tuple(word for word in BANDS if word in files)
    if not names:
        raise BadInput("", f"has no optical band; {', '.join(BANDS)} or {IMAGE} are wanted")
    layers: list[Float32] = []
    grids: list[Grid] = []
    for word in names:
        with open_bands(files[word]) as band:
            if grids and not band.grid.same_as(grids[0]):
                raise BadInput(word, f"lies on {band.grid}, the bands before on {grids[0]}")
            grids.append(band.grid)
            layers.append(band.read([0])[0])
    pixels = np.stack(layers)
    pixels[:, np.isnan(pixels).any(axis=0)] = np.nan
    return grids[0], names, pixels


def _row(
    patch: Patch,
    change: Change,
    before: Float32,
    grid: Grid,
    dates: tuple[str, str],
    observation: Observation,
    media: Media,
) -> dict[str, Any]:
    greys = [_grey(before), _grey(change.aligned)]
    caption = Caption(*dates, pixel_m=grid.pixel_size_m()[0])
    chip = before_and_after(greys[0], greys[1], patch.box, caption, _LEAST_SPAN)
    top, left, bottom, right = patch.box
    return {
        "time_utc": observation.phenomenon.from_utc,
        "lat_deg": patch.lat_deg,
        "lon_deg": patch.lon_deg,
        "ce90_m": patch.ce90_m,
        "confidence": patch.probability,
        "count": 1,
        "object": patch.id,
        "kind": "activity",
        "meaning": patch.meaning.word,
        "area_m2": patch.area_m2,
        "outline": json.dumps(patch.geometry),
        "x_px": float(left),
        "y_px": float(top),
        "w_px": float(right - left),
        "h_px": float(bottom - top),
        "chip_sha256": media.put(chip, "image/png", "before-and-after").sha256,
        "note": f"colour changed over {patch.area_m2 / 10_000:.1f} ha between {dates[0]} and {dates[1]}; "
        f"{patch.meaning.sentence}",
    }


def _grey(bands: Float32) -> Float32:
    """Mix the bands evenly, each in shares of its own spread, so that no bright one hides the rest."""
    spread = np.nanstd(bands, axis=(1, 2), keepdims=True)
    middle = np.nanmean(bands, axis=(1, 2), keepdims=True)
    return np.asarray(((bands - middle) / np.maximum(spread, 1e-9)).mean(axis=0), np.float32)


def _stored(grid: Grid, names: tuple[str, ...], pixels: Float32, taken: datetime) -> Path:
    handle, path = tempfile.mkstemp(prefix="truceline-scene-", suffix=".tif")
    os.close(handle)
    when = f"{_DATE}{taken.isoformat()}"
    # One more, empty band carries the time: a description is all that the writer of rasters keeps.
    layers = np.concatenate([pixels, np.zeros((1, *grid.shape), np.float32)])
    write_cog(Path(path), grid, layers, (*names, when))
    return Path(path)


def _remembered(path: Path) -> tuple[Grid, tuple[str, ...], Float32, str]:
    with open_bands(path) as memory:
        *names, when = memory.names
        return memory.grid, tuple(names), memory.read(range(len(names))), when.removeprefix(_DATE)
