"""The one door to rasters: a hardened GDAL that knows GeoTIFF and nothing else, grids and COGs.

The environment is set here at import: GDAL reads it when it registers its drivers, at the first file
that is opened (THREATS section 7, rule 9). Nothing else in Truceline opens a raster without this module.
"""

import logging
import math
import os
import re
import stat
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from pyproj import Geod

from truceline.model.errors import BadInput

KEPT_DRIVERS = frozenset({"GTiff", "COG", "MEM", "Memory"})  # Memory: outlines are made in it
# Every driver of GDAL 3.4 to 3.12 but the kept ones; a test compares it with the build at hand.
_SKIPPED = (
    "AAIGrid,ACE2,ADRG,AIG,AIVector,AVCBin,AVCE00,AirSAR,AmigoCloud,Arrow,BAG,BIGGIF,BLX,BMP,BSB,BT,BYN,"
    "CAD,CALS,CEOS,COASP,COSAR,CPG,CSV,CSW,CTG,CTable2,Carto,DAAS,DERIVED,DGN,DIMAP,DIPEx,DOQ1,DOQ2,DTED,"
    "DXF,ECRGTOC,EDIGEO,EEDA,EEDAI,EHdr,EIR,ELAS,ENVI,ERS,ESAT,ESRI Shapefile,ESRIC,ESRIJSON,EXR,Elastic,"
    "FAST,FITS,FIT,FlatGeobuf,GDALG,GFF,GIF,GML,GMLAS,GNMDatabase,GNMFile,GPKG,GPSBabel,GPX,"
    "GRASSASCIIGrid,GRIB,GS7BG,GSAG,GSBG,GSC,GTFS,GTI,GTX,GXF,GenBin,GeoJSON,GeoJSONSeq,GeoRSS,"
    "Geoconcept,HANA,HDF4,HDF4Image,HDF5,HDF5Image,HEIF,HF2,HFA,HTTP,IDA,IGNFHeightASCIIGrid,ILWIS,INGR,"
    "IRIS,ISCE,ISG,ISIS2,ISIS3,Idrisi,Interlis 1,Interlis 2,JAXAPALSAR,JDEM,JML,JP2OpenJPEG,JPEG,JPEGXL,"
    "JSONFG,KML,KMLSUPEROVERLAY,KRO,KTX2,L1B,LAN,LCP,LIBERTIFF,LIBKML,LOSLAS,LVBAG,Leveller,MAP,MBTiles,"
    "MFF,MFF2,MRF,MSGN,MSSQLSpatial,MVT,MapInfo File,MapML,MiraMonRaster,MiraMonVector,MySQL,"
    "NAS,NDF,NGSGEOID,NGW,NITF,NOAA_B,NSIDCbin,NTv2,NWT_GRC,NWT_GRD,NULL,OAPIF,ODBC,ODS,OGCAPI,OGR_GMT,"
    "OGR_OGDI,OGR_PDS,OGR_VRT,OSM,OZI,OpenFileGDB,PAux,PCIDSK,PCRaster,PDF,PDS,PDS4,PGDUMP,PGeo,PLMOSAIC,"
    "PLSCENES,PMTiles,PNG,PNM,PRF,Parquet,PostGISRaster,PostgreSQL,R,RCM,RDA,RIK,RMF,ROI_PAC,RPFTOC,"
    "RRASTER,RS2,RST,Rasterlite,S102,S104,S111,S57,SAFE,SAGA,SAR_CEOS,SDTS,SENTINEL2,SGI,SIGDEM,SNAP_TIFF,"
    "SNODAS,SOSI,SQLite,SRP,SRTMHGT,STACIT,STACTA,SVG,SXF,Selafin,TGA,TIGER,TIL,TSX,Terragen,TileDB,"
    "TopoJSON,UK .NTF,USGSDEM,VDV,VFK,VICAR,VRT,WAsP,WCS,WEBP,WFS,WMS,WMTS,XLS,XLSX,XODR,XPM,XYZ,ZMap,"
    "Zarr,netCDF"
)
os.environ.update(
    GDAL_SKIP=_SKIPPED,
    OGR_SKIP=_SKIPPED,
    GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR",
    GDAL_PAM_ENABLED="NO",
    GDAL_VRT_ENABLE_PYTHON="NO",
    GDAL_DRIVER_PATH="disable",
    CPL_VSIL_CURL_ALLOWED_EXTENSIONS=".none",
    GDAL_HTTP_MAX_RETRY="0",
    GDAL_MAX_DATASET_POOL_SIZE="16",
    GDAL_CACHEMAX="256",
    GTIFF_DIRECT_IO="YES",  # a raster is read once: no copy of it is kept for a second time
    OGR_GEOJSON_MAX_OBJ_SIZE="64",
    PROJ_NETWORK="OFF",
)

import rasterio  # noqa: E402  (after the environment)
from rasterio.errors import NotGeoreferencedWarning, RasterioError  # noqa: E402
from rasterio.windows import Window  # noqa: E402

# GDAL says at each start which drivers of the list this build never had: nobody needs to know.
logging.getLogger("rasterio._env").setLevel(logging.ERROR)

MAX_SIDE_PX = 65_536  # THREATS section 7, rule 10
MAX_DECLARED_PER_BYTE = 1_000  # declared bytes per byte of file, same rule
_DEGREES = 7  # decimals of written coordinates: about a centimetre
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_GEOD = Geod(ellps="WGS84")

Float32 = NDArray[np.float32]


class Grid(msgspec.Struct, frozen=True):
    """Where the pixels of a raster lie.

    ``transform`` is (a, b, c, d, e, f) with x = a·column + b·row + c and y = d·column + e·row + f.
    """

    crs: str  # "EPSG:32611", else WKT
    transform: tuple[float, float, float, float, float, float]
    width: int
    height: int

    @property
    def shape(self) -> tuple[int, int]:
        return (self.height, self.width)

    @property
    def code(self) -> str | None:
        """The authority code, or None for a CRS without one."""
        return self.crs if re.fullmatch(r"[A-Z]+:\w+", self.crs) else None

    def __str__(self) -> str:
        numbers = " ".join(f"{value:.10g}" for value in self.transform)
        return f"{self.code or 'a CRS without a code'} [{numbers}] {self.width} x {self.height}"

    def same_as(self, other: "Grid") -> bool:
        """Tell whether two grids have the same CRS, shape and, to a thousandth of a pixel, places."""
        step = 1e-3 * max(abs(self.transform[0]), abs(self.transform[1]))
        near = all(
            abs(one - two) <= step for one, two in zip(self.transform, other.transform, strict=True)
        ) and all(abs(self.transform[i] - other.transform[i]) * max(self.shape) <= step for i in (0, 1, 3, 4))
        return near and self.shape == other.shape and self.crs == other.crs

    def window(self, top: int, left: int, bottom: int, right: int) -> "Grid":
        """Cut out some rows and columns; the last of both are excluded."""
        a, b, c, d, e, f = self.transform
        corner = (a, b, c + a * left + b * top, d, e, f + d * left + e * top)
        return Grid(self.crs, corner, right - left, bottom - top)

    def at(self, rows: Any, columns: Any) -> tuple[Any, Any]:
        """Give WGS 84 latitude and longitude in degrees of (fractional) rows and columns; 0 = upper edge."""
        a, b, c, d, e, f = self.transform
        columns, rows = np.asarray(columns, float), np.asarray(rows, float)
        lon, lat = to_wgs84(self.crs).transform(a * columns + b * rows + c, d * columns + e * rows + f)
        return lat, lon

    def pixel_size_m(self) -> tuple[float, float]:
        """Measure the sides of the middle pixel in metres on the ellipsoid: (across columns, along rows)."""
        row, column = self.height / 2, self.width / 2
        lat, lon = self.at([row, row, row + 1], [column, column + 1, column])
        *_, across = _GEOD.inv(lon[0], lat[0], lon[1], lat[1])
        *_, along = _GEOD.inv(lon[0], lat[0], lon[2], lat[2])
        return float(across), float(along)

    def pixel_area_m2(self) -> float:
        """Give the area of a pixel: in the CRS's own metres, else of the middle pixel on the ellipsoid."""
        crs = pyproj.CRS.from_user_input(self.crs)
        a, b, _, d, e, _ = self.transform
        if crs.is_projected:
            return abs(a * e - b * d) * float(crs.axis_info[0].unit_conversion_factor) ** 2
        across, along = self.pixel_size_m()
        return across * along

    def footprint(self) -> dict[str, Any]:
        """Write the outer edge as a GeoJSON Polygon in WGS 84."""
        ring = [(0, 0), (self.height, 0), (self.height, self.width), (0, self.width)]
        lat, lon = self.at([row for row, _ in ring], [column for _, column in ring])
        polygon = shapely.Polygon(zip(lon, lat, strict=True))
        return geojson_of(polygon)


def resolve_href(href: str, base: Path, inside: Path | None = None) -> Path:
    """Find the file that a STAC ``href`` names.

    Parameters
    ----------
    href
        Relative to ``base``, an absolute path, or ``file://``.
    base
        Folder of the document that holds the href.
    inside
        If given, the file must truly lie in this folder, links resolved.

    Raises
    ------
    BadInput
        If the href is a ``/vsi…`` name or of another scheme, names no regular file, or leads out.
    """
    text = href
    if text.lower().startswith("file:"):
        parts = urlsplit(text)
        if parts.netloc not in ("", "localhost"):
            raise BadInput(_short(href), "names another host; a file of this machine is wanted")
        text = unquote(parts.path)
    if re.match(r"[A-Za-z][\w+.-]*:", text) or re.match(r"/+vsi", text, re.IGNORECASE):
        raise BadInput(_short(href), "is no file name; a path or file:// is wanted")
    if "\0" in text:
        raise BadInput(_short(href), "holds a NUL character")
    try:
        path = (base / text).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise BadInput(str(base / _short(text)), "no such file") from error
    if inside is not None and not path.is_relative_to(inside.resolve()):
        raise BadInput(_short(href), "leads out of the folder of its source")
    return regular_file(path)


def regular_file(path: Path) -> Path:
    """Answer ``path`` if it is a regular file.

    Raises
    ------
    BadInput
        If it is missing, a folder, a pipe or a device.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise BadInput(str(path), "no such file") from error
    if not stat.S_ISREG(mode):
        raise BadInput(str(path), "is no regular file")
    return path


@contextmanager
def open_raster(path: Path) -> Iterator[Any]:
    """Open a GeoTIFF for reading, its size checked before the first pixel is read.

    Raises
    ------
    BadInput
        If it is no readable GeoTIFF, or declares more than its bytes can honestly hold.
    """
    real = regular_file(path).resolve()
    with real.open("rb") as stream:
        if stream.read(4) not in TIFF_MAGIC:
            raise BadInput(str(path), "is no GeoTIFF")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            source = rasterio.open(real, driver="GTiff")
    except RasterioError as error:
        raise BadInput(str(path), "cannot be read as a GeoTIFF (truncated or damaged)") from error
    with source:
        pixel_bytes = sum(np.dtype(_plain(kind)).itemsize for kind in source.dtypes)
        declared = source.width * source.height * pixel_bytes
        if max(source.width, source.height) > MAX_SIDE_PX:
            raise BadInput(str(path), f"is {source.width} x {source.height}; at most {MAX_SIDE_PX} a side")
        if declared > MAX_DECLARED_PER_BYTE * real.stat().st_size:
            raise BadInput(str(path), f"declares {declared} bytes of pixels, far more than the file holds")
        _check_end(source, real.stat().st_size, path)
        yield source


def _check_end(source: Any, size_bytes: int, path: Path) -> None:
    """Refuse a file that ends before its last block: read past the cache, what is missing would be zeros."""
    for number, (tall, wide) in enumerate(source.block_shapes, 1):
        for row, column in product(range(-(-source.height // tall)), range(-(-source.width // wide))):
            start, length = (
                source.get_tag_item(f"BLOCK_{word}_{column}_{row}", "TIFF", bidx=number)
                for word in ("OFFSET", "SIZE")
            )
            if start and length and int(start) + int(length) > size_bytes:
                raise BadInput(str(path), f"ends after {size_bytes} bytes, within its pixels (truncated)")


def grid_of(source: Any, path: Path) -> Grid:
    """Give the grid of an open raster.

    Raises
    ------
    BadInput
        If the raster has no CRS.
    """
    if source.crs is None:
        raise BadInput(str(path), "has no coordinate reference system")
    epsg = source.crs.to_epsg()
    crs = f"EPSG:{epsg}" if epsg is not None else source.crs.to_wkt()
    a, b, c, d, e, f = (float(value) for value in source.transform[:6])
    return Grid(crs, (a, b, c, d, e, f), source.width, source.height)


class SingleBand:
    """A raster of one float32 band, read in rows; close it after use.

    Raises
    ------
    BadInput
        If it has more than one band, another data type, or cannot be read to its end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = ExitStack()
        self._source = self._stack.enter_context(open_raster(path))
        try:
            self.grid = self._checked()
        except BadInput:
            self.close()
            raise
        self.nodata = math.nan if self._source.nodata is None else float(self._source.nodata)

    def _checked(self) -> Grid:
        if self._source.count != 1:
            raise BadInput(str(self.path), f"has {self._source.count} bands; one is wanted")
        if self._source.dtypes[0] != "float32":
            raise BadInput(str(self.path), f"is {self._source.dtypes[0]}; float32 is wanted")
        return grid_of(self._source, self.path)

    def rows(self, top: int, bottom: int) -> Float32:
        """Read some rows as they stand, array (bottom - top, width)."""
        try:
            pixels: Float32 = self._source.read(1, window=Window(0, top, self.grid.width, bottom - top))
        except RasterioError as error:
            raise BadInput(str(self.path), "cannot be read to its end (truncated or damaged)") from error
        return pixels

    def close(self) -> None:
        """Close the file."""
        self._stack.close()


def read_single(path: Path) -> tuple[Grid, Float32]:
    """Read a raster of one float32 band, array (height, width); no-data pixels become NaN."""
    raster = SingleBand(path)
    try:
        pixels = raster.rows(0, raster.grid.height)
    finally:
        raster.close()
    pixels[pixels == np.float32(raster.nodata)] = np.nan
    return raster.grid, pixels


def write_cog(path: Path, grid: Grid, bands: NDArray[Any], descriptions: Sequence[str] = ()) -> None:
    """Write a cloud-optimized GeoTIFF, the same bytes for the same pixels.

    Parameters
    ----------
    path
        New file.
    grid
        Where the pixels lie.
    bands
        Array (bands, height, width); floating types get NaN as their no-data value.
    descriptions
        Name of each band.
    """
    options: dict[str, Any] = {
        "driver": "COG",
        "dtype": bands.dtype.name,
        "count": bands.shape[0],
        "width": grid.width,
        "height": grid.height,
        "crs": grid.crs,
        "transform": rasterio.Affine(*grid.transform),
        "compress": "DEFLATE",
        "level": 1,
        "num_threads": 1,  # so that the bytes do not depend on the machine
        "overview_resampling": "nearest",
    }
    if np.issubdtype(bands.dtype, np.floating):
        options["nodata"] = math.nan
    with rasterio.open(path, "w", **options) as target:
        target.write(bands)
        for number, text in enumerate(descriptions, 1):
            target.set_band_description(number, text)


def one_pixel_file(grid: Grid, descriptions: Sequence[str], dtype: str) -> bytes:
    """Write a GeoTIFF of one pixel that carries the place of the grid, the names of bands and no data."""
    options: dict[str, Any] = {"nodata": math.nan} if np.dtype(dtype).kind == "f" else {}
    with rasterio.MemoryFile() as memory:
        with memory.open(
            driver="GTiff", dtype=dtype, count=len(descriptions), width=1, height=1, crs=grid.crs,
            transform=rasterio.Affine(*grid.transform), **options,
        ) as target:  # fmt: skip
            for number, text in enumerate(descriptions, 1):
                target.set_band_description(number, text)
        return bytes(memory.read())


def geojson_of(geometry: Any) -> dict[str, Any]:
    """Write a geometry in degrees as GeoJSON, right-hand rule."""
    rounded = shapely.transform(geometry, lambda xy: np.round(xy, _DEGREES))
    return dict(shapely.geometry.mapping(shapely.orient_polygons(rounded)))


@lru_cache(16)
def to_wgs84(crs: str) -> Any:
    """Make the way from a CRS to longitude and latitude."""
    return pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)


def _plain(kind: str) -> str:
    return {"complex_int16": "int32"}.get(kind, kind)


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"
