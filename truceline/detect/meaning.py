"""What a change of the surface may mean in a buffer zone: evidence added up, and an honest ``unknown``.

Each meaning starts with a log-odds of its own and gains or loses by what is known of the object: how long,
how wide and how large it is, whether the radar echo rose or fell, how colour changed, what time of the year
it is, and what was there before. The weights are judgements written down in one table, not learned: there are
no labelled examples of a buffer zone to learn from. ``unknown`` is a meaning like the others and wins
wherever the evidence is thin; what cannot be measured (NaN) neither speaks for nor against.

The trains of thought: a trench or berm is narrow, long and bright in radar (a rough edge) or bare in colour;
a road is narrow, long, smooth, so dark in radar; roofs and parked vehicles return much more (corners:
Richards 2009, *Remote Sensing with Imaging Radar*, chapter 5) and are compact; water is smooth and dark in
radar and in the infrared (McFeeters 1996; Xu 2006); fire takes the near infrared and leaves the short-wave
infrared (Key and Benson 2006, normalised burn ratio).
"""

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

MEANINGS = ("earthwork", "structure", "track", "vehicle_park", "burnt", "destroyed", "flooding", "unknown")
MOST_SURE = 0.9  # shapes and colours alone never prove what something is for
_LONG = 4.0  # sides of the rectangle around it: a line
_NARROW_M = 90.0  # three pixels of 30 m
_SMALL_M2, _LARGE_M2 = 20_000, 50_000
# The window of the radar filter reaches so far over each edge of a change (measured on planted ones).
_RADAR_REACH_PX = 1.5
# Of soil and plants the echo moves by a few dB with moisture and growth; corners and open water move it by
# more (Ulaby and Dobson 1989, *Handbook of Radar Scattering Statistics for Terrain*).
_WEAK_DB, _STRONG_DB = 2.5, 8.0
_CROSSED_DB = 2.0  # that one polarisation changes more than the other
_GROWING = range(4, 10)  # months of growth in the north
_SHARP = 3.0  # how fast a measured index turns into evidence


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one changed object; NaN where it was not or cannot be measured.

    ``*_change`` are differences of normalised indices, after minus before, in −1 … 1:
    vegetation (NDVI), water (MNDWI, else NDWI), burn (NBR), and brightness relative to before.
    """

    area_m2: float
    length_m: float
    width_m: float
    radar: float = math.nan  # +1 echo rose, −1 fell
    vv_db: float = math.nan  # by how much, in either polarisation
    vh_db: float = math.nan
    vegetation_change: float = math.nan
    water_change: float = math.nan
    burn_change: float = math.nan
    brightness_change: float = math.nan
    month: int = 0  # 0 unknown
    lat_deg: float = math.nan
    vegetation_before: float = math.nan  # NDVI before, less that of the unchanged rest of the scene

    @property
    def elongation(self) -> float:
        return self.length_m / max(self.width_m, 1e-9)


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """A word of contract classes 3, how sure, what spoke for it, and what else it may be."""

    word: str
    confidence: float
    reasons: tuple[str, ...] = ()
    rival: str = ""
    rival_confidence: float = 0.0

    @property
    def sentence(self) -> str:
        """Say it with its reasons and its rival, as a person reads it."""
        return f"{self.word.replace('_', ' ')} {self.confidence:.0%}: {', '.join(self.why)}"

    @property
    def why(self) -> tuple[str, ...]:
        """List what spoke for it, and the word that comes next."""
        rival = f"else {self.rival.replace('_', ' ')} {self.rival_confidence:.0%}"
        return (*(self.reasons or ("nothing tells what it is",)), *((rival,) if self.rival else ()))


def meaning_of(traits: Traits) -> Meaning:
    """Weigh what is known of an object.

    Returns
    -------
    Meaning
        The likeliest word; its share of the evidence is the confidence, at most ``MOST_SURE``.
    """
    evidence = dict.fromkeys(MEANINGS, -1.5)
    evidence["unknown"] = 0.6
    reasons: dict[str, list[str]] = {word: [] for word in MEANINGS}
    for holds, text, weights in _facts(traits):
        if not holds > 0:
            continue
        for word, weight in weights.items():
            evidence[word] += holds * weight
            if holds * weight > 0.3:
                reasons[word].append(text)
    odds = {word: math.exp(value) for word, value in evidence.items()}
    best, rival = sorted(MEANINGS, key=lambda word: (-odds[word], MEANINGS.index(word)))[:2]
    shares = {word: round(min(odds[word] / sum(odds.values()), MOST_SURE), 3) for word in (best, rival)}
    return Meaning(
        word=best,
        confidence=shares[best],
        reasons=tuple(reasons[best]),
        rival=rival if reasons[rival] else "",  # what nothing speaks for is no rival
        rival_confidence=shares[rival] if reasons[rival] else 0.0,
    )


def traits_of(
    rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], pixel_m: tuple[float, float]
) -> tuple[float, float, float]:
    """Measure area, length and width of a group of pixels.

    Length and width are those of the rectangle along the main axis that has the group's second moments
    (a uniform side of length L has the variance L² / 12); a single pixel is as long as it is wide.

    Parameters
    ----------
    rows, columns
        Its pixels.
    pixel_m
        Sides of a pixel in metres: across columns, along rows.
    """
    across, along = pixel_m
    x, y = columns * across, rows * along
    own = np.array([across**2, along**2]) / 12  # a pixel is no point
    spread = np.cov(np.stack([x, y]), bias=True) if rows.size > 1 else np.zeros((2, 2))
    sides = np.sqrt(12 * np.maximum(np.linalg.eigvalsh(spread + np.diag(own)), 1e-9))
    length, width = float(sides[1]), float(sides[0])
    # A bent line has wide moments: its true width is its area over its length.
    area = rows.size * across * along
    return area, length, min(width, max(area / length, min(across, along)))


def radar_meaning(
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
    pixel_m: tuple[float, float],
    rose: bool,
    month: int,
    lat_deg: float,
    change_db: Mapping[str, float] | None = None,
) -> Meaning:
    """Weigh what a radar alert shows: its shape, less what the filter adds, sign, strength and season.

    Parameters
    ----------
    rows, columns
        Pixels of the alert.
    pixel_m
        Sides of a pixel in metres: across columns, along rows.
    rose
        Whether the echo rose.
    month, lat_deg
        When it began and where it lies.
    change_db
        By how much the echo changed in ``vv`` and ``vh``, where that is known.
    """
    told = change_db or {}
    area_m2, seen_long_m, seen_wide_m = traits_of(rows, columns, pixel_m)
    over_m = 2 * _RADAR_REACH_PX * max(pixel_m)
    width_m = max(seen_wide_m - over_m, min(pixel_m))
    length_m = max(seen_long_m - over_m, width_m)
    return meaning_of(
        Traits(
            area_m2=area_m2 * length_m * width_m / (seen_long_m * seen_wide_m),
            length_m=length_m,
            width_m=width_m,
            radar=1.0 if rose else -1.0,
            vv_db=told.get("vv", math.nan),
            vh_db=told.get("vh", math.nan),
            month=month,
            lat_deg=lat_deg,
        )
    )


def indices_change(
    before: npt.NDArray[np.floating],
    after: npt.NDArray[np.floating],
    names: Sequence[str],
    rest: npt.NDArray[np.floating],
) -> dict[str, float]:
    """Measure the change of the indices of one object from the mean of its pixels.

    Parameters
    ----------
    before, after
        Reflectance or digital numbers, arrays (bands, pixels).
    names
        Descriptions of the bands (blue, green, red, nir08, swir16, swir22); what is missing gives NaN.
    rest
        Mean of the unchanged rest of the scene before, array (bands,).
    """
    around = {word: float(rest[layer]) for layer, word in enumerate(names) if word}
    means = {
        word: (float(before[layer].mean()), float(after[layer].mean()))
        for layer, word in enumerate(names)
        if word
    }

    def index(one: str, two: str) -> float:
        if one not in means or two not in means:
            return math.nan
        (a0, a1), (b0, b1) = means[one], means[two]
        return _ratio(a1, b1) - _ratio(a0, b0)

    visible = [means[word] for word in ("blue", "green", "red") if word in means]
    dark, bright = (sum(pair[date] for pair in visible) for date in (0, 1))
    green = math.nan
    if "nir08" in means and "red" in means:
        green = _ratio(means["nir08"][0], means["red"][0]) - _ratio(around["nir08"], around["red"])
    return {
        "vegetation_before": green,
        "vegetation_change": index("nir08", "red"),
        # Char takes the near infrared as water does, but not the short-wave infrared (Xu 2006, MNDWI).
        "water_change": index("green", "swir16" if "swir16" in means else "nir08"),
        "burn_change": index("nir08", "swir22"),
        "brightness_change": _ratio(bright, dark) if visible else math.nan,
    }


def _ratio(one: float, two: float) -> float:
    return (one - two) / (one + two) if one + two > 0 else math.nan


def _facts(traits: Traits) -> list[tuple[float, str, dict[str, float]]]:
    """List (how much it holds 0 … 1, in words, what it speaks for and against)."""
    line = _step(traits.elongation, _LONG) * float(traits.width_m <= _NARROW_M)
    compact = float(traits.elongation < 2.5)
    small, large = float(traits.area_m2 < _SMALL_M2), float(traits.area_m2 > _LARGE_M2)
    middling = 1 - small - large
    rose, fell = float(traits.radar > 0), float(traits.radar < 0)
    less_green, greener = _over(-traits.vegetation_change, 0.12), _over(traits.vegetation_change, 0.12)
    burnt = _over(-traits.burn_change, 0.15)
    brighter = _over(traits.brightness_change, 0.06)
    darker = _over(-traits.brightness_change, 0.06)
    much_brighter = _over(traits.brightness_change, 0.15)
    wetter = _over(traits.water_change, 0.5) * (1 - brighter)  # bare ground and roofs are bright
    colour = float(not math.isnan(traits.vegetation_change))
    bare_before = _over(-traits.vegetation_before, 0.1)
    is_northern = traits.lat_deg >= 0
    growing = (traits.month in _GROWING) == is_northern
    change_db = traits.vh_db if math.isnan(traits.vv_db) else traits.vv_db
    strong, weak = _over(abs(change_db), _STRONG_DB), 1 - _over(abs(change_db), _WEAK_DB)
    weak *= (1 - line) * float(not math.isnan(change_db))
    # Plants scatter within: they give and take the crossed polarisation before the other.
    more_within, less_within = (_over(sign * (traits.vh_db - traits.vv_db), _CROSSED_DB) for sign in (1, -1))
    harvest = float(traits.month > 0 and not math.isnan(traits.lat_deg)) * float(growing) * large * (1 - line)
    return [
        (line, "a narrow line", {"earthwork": 1.2, "track": 1.2, "structure": -1, "vehicle_park": -1}),
        (line * rose, "a line with more echo", {"earthwork": 1.2, "track": -1}),
        (line * fell, "a line with less echo", {"track": 1.2, "earthwork": -1}),
        (line * brighter, "a bright line", {"earthwork": 0.7, "track": 0.9}),
        (line * less_green, "a line without plants", {"earthwork": 0.8, "track": 0.7}),
        (compact * rose * small, "compact, more echo", {"structure": 1.7, "vehicle_park": 1.9}),
        (compact * rose * middling, "a hectare or more, more echo", {"structure": 1.9, "vehicle_park": 1.5}),
        (compact * rose * large, "large, more echo", {"structure": 0.8, "unknown": 0.4}),
        (compact * brighter * less_green, "bright, bare, compact", {"structure": 1.6, "earthwork": 0.8}),
        (compact * much_brighter * less_green, "very bright", {"structure": 1.0}),
        (
            compact * small * brighter * (1 - much_brighter) * less_green,
            "small, a little brighter, without plants",
            {"vehicle_park": 2.2},
        ),
        (
            compact * darker * small * (1 - wetter) * (1 - burnt) * colour,
            "small and darker",
            {"vehicle_park": 2.2},
        ),
        (compact * small * burnt * bare_before, "a small place without plants, charred", {"destroyed": 3.0}),
        (
            compact * rose * strong * (1 - large) * (1 - more_within),
            "as strong as corners return",
            {"structure": 1.2, "vehicle_park": 1.2, "unknown": -0.4},
        ),
        (rose * weak, "a weak rise, as of wet or rough soil", {"unknown": 0.8}),
        (rose * more_within * (1 - line), "more from within plants", {"unknown": 1.2}),
        (fell * large * strong * (1 - less_within), "as little as water returns", {"flooding": 1.2}),
        (fell * large * less_within, "less from within plants", {"burnt": 1.2, "flooding": -0.8}),
        (fell * weak, "a weak fall, as of drying soil", {"unknown": 0.8}),
        (fell * compact * small * strong, "corners are gone", {"destroyed": 1.2, "unknown": -0.4}),
        (fell * large, "wide, less echo", {"flooding": 2.2, "burnt": 1.2, "destroyed": 0.3}),
        (fell * compact * small, "compact, less echo", {"destroyed": 1.9}),
        (wetter * (1 - greener), "wetter", {"flooding": 2.6, "burnt": -1.5, "structure": -1.0}),
        (burnt * (1 - brighter), "charred", {"burnt": 2.0, "structure": -0.8, "track": -0.5}),
        (burnt * darker, "charred and darker", {"burnt": 0.6}),
        (burnt * large, "charred over a wide area", {"burnt": 0.7}),
        (burnt * bare_before, "nothing green to burn", {"burnt": -1.5}),
        (less_green * (1 - burnt) * (1 - brighter) * (1 - wetter), "fewer plants only", {"unknown": 0.6}),
        (greener, "greener", {"unknown": 2.5}),
        (harvest * (1 - wetter), "fields change in this season", {"unknown": 1.0}),
        (bare_before * compact, "bare before", {"structure": 0.3, "vehicle_park": 0.3}),
    ]


def _step(value: float, middle: float) -> float:
    return 1 / (1 + math.exp(-_SHARP * (value - middle)))


def _over(value: float, middle: float) -> float:
    """Tell how clearly a value lies over its limit, 0 … 1; NaN tells nothing."""
    if math.isnan(value):
        return 0.0
    return min(max((value - middle / 2) / middle, 0.0), 1.0)
