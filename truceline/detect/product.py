"""What a run of change detection made, as one STAC Item."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from truceline.codec.stac import DEGRADED, PROJECTION, Asset, Item, Link
from truceline.geo.raster import Grid
from truceline.model.names import name
from truceline.model.place import utc_text

COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"


def product_of(
    grid: Grid,
    span: tuple[datetime, datetime],
    assets: Mapping[str, Asset],
    sources: Sequence[Link],
    lacking: Sequence[str] = (),
) -> Item:
    """Describe results that lie beside the item.

    Parameters
    ----------
    grid
        Where the pixels of the rasters lie.
    span
        When the first and the last input was taken; the last is the item's time.
    assets
        Files by name, hrefs relative to the item.
    sources
        What it was made from, each with a title that names it.
    lacking
        Sentences: what the run had to do without.
    """
    footprint = grid.footprint()
    corners = np.array(footprint["coordinates"][0])
    west, south = corners.min(axis=0).tolist()
    east, north = corners.max(axis=0).tolist()
    place: dict[str, Any] = {"proj:code": grid.code}
    if grid.code is None:
        place["proj:wkt2"] = grid.crs
    return Item(
        id=name("change", str(grid), *(link.title for link in sources)),
        time_utc=span[1],
        geometry=footprint,
        bbox=(west, south, east, north),
        properties={
            "start_datetime": utc_text(min(span)),
            "end_datetime": utc_text(span[1]),
            **place,
            "proj:shape": list(grid.shape),
            "proj:transform": list(grid.transform),
            **({DEGRADED: list(lacking)} if lacking else {}),
        },
        assets=dict(assets),
        links=tuple(sources),
        extensions=(PROJECTION,),
    )
