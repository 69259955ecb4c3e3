"""Clouds and their shadows in a multispectral scene, by the published weights that ukis-csmask carries.

The network is a U-Net (Fruth et al. 2023, DLR) over tiles of 256 pixels at about 30 m. Its weights are used
as they are; tiles are read, seen and blended strip by strip, so that memory grows with the width of a scene
alone, and each tile is one single-threaded run, so that the bytes do not depend on the number of threads.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from truceline.geo.raster import Float32
from truceline.model.errors import BadInput

BANDS = ("blue", "green", "red", "nir08", "swir16", "swir22")
LEAST_BANDS = 4
NO_DATA, CLEAR, CLOUD, SHADOW = 0, 1, 2, 3
_TILE_PX = 256
_OVERLAP_PX = 64
# The network was trained with rare classes weighing up to ten times as much as clear ground (its model
# card: 0.46, 1.64, 4.60), so it cries cloud too often; what it says of clear ground is weighed up again.
_CLEAR_WEIGHT = 10.0

Mask = npt.NDArray[np.uint8]


def bands_wanted(names: Sequence[str]) -> list[int]:
    """Choose the bands for the network: by description, without descriptions in the order of ``BANDS``.

    Returns
    -------
    list
        Positions of all six, or of the first four.

    Raises
    ------
    BadInput
        If fewer than the first four are there; ``where`` is empty.
    """
    if not any(names):
        names = BANDS[: len(names)]
    names = ["nir08" if name == "nir" else name for name in names]
    for wanted in (BANDS, BANDS[:LEAST_BANDS]):
        if all(word in names for word in wanted):
            return [names.index(word) for word in wanted]
    missing = [word for word in BANDS[:LEAST_BANDS] if word not in names]
    raise BadInput(
        "", f"has no band {', '.join(missing)}; {', '.join(BANDS[:LEAST_BANDS])} are wanted at least"
    )


def mask_clouds(
    read: Callable[[int, int], Float32], shape: tuple[int, int], bands: int, threads: int | None = None
) -> Iterator[Mask]:
    """Mask a scene strip by strip, from its upper edge on.

    Parameters
    ----------
    read
        Gives reflectance 0 … 1 of the rows from the first until the second, array (bands, rows, width),
        NaN = no data.
    shape
        Height and width of the scene.
    bands
        Six, or four.
    threads
        Tiles seen at the same time (all cores).

    Yields
    ------
    array
        uint8 (rows, width): ``NO_DATA``, ``CLEAR``, ``CLOUD``, ``SHADOW``.
    """
    see = _network(bands)
    height, width = shape
    weight = _blend()
    kept = np.zeros((3, 0, width), np.float32)
    starts = _starts(height)
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for start, after in zip(starts, [*starts[1:], height], strict=True):
            strip = read(start, min(start + _TILE_PX, height))
            seen = _see_strip(see, strip, weight, pool)
            seen[:, : kept.shape[1]] += kept
            finished = seen[:, : after - start]
            kept = seen[:, after - start :]
            yield _classes(finished, np.isnan(strip[0, : after - start]))


def _see_strip(
    see: Callable[[Float32], Float32], strip: Float32, weight: Float32, pool: ThreadPoolExecutor
) -> Float32:
    rows, width = strip.shape[1:]
    known = np.nan_to_num(strip, nan=0.0)
    short, narrow = max(_TILE_PX - rows, 0), max(_TILE_PX - width, 0)
    padded = np.pad(known, ((0, 0), (0, short), (0, narrow)), mode="symmetric" if rows > 1 else "edge")
    lefts = _starts(width)
    total = np.zeros((3, *padded.shape[1:]), np.float32)
    tiles = (np.ascontiguousarray(padded[:, :, left : left + _TILE_PX]) for left in lefts)
    for left, seen in zip(lefts, pool.map(see, tiles), strict=True):
        total[:, :, left : left + _TILE_PX] += seen * weight
    return total[:, :rows, :width]


def _classes(weighed: Float32, lost: npt.NDArray[np.bool_]) -> Mask:
    weighed[0] *= _CLEAR_WEIGHT
    classes: Mask = (weighed.argmax(axis=0) + CLEAR).astype(np.uint8)
    classes[lost] = NO_DATA
    return classes


def _starts(length: int) -> list[int]:
    """Place tiles along a side: evenly, the last one ending where the side ends."""
    if length <= _TILE_PX:
        return [0]
    count = -(-(length - _OVERLAP_PX) // (_TILE_PX - _OVERLAP_PX))
    return [int(start) for start in np.linspace(0, length - _TILE_PX, count)]


def _blend() -> Float32:
    """Weigh a tile's middle more than its edge, where the network has seen half of the surroundings."""
    place = np.arange(_TILE_PX)
    side = np.minimum(np.minimum(place + 1, _TILE_PX - place), _OVERLAP_PX) / _OVERLAP_PX
    return np.outer(side, side).astype(np.float32)


def _network(bands: int) -> Callable[[Float32], Float32]:
    """Load the weights; gives the function tile (bands, 256, 256) → probabilities (3, 256, 256)."""
    import onnxruntime

    folder = files("ukis_csmask")
    card = json.loads(folder.joinpath(f"model_{bands}b_l1c.json").read_text())
    mean, spread = np.array(card["data"]["dataset_statistics"]["img"], np.float32)[:, :, None, None]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session: Any = onnxruntime.InferenceSession(
        folder.joinpath(f"model_{bands}b_l1c.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name

    def see(tile: Float32) -> Float32:
        scores: Float32 = session.run(None, {name: ((tile - mean) / spread)[None]})[0][0]
        odds = np.exp(scores - scores.max(axis=0))
        return np.asarray(odds / odds.sum(axis=0))

    return see
