"""Optical change as documents: alerts.geojson and alerts.stac.json (contract satellite, sections 1 and 3)."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from truceline.codec.stac import Asset, Link, write_item
from truceline.detect.optical.compare import BANDS, Patch
from truceline.detect.product import COG_TYPE, product_of
from truceline.geo.raster import Grid
from truceline.model.place import utc_text

# The span of a scene of unknown time: since the first satellite, until the last moment that can be written.
_EARLIEST = datetime(1957, 10, 4, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)


def geojson_of(patches: Sequence[Patch], grid: Grid, taken: datetime | None, items: Sequence[str]) -> bytes:
    """Write ``alerts.geojson``; ``items`` names the picture in which the change shows."""
    order = sorted(patch.probability for patch in patches)
    moment = None if taken is None else utc_text(taken)
    features: list[dict[str, Any]] = [
        {
            "type": "Feature",
            "geometry": patch.geometry,
            "properties": {
                "id": patch.id,
                "state": "provisional",  # a pair shows a change once
                "first_seen": moment,
                "last_seen": moment,
                "n_seen": 1,
                "direction": "unsigned",
                "mean_score": round(patch.mean_score, 3),
                "peak_score": round(patch.peak_score, 3),
                "area_m2": round(patch.area_m2, 2),
                "centroid_lat_deg": round(patch.lat_deg, 7),
                "centroid_lon_deg": round(patch.lon_deg, 7),
                "ce90_m": round(patch.ce90_m, 1),
                "confidence": round(
                    float(np.searchsorted(order, patch.probability, "right")) / len(order), 4
                ),
                "probability": round(patch.probability, 4),
                "item_ids": list(items),
                "crs": grid.crs,
                "meaning": patch.meaning.word,
                "meaning_confidence": patch.meaning.confidence,
                "meaning_why": list(patch.meaning.why),
            },
        }
        for patch in patches
    ]
    document = {"type": "FeatureCollection", "features": features}
    return json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1).encode() + b"\n"


def item_of(
    grid: Grid,
    before: tuple[str, datetime | None],
    after: tuple[str, datetime | None],
    lacking: Sequence[str] = (),
) -> bytes:
    """Write ``alerts.stac.json``.

    Parameters
    ----------
    grid
        Where the pixels lie.
    before, after
        File name of each picture and its time, if known.
    lacking
        Sentences: what the run had to do without.
    """
    start = before[1] or after[1] or _EARLIEST
    end = after[1] or _LATEST
    assets = {
        "change": Asset(href="./change.tif", type=COG_TYPE, roles=("data",), title=", ".join(BANDS)),
        "alerts": Asset(href="./alerts.geojson", type="application/geo+json", roles=("data",)),
        "report": Asset(href="./report.json", type="application/json", roles=("metadata",)),
    }
    links = [Link(rel="derived_from", href=f"./{text}", title=text) for text, _ in (before, after)]
    written = write_item(product_of(grid, (start, end), assets, links, lacking))
    if after[1] is not None:
        return written
    document = json.loads(written)
    document["properties"]["datetime"] = None
    return (
        json.dumps(document, ensure_ascii=False, allow_nan=False, sort_keys=True, indent=1).encode() + b"\n"
    )
