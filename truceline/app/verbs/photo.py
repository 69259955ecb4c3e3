"""Place a folder of drone photos on the ground.

`locate` writes one GeoJSON feature per photo (contract drone, section 5): by EXIF and XMP, and by the
overlap between the pictures.
"""

import argparse
from pathlib import Path

from truceline.model.errors import BadInput

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subverb and its options."""
    words = parser.add_subparsers(dest="word", metavar="WORD", required=True)
    locate = words.add_parser("locate", help="footprint of every photo of a folder")
    locate.add_argument("folder", type=Path, metavar="DIR", help="folder of photos of one flight")
    locate.add_argument("--out", type=Path, required=True, metavar="GEOJSON", help="file to write")


def run(args: argparse.Namespace) -> int:
    """Place the photos; those that cannot be read are named and left out."""
    import json

    from truceline.app.output import whole_file
    from truceline.app.progress import progress, say
    from truceline.app.telemetry import file_chunks
    from truceline.detect.photos.place import place_photos, to_features
    from truceline.detect.photos.reader import read_photo

    if not args.folder.is_dir():
        raise BadInput(str(args.folder), "is no folder; a folder of photos is wanted")
    files = sorted(file for file in args.folder.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise BadInput(str(args.folder), "holds no photo (.jpg, .png, .webp, .tif)")
    photos = []
    for file in progress(files, "photos", len(files)):
        try:
            photos.append(read_photo(file.name, b"".join(file_chunks(file))))
        except BadInput as error:
            say("warning", f"{file}: {error.what}; left out")
    if not photos:
        raise BadInput(str(args.folder), "none of its photos can be read")
    placed = place_photos(photos)
    if len(placed) > 1 and not any(one.method == "overlap" for one in placed):
        say("warning", f"{args.folder}: no photos overlap; each is placed by what it states")
    with whole_file(args.out) as path:
        path.write_text(json.dumps(to_features(placed), indent=1) + "\n", encoding="utf-8")
    return 0
