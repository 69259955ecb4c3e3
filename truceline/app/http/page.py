"""The map page's files: read once, served from memory, nothing from outside."""

import hashlib
from pathlib import Path

import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response

FOLDER = Path(__file__).parents[1] / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".pbf": "application/x-protobuf",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}


class File(msgspec.Struct, frozen=True):
    """A file of the page."""

    content: bytes
    media_type: str
    etag: str


def read_page(folder: Path = FOLDER) -> dict[str, File]:
    """Read all files of the page, by their path from ``/``."""
    files: dict[str, File] = {}
    for path in sorted(folder.rglob("*")):
        media_type = _TYPES.get(path.suffix)
        if path.is_file() and not path.is_symlink() and media_type is not None:
            content = path.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            files["/" + path.relative_to(folder).as_posix()] = File(content, media_type, etag)
    if "/index.html" in files:
        files["/"] = files.pop("/index.html")
    return files


def serve(file: File, headers: Headers) -> Response:
    """Answer with a file, or with 304 when the browser has it."""
    kept = {"Cache-Control": "no-cache", "ETag": file.etag}
    if headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=kept)
    return Response(file.content, 200, kept, file.media_type)
