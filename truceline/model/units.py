"""Numbers with their unit and range, checked where they are decoded."""

from typing import Annotated

from msgspec import Meta

Metres = Annotated[float, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
Ratio = Annotated[float, Meta(ge=0, le=1)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Word = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]

# Circular Gaussian: 90 % of the mass lies within sqrt(-2 ln 0.1) sigma.
CE90_PER_SIGMA = 2.1460
