"""Which sensors are not believed: those that others contradict, and those that nothing bears out."""

import numpy as np

from truceline.track.sensors.minutes import FALSE, LOOSE, SHOWN, Minutes
from truceline.track.state.types import Array

HARDLY, HARDLY_LEAST = 0.5, 20.0  # one of whose tracks others fail to see so much is not trusted on others
DOUBTED, ACCUSED = 0.4, 0.6  # share of a minute's detections beyond the false that no track bears out
LEAST = 10.0  # such detections
HELD_SHARE = 0.15  # of them, below which a sensor is borne out: an honest one has hardly any
MINUTES = 3  # so many minutes of a stretch must be so: a flood passes


def trusted(told: Array) -> Array:
    """Tell, per sensor, whether the others bear it out (1) or not (0); ``told`` as in types.Ground.

    What one sensor sees and another does not speaks against both: the one that stands worst is left
    out first, and the rest is asked again.
    """
    trust = np.ones(len(told))
    while True:
        confirmed, refuted = (told * trust[None, :, None]).sum(1).T
        share = np.where((refuted > HARDLY_LEAST) & (trust > 0), refuted / (refuted + confirmed + 1e-9), 0.0)
        if share.max(initial=0.0) < HARDLY:
            return trust
        trust[share.argmax()] = 0.0


def borne_out(stretch: Minutes, most: float = ACCUSED) -> Array:
    """Tell, per sensor, whether tracks hold together what it shows in a stretch of some minutes.

    Parameters
    ----------
    stretch
        Its minutes.
    most
        Share that may be loose: :data:`ACCUSED` before a person is told, :data:`DOUBTED` to believe it less.

    Returns
    -------
    array
        (sensors,): 1 they do, -1 they do not, 0 the stretch says too little.
    """
    shown, loose = (stretch.sums[:, :, what] - stretch.sums[:, :, FALSE] for what in (SHOWN, LOOSE))
    bad = (loose > LEAST) & (loose > most * shown)
    good = (shown > LEAST) & (loose < HELD_SHARE * shown)
    return np.where(bad.sum(1) >= MINUTES, -1, np.where(good.sum(1) >= MINUTES, 1, 0))
