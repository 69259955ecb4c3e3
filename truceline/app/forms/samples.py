"""What a sample is, by its first bytes: the fixed list of types that leave the server."""

from pathlib import Path

_HEADS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"II+\x00", "image/tiff"),
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"PK\x03\x04", "application/zip"),
    (b"%PDF-", "application/pdf"),
    (b"OggS", "application/ogg"),
    (b"fLaC", "audio/flac"),
)
OTHER = "application/octet-stream"
TYPES = (*dict.fromkeys(word for _, word in _HEADS), "image/webp", "video/mp4", "video/mp2t", OTHER)
_ENDINGS = {
    "image/jpeg": "jpg", "image/png": "png", "image/tiff": "tif", "image/webp": "webp",
    "video/mp4": "mp4", "video/mp2t": "ts", "application/vnd.apache.parquet": "parquet",
    "application/zip": "zip", "application/pdf": "pdf", "application/ogg": "ogg", "audio/flac": "flac",
}  # fmt: skip


def media_type_of(path: Path) -> str:
    """Tell the type of a sample; never a type that a browser would run."""
    with path.open("rb") as file:
        head = file.read(512)
    for start, word in _HEADS:
        if head.startswith(start):
            return word
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head[:1] == b"\x47" and head[188:189] in (b"\x47", b""):
        return "video/mp2t"
    return OTHER


def file_name(sha256: str, media_type: str) -> str:
    """Name a sample for a person who saves it: a name of ours, nothing foreign in it."""
    return f"{sha256[:16]}.{_ENDINGS.get(media_type, 'bin')}"
