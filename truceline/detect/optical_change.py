"""Optical change in the running system: each scene against the one before (contract satellite, section 3)."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from truceline.detect.chip import Caption, before_and_after
from truceline.detect.desk import Desk
from truceline.detect.hidden import hidden_ground
from truceline.detect.optical.cloud_mask import BANDS, CLOUD, SHADOW, bands_wanted, mask_clouds
from truceline.detect.optical.compare import Patch, compare, patches_of
from truceline.detect.optical.strips import strips
from truceline.geo.bands import Layers, open_bands
from truceline.geo.cog import write_cog_from
from truceline.geo.raster import Float32, Grid
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
Float64 = npt.NDArray[np.float64]
CUT_PX = 40  # around the box; more than a chip shows
_LEAST_SPAN = 0.05  # of a chip, in shares of the scene's own spread


class Scene(NamedTuple):
    """A picture on its desk; ``pixels`` is (bands, height, width), NaN where nothing is known."""

    grid: Grid
    names: tuple[str, ...]
    pixels: Float32
    desk: Desk


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
            scene = self._scene({_ALIAS.get(blob.name, blob.name): media.open(blob) for blob in blobs})
        except BadInput as error:
            return _nothing(error, observation.footprint)
        lost = ((top, np.isnan(scene.pixels[0, top:bottom])) for top, bottom in strips(scene.grid.height))
        hidden = hidden_ground(lost, scene.grid)
        taken = observation.phenomenon.from_utc
        if media.memory is None:
            memory = _stored(scene, taken, media)
            return Found(rows=DETECTION.empty_table(), memory=memory, hidden=hidden)
        try:
            before, when = _remembered(media.memory, scene.desk)
            rows = self._rows(before, when, scene, observation, media)
        except BadInput as error:
            return _nothing(error, hidden)
        # Where this scene is covered the older ground is kept: the next one has something to compare with.
        for top, bottom in strips(scene.grid.height):
            new, old = scene.pixels[:, top:bottom], before.pixels[:, top:bottom]
            np.copyto(new, old, where=np.isnan(new[0]) & np.isfinite(old[0]))
        return Found(rows=rows, memory=_stored(scene, taken, media), hidden=hidden)

    def _scene(self, files: Mapping[str, Path]) -> Scene:
        with ExitStack() as stack:
            grid, names, read = _reader(files, stack)
            if len(names) < LEAST_BANDS:
                raise BadInput("", f"has {len(names)} optical bands; at least {LEAST_BANDS} are wanted")
            desk = Desk(grid.shape)
            scene = Scene(grid, names, desk.plane("f4", len(names)), desk)
            for top, bottom in strips(grid.height):
                scene.pixels[:, top:bottom] = read(top, bottom)
                desk.let_go(top, bottom)
        if self.clouds:
            self._leave_clouds_out(scene)
        return scene

    def _leave_clouds_out(self, scene: Scene) -> None:
        numbers = bands_wanted(scene.names)

        def reflectance(first: int, until: int) -> Float32:
            return np.asarray(scene.pixels[numbers, first:until] * np.float32(self.scale))

        masks = mask_clouds(reflectance, scene.grid.shape, len(numbers), 1)
        clouded = np.concatenate([np.isin(mask, (CLOUD, SHADOW)) for mask in masks])
        for top, bottom in strips(scene.grid.height):
            scene.pixels[:, top:bottom][:, clouded[top:bottom]] = np.nan
            scene.desk.let_go(top, bottom)

    def _rows(
        self, before: Scene, when: str, scene: Scene, observation: Observation, media: Media
    ) -> pa.Table:
        if not scene.grid.same_as(before.grid):
            raise BadInput("", f"lies on {scene.grid}, the scene before on {before.grid}")
        if scene.names != before.names:
            raise BadInput(
                "", f"has the bands {', '.join(scene.names)}, the scene before {', '.join(before.names)}"
            )
        change = compare(before.pixels, scene.pixels, scene.desk)
        taken = observation.phenomenon.from_utc
        key = f"{when} {observation.key}"
        found = [
            patch
            for patch in patches_of(change, before.pixels, scene.grid, scene.names, taken, key)
            if patch.area_m2 >= self.min_area_m2 and patch.probability >= self.least_probability
        ]
        pair = [(bands, *_spread(bands, scene.desk)) for bands in (before.pixels, change.aligned)]
        caption = Caption(when[:10], f"{taken:%Y-%m-%d}", pixel_m=scene.grid.pixel_size_m()[0])
        rows = [_row(patch, pair, caption, observation, media) for patch in found]
        return pa.Table.from_pylist(rows, schema=DETECTION)


def _nothing(error: BadInput, hidden: dict[str, Any] | None) -> Found:
    reason = str(error).strip(": ")[:200]
    return Found(rows=DETECTION.empty_table(), status="degraded", reason=reason, hidden=hidden)


Reader = Callable[[int, int], Float32]


def _reader(files: Mapping[str, Path], stack: ExitStack) -> tuple[Grid, tuple[str, ...], Reader]:
    """Open one file of all bands, or single-band files; a pixel without data in one band has none."""
    if IMAGE in files:
        image = stack.enter_context(open_bands(files[IMAGE]))
        return image.grid, image.names, partial(image.read, range(len(image.names)))
    names = tuple(word for word in BANDS if word in files)
    if not names:
        raise BadInput("", f"has no optical band; {', '.join(BANDS)} or {IMAGE} are wanted")
    layers = Layers({word: stack.enter_context(open_bands(files[word])) for word in names})
    return layers.grid, names, partial(layers.read, range(len(names)))


Look = tuple[Float32, Float64, Float64]  # a picture, with middle and spread of each band


def _row(
    patch: Patch, pair: Sequence[Look], caption: Caption, observation: Observation, media: Media
) -> dict[str, Any]:
    top, left, bottom, right = patch.box
    first, start = max(top - CUT_PX, 0), max(left - CUT_PX, 0)
    cut = np.s_[first : bottom + CUT_PX, start : right + CUT_PX]
    greys = [_grey(bands[:, *cut], middle, spread) for bands, middle, spread in pair]
    inside = (top - first, left - start, bottom - first, right - start)
    chip = before_and_after(greys[0], greys[1], inside, caption, _LEAST_SPAN)
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
        "note": f"colour changed over {patch.area_m2 / 10_000:.1f} ha between {caption.before} and "
        f"{caption.after}; {patch.meaning.sentence}",
    }


def _spread(bands: Float32, desk: Desk) -> tuple[Float64, Float64]:
    """Give middle and spread of each band, arrays (bands, 1, 1)."""
    total, square, count = np.zeros((3, len(bands)))
    for top, bottom in strips(bands.shape[1]):
        pixels = bands[:, top:bottom].astype(np.float64)
        total += np.nansum(pixels, axis=(1, 2))
        square += np.nansum(pixels**2, axis=(1, 2))
        count += np.isfinite(pixels).sum(axis=(1, 2))
        desk.let_go(top, bottom)
    middle = total / np.maximum(count, 1)
    spread = np.sqrt(np.maximum(square / np.maximum(count, 1) - middle**2, 0))
    return middle[:, None, None], np.maximum(spread, 1e-9)[:, None, None]


def _grey(bands: Float32, middle: Float64, spread: Float64) -> Float32:
    """Mix the bands evenly, each in shares of its own spread, so that no bright one hides the rest."""
    return np.asarray(((bands - middle) / spread).mean(axis=0), np.float32)


def _stored(scene: Scene, taken: datetime, media: Media) -> Blob:
    def bands(rows: slice, columns: slice) -> Float32:
        pixels = scene.pixels[:, rows, columns]
        # One more, empty band carries the time: a description is all that the writer of rasters keeps.
        return np.concatenate([pixels, np.zeros((1, *pixels.shape[1:]), np.float32)])

    with tempfile.TemporaryDirectory(prefix="truceline-") as folder:
        path = Path(folder, "scene.tif")
        write_cog_from(path, scene.grid, bands, (*scene.names, f"{_DATE}{taken.isoformat()}"))
        return media.put(path, "application/octet-stream", "memory")


def _remembered(path: Path, desk: Desk) -> tuple[Scene, str]:
    with open_bands(path) as memory:
        *names, when = memory.names
        if memory.grid.shape != desk.shape:
            raise BadInput("", f"is {desk.shape[1]} x {desk.shape[0]}, the scene before {memory.grid}")
        scene = Scene(memory.grid, tuple(names), desk.plane("f4", len(names)), desk)
        for top, bottom in strips(memory.grid.height):
            scene.pixels[:, top:bottom] = memory.read(range(len(names)), top, bottom)
            desk.let_go(top, bottom)
    return scene, when.removeprefix(_DATE)
