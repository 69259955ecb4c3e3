"""The agreement file: read, checked, and made into rules and zones (contract zone, section 1)."""

import difflib
import math
import pkgutil
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

import msgspec

from truceline.geo.line import Curve
from truceline.geo.zone import Area, Belt, LineVersion, Period, Sector, Site, Zones
from truceline.model.classes import BASE_KINDS
from truceline.model.errors import BadInput
from truceline.plug import Rule, find
from truceline.rules import kinds
from truceline.rules.clause import Clause, Terms
from truceline.rules.match import Alternatives, ClassList, Condition
from truceline.rules.place_file import Part, read_lines, read_rings
from truceline.rules.tables import (
    AgreementTable,
    BoundsTable,
    ClassTable,
    DecisionTable,
    LineTable,
    PartyTable,
    SectorTable,
    SiteTable,
    ZoneTable,
)

_BOUNDS = BoundsTable.__struct_fields__
GENERIC_KEYS = ("type", "id", "article", "text", *_BOUNDS)


class Provision(msgspec.Struct, frozen=True):
    """One rule of an agreement with its type, period and the parties it binds."""

    rule: Rule
    type: str
    period: Period
    bound: frozenset[str]
    zones: tuple[str, ...]


class Agreement(msgspec.Struct, frozen=True):
    """An agreement that was read and holds together."""

    id: str
    title: str
    period: Period
    parties: Mapping[str, PartyTable]
    provisions: tuple[Provision, ...]
    zones: Zones
    min_confidence: float
    class_ids: Mapping[str, Mapping[str, Alternatives]]

    def party_on(self, side: str | None) -> str | None:
        """Name the party whose side this is; None: none, or more than one."""
        found = [party.id for party in self.parties.values() if party.side == side]
        return found[0] if len(found) == 1 and side in ("A", "B") else None

    def base_kinds(self, words: Iterable[str]) -> tuple[str, ...]:
        """Resolve base kinds and class ids into base kinds, conditions left out."""
        kinds: dict[str, None] = {}
        for word in words:
            kinds.update(dict.fromkeys(self.class_ids.get(word, (word,))))
        return tuple(kinds)


def read_agreement(path: Path) -> Agreement:
    """Read an agreement and all the files it names.

    Raises
    ------
    BadInput
        If anything in it is wrong; the place is file, table and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        tables = tomllib.loads(text)
    except OSError as error:
        raise BadInput(str(path), f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(path.name, f"is not TOML: {error}") from error
    return _Reader(path, text, tables).read()


class _Reader:
    """Reads one file; knows where in it a table stands."""

    def __init__(self, path: Path, text: str, tables: dict[str, Any]) -> None:
        self.path, self.text = path, text
        self.rules = tables.pop("rule", [])
        if not isinstance(self.rules, list) or not all(isinstance(rule, dict) for rule in self.rules):
            raise BadInput(path.name, "rule: expected tables, [[rule]]")
        self.raw = tables
        self.head = self._convert_head()

    def read(self) -> Agreement:
        head = self.head
        for word in ("party", "sector", "zone", "site", "class"):
            self._distinct(word, [table.id for table in getattr(head, "class_" if word == "class" else word)])
        self._distinct("rule", [str(rule.get("id")) for rule in self.rules])
        self._refuse_nan({**self.raw, "rule": self.rules})
        self.classes = {table.id: self._class(i, table, ()) for i, table in enumerate(head.class_)}
        self.parties = {party.id: party for party in head.party}
        if "unknown" in self.parties:
            raise BadInput(self._at("party", 0), "`unknown` cannot be a party's id")
        period = Period(head.in_force_from, head.in_force_until)
        zones = Zones(
            self._lines(),
            [self._zone(i, table) for i, table in enumerate(head.zone)],
            self._sectors(),
            [self._site(i, table) for i, table in enumerate(head.site)],
        )
        self._refuse_empty(zones)
        provisions = self._with_exceptions([self._rule(i, raw, period) for i, raw in enumerate(self.rules)])
        return Agreement(
            head.id, head.title, period, self.parties, tuple(provisions), zones,
            head.decision.min_confidence, self.classes,
        )  # fmt: skip

    def _refuse_nan(self, tables: Mapping[str, Any]) -> None:
        """Refuse what compares with nothing: a limit that is NaN would let everything through."""
        for word, value in tables.items():
            for i, table in enumerate(value if isinstance(value, list) else [value]):
                for key, number in table.items() if isinstance(table, dict) else ():
                    if isinstance(number, float) and math.isnan(number):
                        raise BadInput(self._at(word, i, key), f"`{key}` is no number")

    def _convert_head(self) -> AgreementTable:
        for word, value in self.raw.items():
            fields = [field.encode_name for field in msgspec.structs.fields(AgreementTable)]
            self._known(word, fields, "", self.path.name, "key")
            items = value if isinstance(value, list) else [value] if word == "decision" else []
            for i, item in enumerate(items):
                struct = _TABLES.get(word)
                if struct is None or not isinstance(item, dict):
                    continue
                keys = [f.encode_name for f in msgspec.structs.fields(struct)]
                for key in item:
                    self._known(key, keys, "", self._at(word, i, key), "key")
        try:
            return msgspec.convert(self.raw, AgreementTable)
        except msgspec.ValidationError as error:
            where = re.search(r"\$\.([a-z]+)\[(\d+)\]", str(error))
            place = self._at(where[1], int(where[2])) if where else self.path.name
            raise BadInput(place, str(error)) from error

    def _at(self, table: str, index: int, key: str = "") -> str:
        """Name file, table and line."""
        headers = list(re.finditer(rf"(?m)^[ \t]*\[\[?[ \t]*{table}[ \t]*\]\]?", self.text))
        if index >= len(headers):
            return f"{self.path.name}: {table}[{index}]"
        at = headers[index].start()
        if key:
            found = re.compile(rf'(?m)^[ \t]*"?{re.escape(key)}"?[ \t]*=').search(self.text, at)
            at = found.start() if found else at
        return f"{self.path.name}:{self.text.count(chr(10), 0, at) + 1}: {table}[{index}]"

    def _known(self, word: str, known: Iterable[str], what: str, place: str, noun: str) -> None:
        known = sorted(known)
        if word in known:
            return
        near = difflib.get_close_matches(word, known, 1, 0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known) or 'none'}"
        raise BadInput(place, f"{what + ': ' if what else ''}unknown {noun} `{word}`, {hint}")

    def _distinct(self, table: str, ids: Sequence[str]) -> None:
        for i, word in enumerate(ids):
            if word in ids[:i]:
                raise BadInput(self._at(table, i), f"the id `{word}` is there already")

    def _class(self, i: int, table: ClassTable, above: tuple[str, ...]) -> dict[str, Alternatives]:
        others = {other.id: other for other in self.head.class_}
        if table.id in BASE_KINDS:
            raise BadInput(self._at("class", i), f"`{table.id}` is a base kind already")
        own = tuple(
            Condition(attribute, least, beyond)
            for attribute, least, beyond in (
                ("calibre_mm", table.min_calibre_mm, False),
                ("range_km", table.over_range_km, True),
                ("range_km", table.min_range_km, False),
            )
            if least is not None
        )
        found: dict[str, Alternatives] = {}
        for word in table.kinds:
            self._known(word, {*BASE_KINDS, *others}, "kinds", self._at("class", i), "class")
            if word in above or word == table.id:
                raise BadInput(self._at("class", i), f"`{word}` holds itself")
            inner: dict[str, Alternatives] = {word: ((),)}
            if word in others:
                inner = self._class(i, others[word], (*above, table.id))
            for kind, alternatives in inner.items():
                found[kind] = found.get(kind, ()) + tuple((*more, *own) for more in alternatives)
        return found

    def _class_list(self, words: Sequence[str], place: str, what: str, inverted: bool = False) -> ClassList:
        if "*" in words:
            return ClassList(everything=True, is_inverted=inverted)
        kinds: dict[str, Alternatives] = {}
        for word in words:
            self._known(word, {*BASE_KINDS, *self.classes}, what, place, "class")
            for kind, alternatives in self.classes.get(word, {word: ((),)}).items():
                kinds[kind] = kinds.get(kind, ()) + alternatives
        return ClassList(kinds, is_inverted=inverted)

    def _lines(self) -> list[LineVersion]:
        versions: list[LineVersion] = []
        for i, table in enumerate(self.head.line):
            place, period = self._at("line", i), Period(table.valid_from, table.valid_until)
            if any(v.id == table.id and v.period.overlaps(period) for v in versions):
                raise BadInput(place, f"two versions of the line `{table.id}` overlap in time")
            curve = Curve(self._beside(place, table.path, table.feature, read_lines))
            versions.append(LineVersion(table.id, curve, table.side_left, period))
        return versions

    def _beside(
        self, place: str, name: str, feature: str | None, read: Callable[[Path, str | None], list[Part]]
    ) -> list[Part]:
        path = self.path.parent / name
        if not path.is_file():
            raise BadInput(place, f"the file `{name}` is missing")
        try:
            return read(path, feature)
        except BadInput as error:
            raise BadInput(place, str(error)) from error

    def _sectors(self) -> Iterable[Sector]:
        for i, table in enumerate(self.head.sector):
            lines = {line.id for line in self.head.line}
            self._known(table.line, lines, "line", self._at("sector", i, "line"), "line")
            start, end = (
                limit if isinstance(limit, str) else (limit[1], limit[0])
                for limit in (table.start, table.end)
            )
            yield Sector(table.id, table.line, start, end)

    def _refuse_empty(self, zones: Zones) -> None:
        """Refuse a sector that ends before it begins on every version of its line."""
        for i, sector in enumerate(zones.sectors.values()):
            limits = [zones.stretch_m(sector.id, version) for version in zones.lines[sector.line]]
            if all(first_m >= last_m for first_m, last_m in limits):
                place = self._at("sector", i)
                raise BadInput(place, "`from` does not lie before `to` along the line: nothing is in it")

    def _zone(self, i: int, table: ZoneTable) -> Belt | Area:
        place = self._at("zone", i)
        belt_keys = ("line", "side", "inner_m", "outer_m", "sector", "ends")
        if table.polygon is not None:
            for key in belt_keys:
                if getattr(table, key) is not None:
                    raise BadInput(place, f"a zone with `polygon` has no `{key}`")
            rings = self._beside(place, table.polygon, table.feature, read_rings)
            return Area(table.id, tuple(rings), Period(table.valid_from, table.valid_until))
        if table.feature is not None:
            raise BadInput(place, "`feature` belongs to `polygon`")
        if table.line is None or table.side is None or table.inner_m is None or table.outer_m is None:
            missing = [key for key in belt_keys[:4] if getattr(table, key) is None]
            raise BadInput(place, f"`{missing[0]}` is missing (or `polygon`)")
        if table.inner_m >= table.outer_m:
            raise BadInput(place, f"inner_m {table.inner_m:g} must be less than outer_m {table.outer_m:g}")
        self._known(table.line, {line.id for line in self.head.line}, "line", place, "line")
        if table.sector is not None:
            sectors = {sector.id: sector.line for sector in self.head.sector}
            self._known(table.sector, sectors, "sector", place, "sector")
            if sectors[table.sector] != table.line:
                raise BadInput(place, f"the sector `{table.sector}` belongs to another line")
        return Belt(
            table.id, table.line, table.side, table.inner_m, table.outer_m, table.sector,
            table.ends or "flat", Period(table.valid_from, table.valid_until),
        )  # fmt: skip

    def _site(self, i: int, table: SiteTable) -> Site:
        self._class_list(table.classes or (), self._at("site", i), "classes")
        return Site(table.id, table.lat_deg, table.lon_deg, table.radius_m)

    def _rule(self, i: int, raw: Mapping[str, Any], period: Period) -> Provision:
        place = self._at("rule", i)
        for key in ("id", "type", "article"):
            if not isinstance(raw.get(key), str) or not raw[key]:
                raise BadInput(place, f"`{key}` is missing or no text")
        if raw.get("zone") == []:
            raise BadInput(self._at("rule", i, "zone"), "`zone` is empty: name a zone, or leave it out")
        plug = self._plug(raw["type"], self._at("rule", i, "type"))
        fields = {field.encode_name for field in msgspec.structs.fields(plug)} - {"terms"}
        for key in raw:
            self._known(key, {*fields, *GENERIC_KEYS}, f"rule `{raw['id']}`", self._at("rule", i, key), "key")
        own = {"text": "", **{key: value for key, value in raw.items() if key in fields}}
        if not issubclass(plug, Clause) and isinstance(own.get("classes"), list):
            own["classes"] = list(self._class_list(own["classes"], place, "classes").kinds)
        try:
            rule = msgspec.convert(own, plug)
            bounds = msgspec.convert({k: raw[k] for k in raw if k in _BOUNDS}, BoundsTable)
        except msgspec.ValidationError as error:
            raise BadInput(f"{place} `{raw['id']}`", str(error)) from error
        return self._provision(rule, raw["type"], bounds, period, place)

    def _plug(self, word: str, place: str) -> type[Rule]:
        try:
            return cast(type[Rule], find("rules.kinds", word))
        except BadInput as error:
            known = rule_types()
            near = difflib.get_close_matches(word, known, 1, 0.5)
            hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"
            raise BadInput(place, f"unknown rule type `{word}`, {hint}") from error

    def _provision(self, rule: Rule, word: str, bounds: BoundsTable, period: Period, place: str) -> Provision:
        parties = bounds.parties
        for party in parties:
            self._known(party, {*self.parties, "*"}, f"rule `{rule.id}`", place, "party")
        bound = frozenset(
            self.parties if "*" in parties
            else parties or [p.id for p in self.parties.values() if p.side != "none"]
        )  # fmt: skip
        own = Period(bounds.valid_from or period.from_utc, bounds.valid_until or period.until_utc)
        zone = getattr(rule, "zone", ())
        zones = (zone,) if isinstance(zone, str) else tuple(zone or ())
        for zone_id in zones:
            known = {table.id for table in self.head.zone}
            self._known(zone_id, known, f"rule `{rule.id}`", place, "zone")
        line = getattr(rule, "line", None)
        if line is not None:
            known = {table.id for table in self.head.line}
            self._known(line, known, f"rule `{rule.id}`", place, "line")
        for other in getattr(rule, "applies_to", ()):
            known = {str(r.get("id")) for r in self.rules}
            self._known(other, known, f"rule `{rule.id}`", place, "rule")
        if isinstance(rule, Clause):
            rule = msgspec.structs.replace(rule, terms=self._terms(rule, own, bound, zones, place))
        return Provision(rule, word, own, bound, zones)

    def _terms(
        self, rule: Clause, period: Period, bound: frozenset[str], zones: tuple[str, ...], place: str
    ) -> Terms:
        classes = None
        banned, allowed = getattr(rule, "classes", None), getattr(rule, "only_classes", None)
        if banned is not None and allowed is not None:
            raise BadInput(place, f"rule `{rule.id}`: `classes` or `only_classes`, not both")
        if hasattr(rule, "only_classes") and banned is None and allowed is None:
            raise BadInput(place, f"rule `{rule.id}`: `classes` or `only_classes` is missing")
        if banned is not None or allowed is not None:
            classes = self._class_list(banned or allowed or (), place, "classes", banned is None)
        sites = {table.id: table for table in self.head.site}
        admitted = []
        for site in getattr(rule, "except_sites", ()):
            self._known(site, sites, f"rule `{rule.id}`", place, "site")
            words = sites[site].classes
            admitted.append((site, None if words is None else self._class_list(words, place, "classes")))
        decision = self.head.decision
        return Terms(
            period=period,
            bound=bound,
            sides={party.id: party.side for party in self.parties.values()},
            min_confidence=decision.min_confidence,
            join_gap_s=decision.join_gap_s,
            count_window_s=decision.count_window_s,
            classes=classes,
            zones=zones,
            sites=tuple(admitted),
        )

    def _with_exceptions(self, provisions: Sequence[Provision]) -> list[Provision]:
        found = []
        for provision in provisions:
            rule = provision.rule
            covering = tuple(
                p.rule
                for p in provisions
                if rule.id in getattr(p.rule, "applies_to", ()) and p.rule is not rule
            )
            if covering and isinstance(rule, Clause):
                terms = msgspec.structs.replace(rule.terms, exceptions=covering)
                rule = msgspec.structs.replace(rule, terms=terms)
            found.append(msgspec.structs.replace(provision, rule=rule))
        return found


_TABLES: dict[str, type[msgspec.Struct]] = {
    "decision": DecisionTable, "party": PartyTable, "line": LineTable, "sector": SectorTable,
    "zone": ZoneTable, "site": SiteTable, "class": ClassTable,
}  # fmt: skip


def rule_types() -> list[str]:
    """List the rule types there are: ours and those of entry points."""
    ours = {module.name for module in pkgutil.iter_modules(kinds.__path__)}
    return sorted(ours | {entry.name for entry in entry_points(group="truceline.rules.kinds")})
