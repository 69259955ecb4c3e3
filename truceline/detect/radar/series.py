"""One more date of a radar series: score it, follow its alerts, and learn from it.

Three passes over the scene, each in strips of rows that threads share: the weather, the matched filter, and
scores with everything that follows from them. Only earlier dates and this one enter, all sums are of
integers, so a series processed at once, date by date, or with any number of threads gives the same numbers.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from truceline.detect.radar import (
    extent,
    learning,
    matched,
    orbits,
    restless,
    scoring,
    season,
    texture,
    weather,
)
from truceline.detect.radar.alert_objects import follow_objects
from truceline.detect.radar.backscatter import UNSEEN, Levels, root_ratios
from truceline.detect.radar.footprint import WATCHED, Places, held, stretches
from truceline.detect.radar.history import History, Stamp
from truceline.detect.radar.lifecycle import CONFIRMED, NONE, PROVISIONAL, advance
from truceline.detect.radar.tail import reach_of
from truceline.model.errors import BadInput

EXPONENT = 0.15  # of the power ratio: lets changes to the dark and to the bright side count alike
ROOTS = root_ratios(EXPONENT)
WIDTH_QUANTILE = 0.7  # hardly moved when a tenth of the scene has changed
UNIT = 1.036  # that quantile of a normal law, in standard deviations
NEAR, WITHIN = 2.5, 0.988  # standard deviations, and the share of a normal law within
TRIMS = 6
TELLING_DATES = 3  # in the history before a date tells how far unchanged pixels reach
MIN_QUIET_SHARE = 5  # a fifth of the scene; with fewer pixels out of alert all of them tell
STRIKING = round(0.8 * scoring.SCORE_STEPS)  # code of a score from which on the unrest stays as it was
MEDIAN_TO_MEAN = 0.85  # of a variance from few dates: chi-square of about five degrees of freedom
MOST_ITEMS = 32_000
T = TypeVar("T")


def observe(history: History, stamp: Stamp, levels: Levels, threads: int = 1) -> None:
    """Take in one date.

    Parameters
    ----------
    history
        Changed in place.
    stamp
        The item; later than all before.
    levels
        Codes (polarisations, height, width), see :func:`~truceline.detect.radar.backscatter.read_levels`.
    threads
        Strips that are worked on at the same time.

    Raises
    ------
    BadInput
        If the series is longer than its memory can number.
    """
    if len(history.stamps) >= MOST_ITEMS:
        raise BadInput(stamp.id, f"a series of more than {MOST_ITEMS} items; begin a new one")
    history.today = history.today._replace(level=levels)
    item = len(history.stamps)
    history.stamps.append(stamp)
    orbits.turn_to(history.orbits, [own.orbit for own in history.stamps], history.past, history.desk)
    with ThreadPoolExecutor(threads) as pool:
        run = _Date(history, pool.map if threads > 1 else map)
        trend, rough = run.take_weather()
        gauge = run.filter(trend, rough)
        run.conclude(trend, gauge, item)
    follow_objects(history, run.alerted)


class _Date:
    """The passes over one date."""

    def __init__(self, history: History, share: weather.Share) -> None:
        self.history = history
        self.share = share
        self.alerted = np.zeros(0, np.int64)
        # Changes against the history, summed over blocks, and the weather of wide surroundings:
        self.sums: NDArray[np.int32] = np.zeros(0, np.int32)
        self.counts: NDArray[np.int32] = np.zeros(0, np.int32)
        self.smooth: weather.Surface = np.zeros(0, np.float32)

    def _each(self, work: Callable[[int, int], T]) -> list[T]:
        desk = self.history.desk

        def strip(rows: tuple[int, int]) -> T:
            done = work(*rows)
            desk.let_go(*rows)
            return done

        return list(self.share(strip, desk.strips()))

    def take_weather(self) -> tuple[weather.Surface, NDArray[np.float32]]:
        """Answer the weather, and how much more than by its pixels each polarisation scatters."""
        history, size = self.history, weather.BLOCK_PX
        past, level = history.past, history.today.level
        blocks = tuple(-(-side // size) for side in history.grid.shape)
        sums = np.zeros((len(level), *blocks), np.int32)
        counts = np.zeros(blocks, np.int32)

        def strip(top: int, bottom: int) -> None:
            if history.orbits.views:
                orbits.expect(history.orbits, past, history.pooled_db2, top, bottom)
            weather.sum_blocks(level, past.mean, past.fed, top, bottom, sums, counts)

        self._each(strip)
        smooth = weather.surface(sums, counts, self.share)
        self.sums, self.counts, self.smooth = sums, counts, smooth
        trend = smooth + season.expected(history.maps, sums, counts, smooth, self.share)
        dates = len(history.stamps) - 1
        return trend, texture.roughness(sums, counts, trend, history.pooled_db2, dates)

    def filter(self, trend: weather.Surface, rough: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answer the middle and width of the contrasts and the strength of a score of 1."""
        history = self.history
        pooled = np.array(history.pooled_db2, np.float32)
        scene = matched.Scene(trend, weather.doubt(self.smooth), pooled, rough, ROOTS)

        def strip(top: int, bottom: int) -> NDArray[np.int64]:
            bins = np.zeros(matched.CONTRAST_BINS, np.int64)
            matched.filter_rows(history.past, history.today, scene, top, bottom, bins)
            return bins

        middle, width = _middle_and_width(np.sum(self._each(strip), axis=0))
        return np.array([middle, width, history.reach], np.float32)

    def restlessness(self, gauge: NDArray[np.float32]) -> tuple[weather.Surface, float]:
        """Tell where the date is restless, and which part of it the date before foretells."""
        history, size = self.history, weather.BLOCK_PX
        sums = np.zeros(tuple(-(-side // size) for side in history.grid.shape), np.int32)
        counts = np.zeros_like(sums)
        told = self._each(
            lambda top, bottom: restless.sum_sizes(
                history.past, history.today, gauge, top, bottom, sums, counts
            )
        )
        products, squares = np.sum(told, axis=0).tolist()
        return restless.restlessness(sums, counts), restless.memory_of(products, squares)

    def conclude(self, trend: weather.Surface, gauge: NDArray[np.float32], item: int) -> None:
        """Score, advance the alerts and learn, strip by strip."""
        history, settings = self.history, self.history.settings
        rules = (item, settings.confirm, settings.finish)
        # Learning changes what a neighbouring strip still has to read: all scores come first.
        wide, memory = self.restlessness(gauge)
        gauge = np.append(gauge, np.float32(memory))
        # Until today's are written, the scores are those of the date before.
        runs = self._each(lambda top, bottom: extent.runs_of(history.today.score, WATCHED, (top, bottom)))
        watched = stretches(np.concatenate(runs), history.grid.width)
        still = held(history, watched, gauge, wide)
        strengths = self._score(gauge, wide)
        self._each(lambda top, bottom: self._advance(still, rules, (top, bottom)))
        learnt = self._each(lambda top, bottom: self._learnt(gauge, trend, top, bottom))
        spreads = np.sum([bins for bins, _, _ in learnt], axis=0)
        self.alerted = np.concatenate([places for _, places, _ in learnt])
        if not any(observed for _, _, observed in learnt):
            history.stamps[item] = msgspec.structs.replace(history.stamps[item], has_data=False)
        self._remember(item)
        if item > TELLING_DATES:
            is_quiet = MIN_QUIET_SHARE * strengths[0].sum() >= strengths[1].sum()
            # From a side that is hardly known the whole scene may reach far:
            told = None if history.orbits.views and not is_quiet else strengths[0 if is_quiet else 1]
            reach = reach_of(told, settings.far) if told is not None else None
            history.reaches += [reach] if reach is not None else []
        history.pooled_db2 = _pooled(spreads, history.pooled_db2)

    def _remember(self, item: int) -> None:
        """Let the season know the date, but for what is under an open alert."""
        history, size = self.history, weather.BLOCK_PX
        past, level = history.past, history.today.level
        at, places = history.desk.at, self.alerted
        is_open = np.isin(at(history.life.state, places), (PROVISIONAL, CONFIRMED))
        is_open &= (at(level[0], places) != UNSEEN) & (at(past.fed, places) > 0)
        places = places[is_open]
        rows, columns = np.divmod(places, history.grid.width)
        blocks = (rows // size, columns // size)
        # What is under an alert does not enter the mean: its change is what it was before learning.
        for own, mean, sums in zip(level, past.mean, self.sums, strict=True):
            np.subtract.at(sums, blocks, at(own, places).astype(np.int32) - at(mean, places))
        free = self.counts.copy()
        np.subtract.at(free, blocks, 1)
        season.remember(history.maps, item, self.sums, free, self.counts, self.smooth)

    def _state(self, top: int, bottom: int) -> NDArray[np.uint8]:
        """Give the alert states; in the rows what this side hardly knows is as if under an alert."""
        history = self.history
        if not history.orbits.views:
            return history.life.state
        return orbits.bar(history.orbits, history.past, history.life.state, top, bottom)

    def _score(self, gauge: NDArray[np.float32], wide: weather.Surface) -> NDArray[np.int64]:
        """Score, let wide stretches count more, and answer the histogram of the strengths."""
        history = self.history
        score, least = history.today.score, extent.least_code(gauge[2])

        def strip(top: int, bottom: int) -> tuple[NDArray[np.int64], extent.Runs]:
            bins = np.zeros((2, scoring.STRENGTH_BINS), np.int64)
            scoring.score_rows(
                history.past,
                history.today,
                self._state(top, bottom),
                gauge,
                wide,
                history.settings.baseline,
                (top, bottom),
                bins,
            )
            if history.orbits.views:
                orbits.leave_untested(history.orbits, history.today, top, bottom)
            return bins, extent.runs_of(score, least, (top, bottom))

        scored = self._each(strip)
        runs = [own for _, own in scored]
        factors = extent.factors_of(np.concatenate(runs))
        shares = np.split(factors, np.cumsum([len(own) for own in runs])[:-1])
        list(self.share(lambda own, told: extent.stretch(score, own, told), runs, shares))
        return np.asarray(np.sum([bins for bins, _ in scored], axis=0))

    def _advance(self, still: Places, rules: tuple[int, int, int], rows: tuple[int, int]) -> None:
        self._hold(still, rows)
        advance(self.history.life, self.history.today.score, scoring.SCORE_STEPS, rules, rows)

    def _hold(self, still: Places, rows: tuple[int, int]) -> None:
        """Let pixels where a change still shows exceed."""
        history, width = self.history, self.history.grid.width
        first, last = np.searchsorted(still.pixels, (rows[0] * width, rows[1] * width))
        sign = still.sign[first:last].astype(np.int16)
        rows_of, columns = np.divmod(still.pixels[first:last], width)
        score = history.today.score[rows_of, columns]
        low = (score != scoring.UNTESTED) & (score * sign < scoring.SCORE_STEPS)
        history.today.score[rows_of[low], columns[low]] = sign[low] * scoring.SCORE_STEPS

    def _learnt(
        self, gauge: NDArray[np.float32], trend: weather.Surface, top: int, bottom: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
        history = self.history
        bins = np.zeros((3, learning.SPREAD_BINS), np.int64)
        state, sides = self._state(top, bottom), history.orbits
        if sides.views:
            orbits.learn_view(
                sides.views[sides.own], history.past, history.today, history.life.state, trend, top, bottom
            )
        runs = extent.runs_of(history.today.score, STRIKING, (top, bottom))
        striking, unrest = extent.pixels_of(runs, history.grid.width), history.past.unrest.reshape(-1)
        before = unrest[striking]
        observed = learning.learn_rows(history.past, history.today, state, gauge, trend, (top, bottom), bins)
        # What may be the first date of a change must not make the next ones seem usual.
        unrest[striking] = before
        alerted = np.flatnonzero(history.life.state[top:bottom] != NONE) + top * history.grid.width
        return bins, alerted, observed


def _middle_and_width(bins: NDArray[np.int64]) -> tuple[float, float]:
    """Read the median of the contrasts and the 0.7 quantile of their distance from it.

    Both are taken of the contrasts within 2.5 standard deviations, so that even a fifth of the scene may
    have changed; under a normal law 98.8 % lie within.
    """
    total = float(bins.sum())
    if total == 0:
        return 0.0, 1.0
    values = (np.arange(matched.CONTRAST_BINS) - matched.CONTRAST_BINS // 2) / matched.CONTRAST_STEPS
    counts, middle, width = bins, 0.0, 0.0
    for _ in range(TRIMS):
        share = 1.0 if counts is bins else WITHIN
        middle = float(np.interp(0.5 * counts.sum(), counts.cumsum() - counts / 2, values))
        order = np.argsort(np.abs(values - middle), kind="stable")
        reached = np.abs(values - middle)[order]
        width = float(np.interp(WIDTH_QUANTILE * counts.sum() / share, counts[order].cumsum(), reached))
        width = max(width, 1 / matched.CONTRAST_STEPS)
        counts = np.where(np.abs(values - middle) <= NEAR * width / UNIT, bins, 0)
    return middle, width


def _pooled(bins: NDArray[np.int64], before: list[float]) -> list[float]:
    """Read the scene's usual variance, covariance and variance off their histograms, dB²."""
    if not bins[0].any():
        return before
    step = learning.SPREAD_BIN / matched.SPREAD_STEPS
    edges = (np.arange(learning.SPREAD_BINS) + 0.5) * step
    starts = (0.0, -(learning.SPREAD_BINS // 2) * step, 0.0)
    return [
        float(np.interp(0.5 * layer.sum(), layer.cumsum() - layer / 2, edges + start)) / MEDIAN_TO_MEAN
        if layer.any()
        else 0.0
        for layer, start in zip(bins, starts, strict=True)
    ]
