// The left side: what waits, sources in trouble, alarms, what is recorded; in the order of the need to act.

import { alarms, alarmsThisHour, shelfOf, type Alarm } from "./alarms";
import { ago, clock, clockNear, HOUR, MINUTE } from "./clock";
import { desk, giveNumbers, incidentsOf, isChanged, now, picture, waiting } from "./desk";
import { byId, make, renew, small } from "./dom";
import { gapsNow, inTrouble, nextPass } from "./head";
import type { Gap, Recommendation } from "./items";
import { kmOf, placeShort, spokenStretch } from "./places";
import { dueWords, incidentTitle, incidentVerdict, ORDER_STATES, plural, SAY, SOURCE_STATES, VERDICTS, CHOICES, type Choice } from "./words";

const LINES = 14;  // lines of what is recorded; older ones are in the log

export function drawQueue(): void {
  if (!desk.ready) return;
  giveNumbers();
  const parts = [...afresh(), cards(), sources(), alarmList(), recorded()];
  renew(byId("queue"), JSON.stringify(parts.map((p) => p.outerHTML)), () => parts);
}

/** The page began afresh: that stands until it was read. */
function afresh(): HTMLElement[] {
  if (!desk.afresh) return [];
  return [make("section", { class: "afresh", role: "status" }, make("p", {}, desk.afresh), make("p", {}, make("button", { "data-afresh-read": true, "data-at": "afresh" }, SAY.afreshRead)))];
}

function section(title: string, aside: string, ...rest: (Node | false)[]): HTMLElement {
  return make("section", {}, make("h2", {}, title, make("span", { class: "small" }, aside)), rest);
}

function cards(): HTMLElement {
  const shown = [...desk.numbers].sort((a, b) => a[1] - b[1]).map(([id]) => picture.recommendations.get(id)).filter((r) => r !== undefined);
  const left = waiting().length;
  if (shown.length === 0) return section("Waiting for you", "0", small(quietWords()));
  return section("Waiting for you", String(left), make("ol", {}, shown.map((r) => make("li", {}, card(r)))));
}

function quietWords(): string {
  const firstKnown = Math.min(...[...picture.incidents.values()].map((i) => i.startMs));
  if (picture.incidents.size > 0) return `Nothing waits. ${plural(picture.incidents.size, "incident", "incidents")} since ${clockNear(firstKnown, now())}.`;
  return SAY.quiet(clock(Math.floor(now() / 86_400_000) * 86_400_000), picture.coverage.observedShare);
}

/** What a card says about when. */
export function whenWords(r: Recommendation): string {
  if (r.state === "waiting") return dueWords(r, now());
  if (r.state === "withdrawn") return `Withdrawn ${clock(desk.closedAt.get(r.id) ?? now())}`;
  const done = CHOICES[r.state as Choice]?.done ?? r.state;
  return r.decision ? `${done} ${clock(r.decision.atMs)} by ${r.decision.by}` : done;
}

export function tone(r: Recommendation): string {
  if (r.state !== "waiting") return "closed";
  return r.dueMs !== null && r.dueMs < now() ? "overdue" : "";
}

function card(r: Recommendation): HTMLElement {
  const first = incidentsOf(r)[0];
  return make(
    "button",
    { class: `card ${tone(r)}`, "data-open": r.id, "data-at": r.id, "aria-current": String(r.id === desk.selected) },
    make("i", { class: "number" }, String(desk.numbers.get(r.id) ?? "")),
    make("strong", {}, r.action),
    make("span", { class: "due" }, whenWords(r)),
    first && make("span", { class: "small" }, `${incidentVerdict(first)} · ${placeShort(first)}`),
    isChanged(r) && make("b", { class: "small" }, "Changed since it was made"),
  );
}

function sources(): HTMLElement {
  const trouble = inTrouble(), well = picture.sources.length - trouble.length;
  const line = (s: (typeof trouble)[number]): HTMLElement => {
    const age = s.lastMs === null ? "" : `, ${ago(now() - s.lastMs)}`;
    const words = s.status === "stale" || !s.reason ? `${SOURCE_STATES[s.status] ?? s.status}${age}` : s.reason;
    return make("li", { class: `trouble ${s.status}` }, make("span", {}, s.name), make("span", {}, words));
  };
  const rest = trouble.length ? `The other ${well}` : `All ${well}`;
  return section(
    "Sources",
    trouble.length ? `${trouble.length} of ${picture.sources.length} in trouble` : "",
    make("ul", { class: "sources" }, trouble.slice(0, 6).map(line), trouble.length > 6 && make("li", {}, make("span", {}, `and ${trouble.length - 6} more`)),
      well > 0 && make("li", {}, make("span", {}, rest), make("span", {}, "report in time")), picture.sources.length === 0 && make("li", {}, "No source is set up.")),
  );
}

function alarmList(): HTMLElement {
  const standing = alarms();
  const items = standing.map((a) => make("li", {}, make("time", {}, clock(a.sinceMs)), make("span", {}, alarmWords(a)), alarmButtons(a)));
  return section("Alarms this hour", `${alarmsThisHour()}, at most 6`, items.length > 0 && make("ul", { class: "lines" }, items));
}

function alarmWords(a: Alarm): string {
  const shelf = shelfOf(a);
  if (!shelf) return a.words;
  return `${a.words.split(". ")[0]}: shelved by ${picture.mission?.userName ?? "you"} until ${clock(shelf.untilMs)}, “${shelf.reason}”`;
}

function alarmButtons(a: Alarm): HTMLElement | false {
  if (shelfOf(a)) return false;
  if (desk.shelving === a.id) {
    const hours = [0.5, 1, 4, 8].map((h) => make("button", { "data-shelf-hours": h, "data-at": `hours${h}` }, h < 1 ? "30 min" : `${h} h`));
    return make("span", { class: "act" }, make("input", { id: "shelf-reason", type: "text", placeholder: "Why", "aria-label": "Why it is shelved", "data-at": "shelf", value: desk.shelfReason }), hours);
  }
  const heard = desk.acknowledged.has(a.id);
  if (heard && !a.shelvable) return false;
  return make("span", { class: "act" }, !heard && make("button", { "data-acknowledge": a.id, "data-at": `ack${a.id}` }, "Acknowledge"), a.shelvable && make("button", { "data-shelve": a.id, "data-at": `shelve${a.id}` }, "Shelve"));
}

/** A line of what is recorded; those with the same `like` are told once. */
interface Line { atMs: number; words: string; gap?: boolean; like?: string }

/** Newest first; of events alike in kind, kilometre and hour the newest speaks, with their number. */
function together(lines: Line[]): Line[] {
  const told = new Map<string, { line: Line; n: number }>();
  for (const line of [...lines].sort((a, b) => b.atMs - a.atMs)) {
    const held = told.get(line.like ?? "");
    if (held) held.n++;
    else told.set(line.like ?? `alone ${told.size}`, { line, n: 1 });
  }
  return [...told.values()].map(({ line, n }) => (n > 1 ? { ...line, words: `${line.words} (${n} of the kind)` } : line));
}

function canLook(g: Gap): string {
  const next = nextPass(g.kmFrom, g.kmTo);
  return next ? `; ${SAY.canLook(next.satellite, next.highestMs, now())}` : "";
}

function recorded(): HTMLElement {
  const lines: Line[] = [];
  for (const d of picture.decisions.values()) {
    const about = picture.recommendations.get(d.recommendationId);
    lines.push({ atMs: d.atMs, words: `${CHOICES[d.verdict as Choice]?.done ?? d.verdict} by ${d.by}: ${about?.action ?? d.recommendationId}` });
  }
  for (const o of picture.orders.values()) {
    const last = o.history.at(-1);
    if (last) lines.push({ atMs: last.atMs, words: `Order to ${o.unit}: ${ORDER_STATES[last.state] ?? last.state}` });
  }
  const claimed = new Set(waiting().flatMap((r) => r.incidentIds));
  for (const i of picture.incidents.values()) {
    if (claimed.has(i.id) || claimed.has(i.caseId)) continue;
    const verdict = i.verdict ? `, ${(VERDICTS[i.verdict] ?? i.verdict).toLowerCase()}` : "", what = `${incidentTitle(i)}${verdict}`;
    lines.push({ atMs: i.startMs, words: `${what} · ${placeShort(i)}`, gap: i.verdict === "could_not_observe", like: `${what} ${Math.round(kmOf(i.lon, i.lat, i.km) ?? -1)} ${Math.floor(i.startMs / HOUR)}` });
  }
  for (const g of gapsNow()) lines.push({ atMs: g.fromMs, words: `Could not observe ${spokenStretch(g.kmFrom, g.kmTo)}: ${g.reason || "nobody looked"}${canLook(g)}`, gap: true });
  const told = together(lines.filter((l) => l.atMs <= now() + MINUTE)), newest = told.slice(0, LINES);
  const items = newest.map((l) => make("li", {}, make("time", {}, clockNear(l.atMs, now())), make("span", {}, l.gap && make("i", { class: "mark gap" }), l.words)));
  return section("Recorded, nothing to do", told.length > LINES ? `newest ${LINES} of ${told.length}` : "", items.length ? make("ul", { class: "lines" }, items) : small("Nothing yet."));
}
