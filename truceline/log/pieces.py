"""Pieces: many small rows sealed in one Parquet sample, for which one entry speaks."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from truceline.log.blobs import Blobs
from truceline.model.errors import BadInput
from truceline.model.facts import Blob

MEDIA_TYPE = "application/vnd.apache.parquet"
_ROWS_PER_GROUP = 1 << 17


def seal(table: pa.Table, blobs: Blobs, name: str) -> Blob:
    """Store a table; the same rows give the same bytes, however the table is cut into chunks."""
    sink = io.BytesIO()
    pq.write_table(
        table.combine_chunks(),
        sink,
        row_group_size=_ROWS_PER_GROUP,
        version="2.6",
        compression="zstd",
        compression_level=3,
        write_statistics=True,
    )
    return blobs.put(sink.getvalue(), MEDIA_TYPE, name)


def read(blobs: Blobs, blob: Blob | str) -> pa.Table:
    """Read a sealed piece.

    Raises
    ------
    BadInput
        If it is missing or no Parquet.
    Broken
        If its content has changed since it was sealed.
    """
    content = blobs.read(blob)
    try:
        return pq.read_table(pa.BufferReader(content))
    except (pa.ArrowInvalid, OSError) as error:
        sha256 = blob if isinstance(blob, str) else blob.sha256
        raise BadInput(sha256, f"no Parquet piece: {error}") from error
