"""Find what changed on the ground between two optical pictures.

BEFORE and AFTER are rasters on one grid with the same bands (at least three, any gain and offset), or
folders of single-band rasters named by band, as 20250131_red.tif. DIR gets
change.tif (score, changed, probability), alerts.geojson, alerts.stac.json and report.json. AFTER is put in
its place when it lies up to 5 pixels beside BEFORE, and refused beyond.
"""

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from truceline.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from truceline.geo.bands import Bands, Layers

LEAST_BANDS = 3
MASKED = (2, 3)  # cloud and cloud shadow, as `detect clouds` writes them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of contract satellite, section 3."""
    parser.add_argument("before", metavar="BEFORE", type=Path, help="the earlier picture")
    parser.add_argument("after", metavar="AFTER", type=Path, help="the later picture")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for the results")
    parser.add_argument(
        "--clouds", metavar="TIF", type=Path, action="append", default=[],
        help="mask of detect clouds for either date; may be given twice",
    )  # fmt: skip
    parser.add_argument(
        "--bands", metavar="A,B,…", help="bands to use, by description or number from 1 (all)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    """Compare the pair and write the results, all or nothing."""
    import json

    import numpy as np

    from truceline.app.output import whole_folder
    from truceline.app.progress import progress, say
    from truceline.detect.desk import Desk
    from truceline.detect.optical.compare import BANDS, compare, patches_of
    from truceline.detect.optical.documents import geojson_of, item_of
    from truceline.detect.optical.strips import strips
    from truceline.geo.bands import open_bands, open_picture
    from truceline.geo.cog import write_cog_from

    with ExitStack() as stack:
        one = stack.enter_context(open_picture(args.before))
        two = stack.enter_context(open_picture(args.after))
        numbers = _bands(one, two, args)
        grid, names, times = one.grid, [one.names[number] for number in numbers], (one.time_utc, two.time_utc)
        masks = [stack.enter_context(open_bands(path)) for path in args.clouds]
        for path, mask in zip(args.clouds, masks, strict=True):
            if not mask.grid.same_as(grid):
                raise BadInput(str(path), f"lies on {mask.grid}, the pictures on {grid}")
            if len(mask.names) != 1:
                raise BadInput(str(path), f"has {len(mask.names)} bands; a mask of detect clouds has one")
        desk = Desk(grid.shape, args.out.absolute().parent)
        before, after = (desk.plane("f4", len(numbers)) for _ in range(2))
        for top, bottom in progress(strips(grid.height), "strips", quiet=args.quiet):
            clouded = np.zeros((bottom - top, grid.width), bool)
            for mask in masks:
                clouded |= np.isin(mask.read([0], top, bottom)[0], MASKED)
            for picture, plane in ((one, before), (two, after)):
                plane[:, top:bottom] = np.where(clouded, np.nan, picture.read(numbers, top, bottom))
            desk.let_go(top, bottom)
    try:
        change = compare(before, after, desk)
    except BadInput as error:
        raise BadInput(str(args.after), error.what) from error
    lacking = [
        f"{names[layer] or f'band {numbers[layer] + 1}'}: this band is constant and counts nothing"
        for layer in change.constant
    ]
    for sentence in lacking:
        say("warning", sentence)
    key = f"{args.before.name} {args.after.name}"
    patches = patches_of(change, before, grid, names, times[1], key)
    with whole_folder(args.out) as folder:
        write_cog_from(folder / "change.tif", grid, change.bands, BANDS)
        (folder / "alerts.geojson").write_bytes(geojson_of(patches, grid, times[1], [args.after.name]))
        pair = ((args.before.name, times[0]), (args.after.name, times[1]))
        (folder / "alerts.stac.json").write_bytes(item_of(grid, *pair, lacking))
        (folder / "report.json").write_text(json.dumps(change.report(), indent=1, allow_nan=False) + "\n")
    return 0


def _bands(one: "Bands | Layers", two: "Bands | Layers", args: argparse.Namespace) -> "Sequence[int]":
    if not one.grid.same_as(two.grid):
        raise BadInput(str(args.after), f"lies on {two.grid}, {args.before} on {one.grid}")
    if len(one.names) != len(two.names):
        raise BadInput(str(args.after), f"has {len(two.names)} bands, {args.before} has {len(one.names)}")
    if one.names != two.names and all(one.names) and all(two.names):
        raise BadInput(
            str(args.after), f"has the bands {', '.join(two.names)}; {', '.join(one.names)} is wanted"
        )
    numbers = list(range(len(one.names))) if args.bands is None else _chosen(args.bands, one.names)
    if len(numbers) < LEAST_BANDS:
        raise BadInput(str(args.before), f"{len(numbers)} bands; at least {LEAST_BANDS} are wanted")
    return numbers


def _chosen(text: str, names: "Sequence[str]") -> list[int]:
    chosen = []
    for word in (part.strip().lower() for part in text.split(",")):
        if word in names:
            chosen.append(names.index(word))
        elif word.isdecimal() and 1 <= int(word) <= len(names):
            chosen.append(int(word) - 1)
        else:
            raise BadInput("--bands", f"{word!r} is none of {', '.join(filter(None, names)) or len(names)}")
    if len(set(chosen)) != len(chosen):
        raise BadInput("--bands", f"{text} names a band twice")
    return chosen
