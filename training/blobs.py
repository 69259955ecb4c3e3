"""What stands out warm in a thermal picture and is no person: windows, lamps, covers, gaps between trees."""

import cv2
import numpy as np

from cuts import Picture
from network import GROUPS

SPREADS_PX = 3.0, 9.0  # of a person against the ground around it (difference of Gaussians)
LEAST_GREY = 2.0
APART_PX = 6.0  # of a marked box: what is nearer belongs to it


def blobs(picture: Picture, groups: tuple[str, ...] = ("person",)) -> np.ndarray:
    """Give where they are, (n, 2) pixels, what stands out most first; none lies in a box of these groups."""
    grey = picture.pixels[..., 0].astype(np.float32)
    near, far = (cv2.GaussianBlur(grey, (0, 0), spread) for spread in SPREADS_PX)
    stands = near - far
    row, column = np.nonzero(
        (stands == cv2.dilate(stands, np.ones((9, 9), np.uint8))) & (stands > LEAST_GREY)
    )
    best = np.argsort(-stands[row, column], kind="stable")
    found = np.stack([column[best], row[best]], 1).astype(float)
    marked = np.isin(picture.groups, [GROUPS.index(word) for word in groups])
    vague = picture.boxes[marked | (picture.groups < 0)]
    inside = (found[:, None] > vague[None, :, :2] - APART_PX) & (
        found[:, None] < vague[None, :, 2:] + APART_PX
    )
    return found[~inside.all(2).any(1)]
