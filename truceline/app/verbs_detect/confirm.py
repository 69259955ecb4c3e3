"""Follow alerts through scores that somebody else made.

ITEMS.json is a STAC ItemCollection whose items carry an asset `score` (single-band GeoTIFF, float32, not
below 0, NaN = not observed), or a folder of such files, as 20240131_score.tif. DIR gets state.tif,
first_seen.tif, alerts.geojson and alerts.stac.json.
"""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from truceline.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from truceline.codec.stac import Item
    from truceline.geo.raster import Grid


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of contract satellite, section 2."""
    parser.add_argument("items", metavar="ITEMS.json", type=Path, help="STAC ItemCollection of one area")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for the results")
    parser.add_argument("--low", metavar="X", type=float, default=2.5, help="score that exceeds (2.5)")
    parser.add_argument(
        "--high", metavar="Y", type=float, default=6.5,
        help="mean score that confirms with the third exceedance; more need less (6.5)",
    )  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    """Take in the scores date by date and write the results, all or nothing."""
    import numpy as np

    from truceline.app.output import whole_folder
    from truceline.app.progress import progress, say
    from truceline.app.scenes import check_code, home_of, read_scenes
    from truceline.detect.radar.confirmation import Watch, first_seen_days, geojson_of, take
    from truceline.geo.raster import read_single, resolve_href, write_cog

    for word in ("low", "high"):
        if not (math.isfinite(getattr(args, word)) and getattr(args, word) > 0):
            raise BadInput(f"--{word}", f"{getattr(args, word)} is not above 0")
    items = read_scenes(args.items, ("score",))
    watch = grid = None
    lacking: list[str] = []
    for number, item in enumerate(progress(items, "scores", len(items), args.quiet)):
        if "score" not in item.assets:
            raise BadInput(f"{args.items}: {item.id}", "has no asset score")
        path = resolve_href(item.assets["score"].href, home_of(args.items))
        own, score = read_single(path)
        if grid is None or watch is None:
            grid, watch = own, Watch.new(own.shape)
        if not grid.same_as(own):
            raise BadInput(f"{path}: {item.id}", f"lies on the grid {own}; the others on {grid}")
        check_code(item, grid, args.items)
        if (score < 0).any():
            raise BadInput(f"{path}: {item.id}", "has scores below 0; distances of 0 or more are wanted")
        if not np.isfinite(score).any():
            lacking.append(f"{item.id}: no data anywhere; nothing was observed")
            say("warning", lacking[-1])
        take(watch, score, number, args.low, args.high)
    if grid is None or watch is None:
        raise BadInput(str(args.items), "holds no item")
    if len(items) == 1:
        lacking.append(f"{items[0].id}: the only date; alerts are confirmed by several")
        say("warning", lacking[-1])
    times = [item.time_utc for item in items]
    with whole_folder(args.out) as folder:
        write_cog(folder / "state.tif", grid, watch.state[None], ("state",))
        write_cog(folder / "first_seen.tif", grid, first_seen_days(watch, times)[None], ("first_seen",))
        document = geojson_of(watch, grid, times, [item.id for item in items])
        (folder / "alerts.geojson").write_bytes(document)
        (folder / "alerts.stac.json").write_bytes(_described(grid, items, lacking))
    return 0


def _described(grid: "Grid", items: "Sequence[Item]", lacking: "Sequence[str]") -> bytes:
    from truceline.codec.stac import Asset, Link, write_item
    from truceline.detect.product import COG_TYPE, product_of

    assets = {
        "state": Asset(href="./state.tif", type=COG_TYPE, roles=("data",), title="state"),
        "first_seen": Asset(href="./first_seen.tif", type=COG_TYPE, roles=("data",), title="first_seen"),
        "alerts": Asset(href="./alerts.geojson", type="application/geo+json", roles=("data",)),
    }
    links = [Link(rel="derived_from", href=item.self_href, title=item.id) for item in items]
    return write_item(product_of(grid, (items[0].time_utc, items[-1].time_utc), assets, links, lacking))
