"""Alert objects: connected groups of alerted pixels that keep their name from date to date."""

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from truceline.detect.history import AlertObject, History
from truceline.model.names import name
from truceline.model.place import utc_text

_EIGHT = np.ones((3, 3), np.int8)


def follow_objects(history: History, born: NDArray[np.bool_], exceeds: NDArray[np.bool_]) -> None:
    """Group the alerted pixels of today and hand on the names of the objects they belonged to.

    An object keeps its name as long as one of its pixels keeps its ``first_seen``. Of two objects that
    grow together the older name stays; of an object that falls apart the largest part keeps it. A new
    name is made from today's date and the first pixel in reading order, so that it never comes twice.

    Parameters
    ----------
    history
        ``owner`` (number of the object of each pixel) and ``objects`` are brought up to date.
    born
        Pixels whose alert began today.
    exceeds
        Pixels that exceed today.
    """
    item = len(history.stamps) - 1
    labels = connected(history)
    count = int(labels.max(initial=0))
    kept = np.where(born | (labels == 0), 0, history.owner)
    parents, heirs = _inheritance(labels, kept)
    flat = labels.ravel()
    places = np.flatnonzero(flat)
    anchors = np.full(count + 1, flat.size, np.int64)
    np.minimum.at(anchors, flat[places], places)
    oldest = np.full(count + 1, np.iinfo(np.int32).max, np.int32)
    np.minimum.at(oldest, flat[places], history.life.first.ravel()[places])
    direction = np.sign(history.score, where=exceeds, out=np.zeros_like(history.score))
    active = np.unique(labels[exceeds & (direction == history.life.sign)])
    objects: dict[int, AlertObject] = {}
    for group in range(1, count + 1):
        heritage = [history.objects[number] for number in parents.get(group, ())]
        items = {past for parent in heritage for past in parent.items if past >= oldest[group]}
        names = [history.objects[number] for number in heirs.get(group, ())]
        if names:
            eldest = min(names, key=lambda each: (each.born, each.id))
            own = AlertObject(eldest.id, eldest.born, tuple(sorted(items)))
        else:
            own = AlertObject(_name(history, int(anchors[group])), item, tuple(sorted(items)))
        objects[group] = own
    for group in active[active > 0].tolist():
        objects[group] = msgspec.structs.replace(objects[group], items=(*objects[group].items, item))
    history.owner = labels
    history.objects = objects


def connected(history: History) -> NDArray[np.int32]:
    """Number the 8-connected groups of alerted pixels of one sign, from 1; 0 = no alert."""
    life = history.life
    rising, count = label((life.state > 0) & (life.sign > 0), _EIGHT)
    falling, _ = label((life.state > 0) & (life.sign < 0), _EIGHT)
    return np.asarray(np.where(falling > 0, falling + count, rising), np.int32)


def _inheritance(
    labels: NDArray[np.int32], kept: NDArray[np.int32]
) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Tell from which objects each group has pixels, and which objects' names it may carry."""
    both = (labels > 0) & (kept > 0)
    pairs, sizes = np.unique(np.stack([kept[both], labels[both]]), axis=1, return_counts=True)
    parents: dict[int, list[int]] = {}
    best: dict[int, tuple[int, int]] = {}
    for (parent, group), size in zip(pairs.T.tolist(), sizes.tolist(), strict=True):
        parents.setdefault(group, []).append(parent)
        if size > best.get(parent, (0, 0))[0]:
            best[parent] = (size, group)
    heirs: dict[int, list[int]] = {}
    for parent, (_, group) in best.items():
        heirs.setdefault(group, []).append(parent)
    return parents, heirs


def _name(history: History, anchor: int) -> str:
    row, column = divmod(anchor, history.grid.width)
    return name(
        "alert", utc_text(history.stamps[-1].time_utc), str(row), str(column), str(history.grid),
        *history.polarisations,
    )  # fmt: skip
