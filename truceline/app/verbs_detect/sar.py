"""Find lasting changes of the surface in a series of radar scenes.

ITEMS.json is a STAC ItemCollection of one area whose items carry vv and/or vh rasters
(single-band GeoTIFF, float32, linear power), or a folder of such files named by date and
polarisation, as 20250131_vv.tif. Scenes may come from several orbits: items tell theirs by
sat:relative_orbit, else sat:orbit_state, else by a burst id (T137-292319-IW1) in their
id or file name; what tells none counts as one orbit. DIR gets change.tif, alerts.geojson and
alerts.stac.json. With --state new scenes are added to a series without reading the old ones.
"""

import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from truceline.model.errors import BadInput

POLARISATIONS = ("vv", "vh")

if TYPE_CHECKING:
    from truceline.codec.stac import Item
    from truceline.detect.radar.history import History, SarSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of contract satellite, section 1."""
    parser.add_argument(
        "items", metavar="ITEMS.json", type=Path, help="STAC ItemCollection, or folder of dated GeoTIFFs"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for the results")
    parser.add_argument(
        "--state", metavar="FILE", type=Path, help="memory of the series: read, then replaced"
    )
    parser.add_argument("--baseline", metavar="N", type=int, default=8, help="valid dates before a test (8)")
    parser.add_argument("--confirm", metavar="N", type=int, default=2, help="exceedances that confirm (2)")
    parser.add_argument("--finish", metavar="N", type=int, default=3, help="quiet dates that finish (3)")
    parser.add_argument(
        "--far", metavar="F", type=float, default=0.001, help="share of unchanged pixels over 1 (0.001)"
    )
    parser.add_argument(
        "--min-area-m2", metavar="A", type=float, default=8100.0, help="smallest alert object (8100)"
    )
    parser.add_argument(
        "--scores", action="store_true", help="also write scores/<item id>.tif per tested item"
    )
    parser.add_argument("--threads", metavar="N", type=int, help="threads (all cores)")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    """Run the chain and write the results, all or nothing."""
    import msgspec

    from truceline.app.output import whole_file, whole_folder
    from truceline.app.scenes import read_scenes
    from truceline.codec.stac import write_item
    from truceline.detect.radar.alerts import geojson_of, item_of
    from truceline.detect.radar.bands import BANDS, bands_of
    from truceline.detect.radar.record import record_of
    from truceline.geo.cog import write_cog_from

    settings = _settings(args)
    items = read_scenes(args.items, POLARISATIONS)
    history = _stored(args.state, settings, args.out.absolute().parent)
    new = _new_items(items, history, args)
    with ExitStack() as stack:  # left in reverse: the outputs are in place before the state is replaced
        beside = stack.enter_context(whole_file(args.state)) if args.state else None
        folder = stack.enter_context(whole_folder(args.out))
        history = _follow(new, history, settings, args, folder)
        with ThreadPoolExecutor(2) as pool:  # the disk takes the state while picture and documents are made
            kept = pool.submit(_save, history, beside) if beside is not None else None
            path, bands = folder / "change.tif", partial(bands_of, history)
            picture = pool.submit(write_cog_from, path, history.grid, bands, BANDS)
            (folder / "alerts.geojson").write_bytes(geojson_of(history))
            item = item_of(history)
            item = msgspec.structs.replace(item, properties=item.properties | record_of(history))
            (folder / "alerts.stac.json").write_bytes(write_item(item))
            picture.result()
            if kept is not None:
                kept.result()
    return 0


def _save(history: "History", path: Path) -> None:
    from truceline.app.output import to_disk
    from truceline.detect.radar.history_file import save_history

    save_history(history, path)
    to_disk(path)


def _settings(args: argparse.Namespace) -> "SarSettings":
    import msgspec

    from truceline.detect.radar.history import SarSettings

    if args.threads is not None and args.threads < 1:
        raise BadInput("--threads", f"{args.threads} is not 1 or more")
    given = {word: getattr(args, word) for word in SarSettings.__struct_fields__}
    try:
        return msgspec.convert(given, SarSettings)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$.")
        raise BadInput("--" + path.rstrip("`").replace("_", "-"), what) from error


def _stored(path: Path | None, settings: "SarSettings", folder: Path) -> "History | None":
    from truceline.detect.radar.history_file import load_history

    if path is None or not path.exists():
        return None
    history = load_history(path, folder)
    if history.settings != settings:
        raise BadInput(str(path), f"was made with other options: {history.settings}")
    return history


def _new_items(
    items: "tuple[Item, ...]", history: "History | None", args: argparse.Namespace
) -> "tuple[Item, ...]":
    if history is None:
        return items
    known = {stamp.id for stamp in history.stamps}
    last = history.stamps[-1].time_utc
    for item in items:
        if item.id in known and item.time_utc > last:
            raise BadInput(f"{args.items}: {item.id}", f"is known to {args.state} with an earlier datetime")
        if item.id not in known and item.time_utc <= last:
            raise BadInput(f"{args.items}: {item.id}", f"is not later than the last item of {args.state}")
    return tuple(item for item in items if item.id not in known)


def _follow(
    items: "tuple[Item, ...]",
    history: "History | None",
    settings: "SarSettings",
    args: argparse.Namespace,
    folder: Path,
) -> "History":
    from truceline.app.progress import progress, say
    from truceline.app.scenes import check_code, home_of
    from truceline.detect.radar.backscatter import grid_at, read_levels
    from truceline.detect.radar.bands import score_band
    from truceline.detect.radar.history import History, Stamp
    from truceline.detect.radar.orbits import LEAST_DATES
    from truceline.detect.radar.series import observe
    from truceline.geo.cog import write_cog_from
    from truceline.geo.raster import resolve_href

    words = history.polarisations if history else _polarisations(items, args.items)
    for item in items:
        _check_item(item, words, args)
    if args.scores:
        (folder / "scores").mkdir()
    for item in progress(items, "scenes", len(items), args.quiet):
        paths = [resolve_href(item.assets[word].href, home_of(args.items)) for word in words]
        if history is None:
            history = History.new(settings, grid_at(paths[0]), words, args.out.absolute().parent)
        grid = history.grid
        check_code(item, grid, args.items)
        levels = read_levels(paths, grid, item.id, history.desk)
        is_tested = history.is_testing
        href = item.self_href if item.self_href != f"#{item.id}" else f"{args.items.name}#{item.id}"
        stamp = Stamp(item.id, item.time_utc, href, _orbit(item))
        observe(history, stamp, levels, args.threads or os.cpu_count() or 1)
        before = [own.orbit for own in history.stamps[:-1]].count(stamp.orbit)
        if is_tested and before < LEAST_DATES:
            say(
                "warning",
                f"{item.id}: look {before + 1} from orbit {stamp.orbit or 'unknown'}; not tested yet",
            )
        if not history.stamps[-1].has_data:
            say("warning", f"{item.id}: no data anywhere; nothing was observed")
        if args.scores and is_tested:
            write_cog_from(
                folder / "scores" / f"{item.id}.tif", grid, partial(score_band, history), ("score",)
            )
    if history is None:
        raise BadInput(str(args.items), "holds no item")
    if len(history.stamps) <= settings.baseline:
        say("warning", f"nothing is tested before {settings.baseline + 1} items; {len(history.stamps)} came")
    return history


def _orbit(item: "Item") -> str:
    from truceline.detect.radar.orbits import orbit_of

    told = item.properties
    return orbit_of(told.get("sat:relative_orbit"), told.get("sat:orbit_state"), item.id)


def _polarisations(items: "tuple[Item, ...]", where: Path) -> tuple[str, ...]:
    from truceline.app.progress import say

    common = tuple(word for word in POLARISATIONS if all(word in item.assets for item in items))
    if not common:
        raise BadInput(str(where), "the items have no polarisation (vv, vh) in common")
    for word in POLARISATIONS:
        having = [item.id for item in items if word in item.assets]
        if word not in common and having:
            lacking = next(item.id for item in items if word not in item.assets)
            say("warning", f"{lacking}: has no {word}; only {common[0]} is used")
    return common


def _check_item(item: "Item", words: tuple[str, ...], args: argparse.Namespace) -> None:
    for word in words:
        if word not in item.assets:
            raise BadInput(
                f"{args.items}: {item.id}", f"has no asset {word}, which the state {args.state} needs"
            )
    if args.scores and ("/" in item.id or "\0" in item.id or item.id.startswith(".") or len(item.id) > 200):
        raise BadInput(f"{args.items}: {item.id}", "cannot be the name of a score file")
