"""Alert objects: connected groups of alerted pixels that keep their name from date to date."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar.backscatter import STEPS_PER_DB, UNSEEN
from truceline.detect.radar.extent import stretches_of
from truceline.detect.radar.history import AlertObject, History
from truceline.detect.radar.scoring import SCORE_STEPS, UNTESTED
from truceline.model.names import name
from truceline.model.place import utc_text

Places = NDArray[np.int64]


def follow_objects(history: History, places: Places) -> None:
    """Group the alerted pixels of today and hand on the names of the objects they belonged to.

    An object keeps its name as long as one of its pixels keeps its ``first_seen``. Of two objects that
    grow together the older name stays; of an object that falls apart the largest part keeps it. A new
    name is made from today's date and the first pixel in reading order, so that it never comes twice.

    Parameters
    ----------
    history
        ``places``, ``owners`` and ``objects`` are brought up to date.
    places
        Pixels under an alert (row times width plus column), ordered.
    """
    item = len(history.stamps) - 1
    life = history.life
    sign, first = history.desk.at(life.sign, places), history.desk.at(life.first, places)
    score = history.desk.at(history.today.score, places)
    labels = connected(places, sign, history.grid.width)
    count = int(labels.max(initial=0))
    parents, heirs = _inheritance(labels, np.where(first == item, 0, _owners(history, places)))
    anchors = np.full(count + 1, np.iinfo(np.int64).max)
    np.minimum.at(anchors, labels, places)
    oldest = np.full(count + 1, np.iinfo(np.int16).max, np.int16)
    np.minimum.at(oldest, labels, first)
    exceeds = (score != UNTESTED) & (np.abs(score.astype(np.int32)) >= SCORE_STEPS) & (np.sign(score) == sign)
    day, place = utc_text(history.stamps[-1].time_utc), str(history.grid)
    objects: dict[int, AlertObject] = {}
    for group in range(1, count + 1):
        heritage = [history.objects[number] for number in parents.get(group, ())]
        items = {past for parent in heritage for past in parent.items if past >= oldest[group]}
        names = [history.objects[number] for number in heirs.get(group, ())]
        if names:
            eldest = min(names, key=lambda each: (each.born, each.id))
            own = AlertObject(eldest.id, eldest.born, tuple(sorted(items)), eldest.change_db)
        else:
            row, column = divmod(int(anchors[group]), history.grid.width)
            own_name = name("alert", day, str(row), str(column), place, *history.polarisations)
            own = AlertObject(own_name, item, tuple(sorted(items)))
        objects[group] = own
    changes = _changes_db(history, places[exceeds], labels[exceeds], count)
    for group in np.unique(labels[exceeds]).tolist():
        objects[group] = msgspec.structs.replace(
            objects[group], items=(*objects[group].items, item), change_db=tuple(changes[:, group].tolist())
        )
    history.places, history.owners, history.objects = places, labels, objects


def _changes_db(
    history: History, places: Places, labels: NDArray[np.int32], count: int
) -> NDArray[np.float64]:
    """Measure by how much the echo of each group changed, array (polarisations, groups + 1), in dB.

    Pixels weigh by their squared scores: the window spreads a change over its edges, where little is of it.
    """
    weight = history.desk.at(history.today.score, places).astype(np.float64) ** 2
    found = np.zeros((len(history.polarisations), count + 1))
    for layer, changes in enumerate(found):
        known = history.desk.at(history.today.level[layer], places) != UNSEEN
        residual = history.desk.at(history.today.residual[layer], places) / STEPS_PER_DB
        total = np.bincount(labels, weight * known * residual, count + 1)
        changes[:] = total / np.maximum(np.bincount(labels, weight * known, count + 1), 1)
    return np.round(found, 2)


def _owners(history: History, places: Places) -> NDArray[np.int32]:
    """Tell which object each pixel belonged to before, 0 = none."""
    owners = np.zeros(len(places), np.int32)
    if len(history.places):
        at = np.minimum(np.searchsorted(history.places, places), len(history.places) - 1)
        same = history.places[at] == places
        owners[same] = history.owners[at[same]]
    return owners


def connected(places: Places, sign: NDArray[np.int8], width: int) -> NDArray[np.int32]:
    """Number the 8-connected groups of one sign, from 1 in reading order.

    Parameters
    ----------
    places
        Pixels, row times width plus column, ordered.
    sign
        Sign of each.
    width
        Columns of the scene.
    """
    rows, columns = np.divmod(places, width)
    starts = (np.diff(places, prepend=-2) != 1) | (columns == 0) | (np.diff(sign, prepend=0) != 0)
    first = np.flatnonzero(starts)
    lengths = np.diff(first, append=len(places))
    runs = np.column_stack([rows[first], columns[first], columns[first] + lengths, sign[first]])
    return np.repeat(stretches_of(runs.astype(np.int32)) + np.int32(1), lengths)


def _inheritance(
    labels: NDArray[np.int32], kept: NDArray[np.int32]
) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Tell from which objects each group has pixels, and which objects' names it may carry."""
    both = kept > 0
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
