"""Find vehicles, persons and bicycles in pictures from above.

DIR holds .jpg, .png, .webp or .tif. Grey pictures of 640 x 512 pixels are taken for thermal ones, all
others for daylight. Writes boxes in the manner of COCO results (contract drone, section 4). Persons are
counted, never identified.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truceline.model.errors import BadInput

if TYPE_CHECKING:
    from truceline.detect.pictures.finder import Found

CATEGORY_IDS = {
    "person": 1, "car": 2, "bicycle": 3, "other_vehicle": 4, "truck": 5, "van": 6, "motorbike": 7, "bus": 8,
    "trailer": 9,
}  # fmt: skip
MODELS = ("auto", "thermal", "visible")
AT_ONCE = 2  # pictures looked at side by side: a network alone leaves a fifth of two cores idle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder of pictures")
    parser.add_argument("--out", type=Path, required=True, metavar="JSON", help="file to write")
    parser.add_argument(
        "--model", default=MODELS[0], metavar="NAME", help="thermal or visible (default: by the picture)"
    )
    parser.add_argument(
        "--hot", choices=("white", "black"), default="white", help="shade of what is warm in thermal pictures"
    )


def run(args: argparse.Namespace) -> int:
    """Look at all pictures of a folder."""
    import json
    from concurrent.futures import ThreadPoolExecutor

    from truceline.app.output import whole_file
    from truceline.app.progress import progress, say
    from truceline.detect.pictures.looks import look_thermal, look_visible
    from truceline.detect.pictures.reading import read_picture

    if args.model not in MODELS:
        raise BadInput("--model", f"{args.model!r} is unknown; known: {', '.join(MODELS)}")

    def look(file: Path) -> list[dict[str, Any]] | BadInput:
        try:
            still = read_picture(file)
        except BadInput as error:
            return error
        is_thermal = still.is_thermal if args.model == "auto" else args.model == "thermal"
        found = look_thermal(still.grey(), args.hot) if is_thermal else look_visible(still.pixels)
        return _rows(file.name, found)

    rows: list[dict[str, Any]] = []
    files, read = _files(args.folder), 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for file, seen in zip(files, progress(pool.map(look, files), "pictures", len(files)), strict=True):
            if isinstance(seen, BadInput):
                say("warning", f"{file}: {seen.what}; skipped")
            else:
                read += 1
                rows += seen
    if not read:
        raise BadInput(str(args.folder), "none of its pictures can be read")
    with whole_file(args.out) as path:
        path.write_text("[" + ",\n".join(json.dumps(row) for row in rows) + "]\n", encoding="utf-8")
    return 0


def _files(folder: Path) -> list[Path]:
    from truceline.detect.pictures.reading import SUFFIXES

    try:
        files = sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES and f.is_file())
    except OSError as error:
        raise BadInput(str(folder), f"is no folder that can be read: {error.strerror}") from error
    if not files:
        raise BadInput(str(folder), f"no picture in this folder ({' '.join(SUFFIXES)})")
    return files


def _rows(image_id: str, found: "Found") -> list[dict[str, Any]]:
    rows = []
    for box, score, word in zip(found.boxes.tolist(), found.scores.tolist(), found.categories(), strict=True):
        left, top, right, bottom = (round(side, 2) for side in box)
        rows.append(
            {
                "image_id": image_id,
                "category": word,
                "category_id": CATEGORY_IDS[word],
                "bbox": [left, top, round(right - left, 2), round(bottom - top, 2)],
                "score": round(score, 6),
            }
        )
    return rows
