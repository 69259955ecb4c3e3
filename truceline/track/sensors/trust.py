"""Which sensors are not believed: those that others contradict, and those that nothing bears out."""

import numpy as np

from truceline.track.state.types import ANNULUS, RECT, Array, Events

HARDLY, HARDLY_LEAST = 0.5, 20.0  # one of whose tracks others fail to see so much is not trusted on others
BORNE_OUT = 3  # detections that a track must have
LOOSE, LEAST = 0.6, 10.0  # share and number of a minute's detections beyond the false that no track bears out
MINUTES, MINUTE_S = 3, 60.0  # so many minutes of a stretch must be so: a flood passes


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


def areas_km2(events: Events) -> Array:
    """Area of each event's field of regard."""
    a, b, shape = events.field[:, 2], events.field[:, 3], events.shape
    return np.where(shape == RECT, 4 * a * b, np.where(shape == ANNULUS, np.pi * (b**2 - a**2), 0.0)) / 1e6


def borne_out(events: Events, sensor: Array, time: Array, owner: Array, sensors: int) -> Array:
    """Tell, per sensor, whether tracks hold together what it shows beyond false detections.

    Parameters
    ----------
    events
        The looks of a stretch of some minutes.
    sensor, time, owner
        (n,): of each detection in these looks its sensor, its time in seconds and its track.
    sensors
        How many sensors there are.

    Returns
    -------
    array
        (sensors,): 1 they do, -1 they do not, 0 the stretch says too little.
    """
    since = min(events.time.min(initial=np.inf), time.min(initial=np.inf))
    minutes = int((max(events.time.max(initial=0.0), time.max(initial=0.0)) - since) // MINUTE_S) + 1

    def place(number: Array, at: Array) -> Array:
        return np.asarray(number * minutes + ((at - since) / MINUTE_S).astype(np.int64))

    def count(at: Array, weights: Array) -> Array:
        return np.bincount(at, weights=weights, minlength=sensors * minutes).reshape(sensors, minutes)

    by_track = np.sort(owner)
    used = np.searchsorted(by_track, owner, "right") - np.searchsorted(by_track, owner)
    at = place(sensor, time)
    false = count(place(events.sensor, events.time), areas_km2(events) * events.clutter)
    shown = count(at, np.ones(len(at))) - false
    loose = count(at, (owner == 0) | (used < BORNE_OUT)) - false
    bad = (loose > LEAST) & (loose > LOOSE * shown)
    good = (shown > LEAST) & ~bad
    return np.where(bad.sum(1) >= MINUTES, -1, np.where(good.sum(1) >= MINUTES, 1, 0))
