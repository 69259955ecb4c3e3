"""The daily report: what was seen, what could not be seen and why, and what the mission did."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal
from xml.etree.ElementTree import Element

from truceline.documents.markup import bullets, element, page, table
from truceline.documents.sky import looked_again, overpasses
from truceline.documents.words import GLOSSARY, STYLE, VERDICTS, assessed, means, sentence
from truceline.geo.crs import distance_m
from truceline.model.decided import Incident
from truceline.model.errors import BadInput
from truceline.model.place import Point, Span
from truceline.plug import Document
from truceline.view.board import IncidentItem, RecommendationItem
from truceline.view.views import Views
from truceline.view.watch import Gap

_MOST_GAPS = 60  # rows of the table of gaps; the rest is summed in one line
Party = Literal["A", "B"]

_BECAUSE = {"other": "nothing came from a source that owed it", "access_denied": "access was denied"}


class Daily(Document):
    """Writes a day (or any span) as one self-contained HTML page that prints in grey.

    Parameters
    ----------
    title
        Name of the mission.
    languages
        Languages of the text; English so far.
    exercise
        Whether nothing in it is real: every page then says so.
    party
        Only what was released to this party, nothing of what the mission watches or plans.
    entries, root_sha256
        Size and root of the log that it rests on, for the footer.
    """

    title: str = "Daily report"
    languages: tuple[Literal["en"], ...] = ("en",)
    exercise: bool = False
    party: Party | None = None
    entries: int | None = None
    root_sha256: str | None = None

    def write(self, views: Views, span: Span) -> bytes:
        """Write the report of a span.

        Raises
        ------
        BadInput
            If the span is empty.
        """
        if span.until_utc <= span.from_utc:
            raise BadInput("span", f"ends {_time(span.until_utc)}, before it begins")
        return page(
            element(
                "html",
                element(
                    "head",
                    element("meta", charset="utf-8"),
                    element("title", f"{self.title} {_time(span.from_utc)}"),
                    element("style", STYLE),
                ),
                element("body", *self._body(views, span)),
                lang="en",
            )
        )

    def _body(self, views: Views, span: Span) -> Iterator[Element]:
        shown = self._incidents(views, span)
        if self.exercise:
            yield element("p", "EXERCISE · nothing in this report is real", class_="exercise")
        yield element("h1", self.title)
        if self.party is not None:
            yield element("p", f"Copy for party {self.party}: only what was released to it.")
        yield element(
            "p",
            f"{_time(span.from_utc)} to {_time(span.until_utc)}. Based on information taken in as of "
            f"{_time(views.watch.now_utc)}. All times are UTC.",
        )
        yield element("h2", "Summary")
        yield bullets(self._summary(views, span, shown))
        yield element("h2", "Counts")
        yield from self._counts(views, span, shown)
        if self.party is None:
            yield element("h2", "What could not be observed, and why")
            yield from _unobserved(views, span, shown)
            yield from overpasses(views, span)
        yield element("h2", "Incidents")
        yield from _incident_rows(views, shown)
        if self.party is None:
            yield element("h2", "What the mission decided and did")
            yield from _decisions(views, span)
        yield element("h2", "Words used")
        yield element(
            "dl",
            *(child for word, what in GLOSSARY for child in (element("dt", word), element("dd", what))),
        )
        yield self._footer()

    def _incidents(self, views: Views, span: Span) -> list[IncidentItem]:
        items = views.board.released(self.party) if self.party is not None else views.board.incidents()
        return [item for item in items if _meets(item.incident, span)]

    def _summary(self, views: Views, span: Span, shown: Sequence[IncidentItem]) -> Iterator[str]:
        count = Counter(_verdict(item.incident) for item in shown)
        if not shown and self.party is not None:
            yield f"No incident of this span is released to party {self.party}."
        elif not shown:
            yield "No incident is in force for this span."
        for verdict in VERDICTS:
            if count[verdict]:
                said = "" if verdict == "reported" else "assessed as "
                yield f"{_plural(count[verdict], 'incident')} {said}{VERDICTS[verdict]}."
        if self.party is not None:
            return
        length = views.watch.line_km()
        if length:
            share = views.watch.observed_share(span.from_utc, span.until_utc)
            yield f"{share * 100:.0f} % of the line ({length:.1f} km) × time was observed."
            if share < 1:
                yield "Counts marked † are lower bounds: part of the line was not observed."
        else:
            yield "Without an agreed line nothing can be said of what was not observed."
        decided = [
            item for item in views.board.recommendations() if _within(item.recommendation.now_utc, span)
        ]
        if decided:
            states = Counter(item.state for item in decided)
            words = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
            yield f"{_plural(len(decided), 'recommendation')}: {words}."

    def _counts(self, views: Views, span: Span, shown: Sequence[IncidentItem]) -> Iterator[Element]:
        sector = _sectors(views)
        rows = Counter((sector(item.incident), _verdict(item.incident)) for item in shown)
        before = Span(from_utc=span.from_utc - (span.until_utc - span.from_utc), until_utc=span.from_utc)
        previous = Counter(_verdict(item.incident) for item in self._incidents(views, before))
        blind = views.watch.observed_share(span.from_utc, span.until_utc) < 1 and views.watch.line_km() > 0
        mark = "†" if blind and self.party is None else ""
        lines = [
            [place, *(f"{rows[place, verdict]}{mark}" for verdict in VERDICTS)]
            for place in sorted({place for place, _ in rows})
        ]
        total = Counter(_verdict(item.incident) for item in shown)
        lines.append(["all", *(f"{total[verdict]}{mark}" for verdict in VERDICTS)])
        lines.append(["all, span before", *(str(previous[verdict]) for verdict in VERDICTS)])
        yield table(("Sector", *VERDICTS.values()), lines, "Incidents in force, by sector and verdict")

    def _footer(self) -> Element:
        entries = f"{self.entries} entries" if self.entries is not None else "the log"
        root = f", root {self.root_sha256}" if self.root_sha256 is not None else ""
        return element("footer", f"Rests on {entries}{root}. Every number in it can be traced with the log.")


def _unobserved(views: Views, span: Span, shown: Sequence[IncidentItem]) -> Iterator[Element]:
    until = min(span.until_utc, views.watch.now_utc)
    gaps = views.watch.gaps(span.from_utc, until) if until > span.from_utc else []
    most = sorted(gaps, key=lambda gap: (-_extent(gap), gap.from_utc, gap.km_from))[:_MOST_GAPS]
    if gaps:
        yield table(
            ("Place", "From", "Until", "Because", "Looked at again"),
            [
                (
                    f"km {gap.km_from:.1f} to {gap.km_to:.1f}",
                    _time(gap.from_utc),
                    _time(gap.until_utc),
                    gap.reason,
                    looked_again(views, gap, until),
                )
                for gap in sorted(most, key=lambda gap: (gap.from_utc, gap.km_from))
            ],
            "Stretches of the line that nobody looked at",
        )
        rest = sum(_extent(gap) for gap in gaps) - sum(_extent(gap) for gap in most)
        if len(gaps) > len(most):
            text = (
                f"{len(gaps) - len(most)} smaller stretches are not listed, {rest:.0f} km × hours together."
            )
            yield element("p", text)
    troubled = [item for item in views.watch.sources() if item.status != "ok"]
    if troubled:
        yield table(
            ("Source", "State", "Last piece", "Because"),
            [
                (
                    item.name,
                    item.status,
                    _time(item.last_utc) if item.last_utc else "none",
                    item.reason or "not known",
                )
                for item in troubled
            ],
            f"Sources in trouble as of {_time(views.watch.now_utc)}",
        )
    looks = [item for item in shown if item.incident.verdict == "could_not_observe"]
    if looks:
        by_look: dict[tuple[str, ...], list[IncidentItem]] = {}
        for item in looks:
            by_look.setdefault(item.incident.causes, []).append(item)
        yield bullets(_not_verified(items) for items in by_look.values())
    if not (gaps or troubled or looks):
        yield element("p", "No gap is on record for this span.")


def _not_verified(items: Sequence[IncidentItem]) -> str:
    """Say one look that gave nothing, for every article that it was meant for."""
    first = items[0].incident
    because = ", ".join(_BECAUSE.get(word, word.replace("_", " ")) for word in first.reasons)
    articles = ", ".join(sorted({item.incident.article or "no article" for item in items}))
    entries = ", ".join(str(item.seq) for item in sorted(items, key=lambda one: one.seq))
    when = _time(first.start_utc)
    return (
        f"{_place(first)}: could not be verified because {because or 'of a reason not given'} "
        f"(since {when}; {articles}; entries {entries})."
    )


def _incident_rows(views: Views, shown: Sequence[IncidentItem]) -> Iterator[Element]:
    if not shown:
        yield element("p", "None.")
        return
    rows = []
    for item in shown:
        incident = item.incident
        reports = [
            report.report for one in incident.report_ids if (report := views.reports.get(one)) is not None
        ]
        rows.append(
            (
                _time(incident.start_utc),
                _place(incident),
                sentence(incident),
                means(incident, reports),
                assessed(incident),
                incident.article or "–",
                f"{item.seq} ({item.state.replace('_', ' ')})",
            )
        )
    heads = ("Time", "Place", "What", "Means", "Assessment", "Article", "Entry (state)")
    yield table(heads, rows, "Incidents in force, by time")
    for item in shown:
        said = item.incident.explanation
        if said is not None:
            yield element(
                "section",
                element("h3", f"Entry {item.seq}"),
                element("p", element("b", "What supports it: "), said.supports),
                element("p", element("b", "What speaks against it: "), said.challenges),
                class_="incident",
            )


def _decisions(views: Views, span: Span) -> Iterator[Element]:
    items = [one for one in views.board.recommendations() if _within(one.recommendation.now_utc, span)]
    if not items:
        yield element("p", "Nothing was proposed.")
        return
    yield table(
        ("Proposed", "What", "Became", "Entries"),
        [
            (_time(item.recommendation.now_utc), item.recommendation.action, _became(item), _entries(item))
            for item in items
        ],
        "Recommendations and decisions",
    )
    orders = [one for one in views.board.orders() if _within(one.order.now_utc, span)]
    if orders:
        yield table(
            ("Made", "Unit", "Order", "Last state", "Entry"),
            [(_time(o.order.now_utc), o.order.unit, o.order.text, o.state, str(o.seq)) for o in orders],
            "Orders",
        )


def _became(item: RecommendationItem) -> str:
    if item.decision is not None:
        return f"{item.decision.verdict} by a {item.decision.role}, {_time(item.decision.at_utc)}"
    if item.state == "withdrawn":
        return f"withdrawn: {item.withdrawn_because}"
    return "waits for a decision"


def _entries(item: RecommendationItem) -> str:
    return str(item.seq) if item.decision_seq is None else f"{item.seq}, {item.decision_seq}"


def _sectors(views: Views) -> Callable[[Incident], str]:
    """Find the sector of an incident by the nearest node of the force; else the agreement's zone."""
    nodes = [
        (Point(lat_deg=node.lat_deg, lon_deg=node.lon_deg, ce90_m=0.0), node.sector)
        for node in views.teams.nodes().values()
        if node.lat_deg is not None and node.lon_deg is not None and node.sector is not None
    ]

    def sector(incident: Incident) -> str:
        if incident.lat_deg is None or incident.lon_deg is None:
            return "no place"
        if not nodes:
            return incident.zone or "no sector"
        at = Point(lat_deg=incident.lat_deg, lon_deg=incident.lon_deg, ce90_m=0.0)
        return min((distance_m(at, point), name) for point, name in nodes)[1]

    return sector


def _verdict(incident: Incident) -> str:
    return incident.verdict or "reported"


def _meets(incident: Incident, span: Span) -> bool:
    return incident.start_utc < span.until_utc and incident.end_utc >= span.from_utc


def _within(moment: datetime, span: Span) -> bool:
    return span.from_utc <= moment < span.until_utc


def _extent(gap: Gap) -> float:
    return (gap.km_to - gap.km_from) * ((gap.until_utc - gap.from_utc) / timedelta(hours=1))


def _place(incident: Incident) -> str:
    if incident.lat_deg is None or incident.lon_deg is None:
        return "no place"
    error = f" ± {incident.ce90_m:.0f} m" if incident.ce90_m is not None else ""
    along = f"km {incident.km:.1f}, " if incident.km is not None else ""
    return f"{along}{incident.lat_deg:.5f}, {incident.lon_deg:.5f}{error}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
