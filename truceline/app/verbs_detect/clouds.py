"""Mask clouds and their shadows in an optical scene.

SCENE has the bands blue, green, red, nir08 and, better, swir16, swir22 (by description, else in that order),
pixels of about 30 m. MASK gets 0 no data, 1 clear, 2 cloud, 3 cloud shadow.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from truceline.model.errors import BadInput

if TYPE_CHECKING:
    from truceline.geo.raster import Float32

BRIGHTEST, DARKEST = 2.0, 0.002  # medians of reflectance beyond which the scale is likely wrong


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of contract satellite, section 4."""
    parser.add_argument("scene", metavar="SCENE", type=Path, help="multispectral raster")
    parser.add_argument("--out", metavar="MASK", type=Path, required=True, help="mask to write")
    parser.add_argument(
        "--scale", metavar="F", type=float, default=0.0001, help="reflectance per unit of the file (0.0001)"
    )
    parser.add_argument("--threads", metavar="N", type=int, help="tiles at the same time (all cores)")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    """Mask the scene strip by strip."""
    import math

    import numpy as np

    from truceline.app.output import whole_file
    from truceline.app.progress import progress, say
    from truceline.detect.optical.cloud_mask import bands_wanted, mask_clouds
    from truceline.geo.bands import open_bands
    from truceline.geo.raster import write_cog

    if not (math.isfinite(args.scale) and args.scale > 0):
        raise BadInput("--scale", f"{args.scale} is not above 0")
    if args.threads is not None and args.threads < 1:
        raise BadInput("--threads", f"{args.threads} is not 1 or more")
    with open_bands(args.scene) as scene:
        try:
            numbers = bands_wanted(scene.names)
        except BadInput as error:
            raise BadInput(str(args.scene), error.what) from error

        def read(first_row: int, until_row: int) -> "Float32":
            return scene.read(numbers, first_row, until_row) * np.float32(args.scale)

        mask = np.zeros((1, *scene.grid.shape), np.uint8)
        row = 0
        strips = mask_clouds(read, scene.grid.shape, len(numbers), args.threads)
        for strip in progress(strips, "strips", quiet=args.quiet):
            mask[0, row : row + len(strip)] = strip
            row += len(strip)
        middle = read(0, min(scene.grid.height, 256))
        typical = float(np.nanmedian(middle)) if np.isfinite(middle).any() else math.nan
        if not DARKEST <= typical <= BRIGHTEST and not math.isnan(typical):
            say("warning", f"{args.scene}: half of it reflects more than {typical:.2g}; is --scale right?")
        if not mask.any():
            say("warning", f"{args.scene}: has no data anywhere")
        with whole_file(args.out) as path:
            write_cog(path, scene.grid, mask, ("cloud mask",))
    return 0
