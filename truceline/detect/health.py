"""What is wrong with a drone's sensors, by its own telemetry: said, never averaged away."""

from collections.abc import Sequence
from typing import Annotated

import pyarrow.parquet as pq
from msgspec import Meta

from truceline.codec.klv import TELEMETRY
from truceline.geo.footprint import locate
from truceline.model.facts import Blob
from truceline.model.observed import Observation
from truceline.model.tables import DETECTION
from truceline.plug import Detector, Found, Media


class Health(Detector):
    """Compares pose and stated frame centre of a piece; sees no things, so it writes no rows.

    Parameters
    ----------
    least_share
        Findings that touch a smaller share of the packets are left unsaid.
    """

    least_share: Annotated[float, Meta(ge=0, le=1)] = 0.05

    def detect(self, observation: Observation, blobs: Sequence[Blob], media: Media) -> Found:
        """Answer degraded, with the reason, when the telemetry contradicts itself."""
        piece = next((blob for blob in blobs if blob.name.endswith(".parquet")), None)
        rows = DETECTION.empty_table()
        if piece is None:
            return Found(rows=rows, status="degraded", reason="no telemetry in this piece")
        telemetry = pq.read_table(media.open(piece), schema=TELEMETRY)
        if not telemetry.num_rows:
            return Found(rows=rows, status="degraded", reason="no telemetry in this piece")
        findings = [
            finding
            for finding in locate(telemetry).findings
            if finding.last_packet - finding.first_packet + 1 >= self.least_share * telemetry.num_rows
        ]
        reason = "; ".join(finding.text for finding in findings)
        return Found(rows=rows, status="degraded" if findings else "ok", reason=reason)
