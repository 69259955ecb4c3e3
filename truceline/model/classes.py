"""What a thing is: one table from base kinds to probabilities, symbols and CoT types (contract classes)."""

from typing import NamedTuple

FUSION_CLASSES = ("car", "truck", "armoured", "artillery", "person", "aircraft", "other")


class BaseKind(NamedTuple):
    """One row: fusion class (None: no information), symbol set, entity, CoT path."""

    fusion: str | None
    symbol_set: str
    entity: str
    cot: str


BASE_KINDS: dict[str, BaseKind] = {
    "soldier": BaseKind("person", "10", "121100", "G-U-C-I"),
    "person_unarmed": BaseKind("person", "11", "110300", "G"),
    "civilian": BaseKind("person", "11", "110300", "G"),
    "police": BaseKind("person", "15", "170700", "G-U-U-L"),
    "light_vehicle": BaseKind("car", "15", "140100", "G-E-V-U"),
    "civilian_vehicle": BaseKind("car", "15", "160100", "G-E-V-C"),
    "truck": BaseKind("truck", "15", "140900", "G-E-V-U-X"),
    "tank": BaseKind("armoured", "15", "120200", "G-E-V-A-T"),
    "ifv": BaseKind("armoured", "15", "120101", "G-E-V-A-I"),
    "apc": BaseKind("armoured", "15", "120103", "G-E-V-A-A"),
    "artillery": BaseKind("artillery", "15", "110900", "G-E-W-H"),
    "mortar": BaseKind("artillery", "15", "111400", "G-E-W-O"),
    "mlrs": BaseKind("artillery", "15", "111600", "G-E-W-X"),
    "tactical_missile": BaseKind("artillery", "15", "111300", "G-E-W-M-S"),
    "sam_launcher": BaseKind("artillery", "15", "111100", "G-E-W-M-A"),
    "aa_gun": BaseKind("artillery", "15", "110500", "G-E-W-A"),
    "atgm": BaseKind("artillery", "15", "111200", "G-E-W-M-T"),
    "aircraft_fixed": BaseKind("aircraft", "01", "110100", "A-M-F"),
    "aircraft_rotary": BaseKind("aircraft", "01", "110200", "A-M-H"),
    "uav": BaseKind("aircraft", "01", "110300", "A-M-F-Q"),
    "balloon": BaseKind("aircraft", "01", "110500", "A-M-L"),
    "aircraft_unknown": BaseKind("aircraft", "01", "000000", "A"),
    "radar": BaseKind("other", "15", "220300", "G-E-S-R"),
    "jammer": BaseKind("other", "10", "150800", "G-U-U-M-S-E"),
    "engineering_vehicle": BaseKind("other", "15", "130000", "G-E-V-E"),
    "ship_patrol": BaseKind("other", "30", "120500", "S-C-P"),
    "ship_other": BaseKind("other", "30", "140000", "S-X"),
    "guard_post": BaseKind("other", "20", "110000", "G-I"),
    "fortification": BaseKind("other", "25", "280900", "G-I"),
    "construction": BaseKind("other", "20", "000000", "G-I"),
    "minefield": BaseKind("other", "15", "210100", "G-E-X-M"),
    "unknown": BaseKind(None, "10", "000000", "G"),
}

CANDIDATES: dict[str, tuple[str, ...]] = {
    "person": ("soldier", "person_unarmed", "police", "civilian"),
    "car": ("light_vehicle", "civilian_vehicle"),
    "truck": ("truck", "civilian_vehicle", "engineering_vehicle"),
    "armoured": ("tank", "ifv", "apc"),
    "artillery": ("artillery", "mortar", "mlrs", "tactical_missile", "sam_launcher", "aa_gun", "atgm"),
}

# Contract classes, section 3: what a changed place means for the agreement's rules.
MEANING_CANDIDATES: dict[str, tuple[str, ...]] = {
    "earthwork": ("fortification", "construction"),
    "structure": ("construction", "guard_post", "fortification"),
    "track": ("construction",),
    "vehicle_park": (
        "light_vehicle", "civilian_vehicle", "truck", "engineering_vehicle",
        "tank", "ifv", "apc", "artillery", "mlrs",
    ),
}  # fmt: skip
CHANGE_WORDS = {
    "earthwork": ", maybe an earthwork",
    "structure": ", maybe a structure",
    "track": ", maybe a track or road",
    "vehicle_park": ", maybe parked vehicles",
    "burnt": ", maybe burnt ground",
    "destroyed": ", maybe destruction",
    "flooding": ", maybe flooding",
    "unknown": "",
}
SURFACE_CHANGE = "surface_change"
MEANING_ACTIVITIES = {
    "burnt": "burnt",
    "destroyed": "destroyed",
    "flooding": "flooding",
    "unknown": SURFACE_CHANGE,
}

CATEGORY_COLUMNS: dict[str, tuple[str, ...]] = {
    "person": ("person",),
    "car": ("car",),
    "van": ("car",),
    "motorbike": ("car",),
    "bicycle": ("car",),
    "truck": ("truck",),
    "bus": ("truck",),
    "trailer": ("truck",),
    "other_vehicle": ("truck", "armoured", "artillery", "other"),
}

INCIDENT_ENTITIES = {"explosion_cluster": "110600", "shot_cluster": "110400"}
_IDENTITY = {"own": "3", "party": "4", "unknown": "1"}


def probabilities(category: str, score: float) -> dict[str, float]:
    """Spread a picture category's score over the seven fusion classes (contract classes, section 2)."""
    columns = CATEGORY_COLUMNS.get(category)
    if columns is None:
        return dict.fromkeys(FUSION_CLASSES, 1 / len(FUSION_CLASSES))
    rest = (1 - score) / (len(FUSION_CLASSES) - len(columns))
    return {word: score / len(columns) if word in columns else rest for word in FUSION_CLASSES}


def candidates(probability: dict[str, float]) -> tuple[tuple[str, ...], float]:
    """Name the base kinds that a thing may be, without claiming more than was seen.

    Parameters
    ----------
    probability
        Fusion class → probability, sum 1.

    Returns
    -------
    tuple
        The candidates, one kind when it is written as ``class``, and the sum of the
        probabilities they rest on.
    """
    total = 0.0
    taken: list[str] = []
    for word in sorted(FUSION_CLASSES, key=lambda w: (-probability[w], FUSION_CLASSES.index(w))):
        taken.append(word)
        total += probability[word]
        if total >= 0.9 - 1e-9:
            break
    if "other" in taken or ("aircraft" in taken and len(taken) > 1):
        return ("unknown",), total
    if taken == ["aircraft"]:
        return ("aircraft_unknown",), total
    return tuple(dict.fromkeys(kind for word in taken for kind in CANDIDATES[word])), total


def sidc(kind: str, identity: str, exercise: bool) -> str:
    """Write the 20-digit symbol code of a base kind (MIL-STD-2525D, APP-6D).

    Parameters
    ----------
    kind
        Base kind.
    identity
        ``own`` (friend), ``party`` (neutral, both parties alike and civilians) or ``unknown``.
        A monitor has no enemy: hostile and suspect do not exist here.
    exercise
        Whether the thing is part of an exercise.
    """
    row = BASE_KINDS[kind]
    return f"10{int(exercise)}{_IDENTITY[identity]}{row.symbol_set}0000{row.entity}0000"


def incident_sidc(class_: str, exercise: bool) -> str:
    """Write the symbol code of an incident."""
    return f"10{int(exercise)}1400000{INCIDENT_ENTITIES.get(class_, '110000')}0000"


def from_cot(cot_type: str) -> str:
    """Find the base kind of a CoT type by the longest path it begins with."""
    path = "-".join(cot_type.split("-")[2:])
    matching = [
        kind
        for kind, row in BASE_KINDS.items()
        if (path == row.cot or path.startswith(row.cot + "-")) and row.cot not in ("G", "A")
    ]
    if matching:
        return max(matching, key=lambda kind: len(BASE_KINDS[kind].cot))
    return "aircraft_unknown" if path.startswith("A") else "unknown"
