// What lies on the person's desk: what is open, chosen, typed and looked at. Never what is true; that is the picture.

import { MissionClock } from "./clock";
import { Picture } from "./fold";
import type { Incident, Place, Recommendation, Thing } from "./items";
import type { Choice } from "./words";

/** A card of what was decided or withdrawn stays this long before it is only a line in what is recorded. */
const CARD_STAYS_MS = 10 * 60_000;

/** `extent` is how much of the alarm there was when it was shelved. */
export interface Shelf { reason: string; untilMs: number; extent: number }

export const picture = new Picture();
export const clockOfMission = new MissionClock();

export const desk = {
  signedIn: false, signInWords: "", ready: false, reading: "",
  /** Why the page began afresh; stands until it was read. */
  afresh: "",
  selected: "" as string,
  /** The thing on the map whose card is open. */
  thing: "",
  choice: null as Choice | null, reason: "", note: "", said: "", saidOf: "", sending: false,
  /** Focus goes to the first reason when the form is there. */
  toReason: false,
  amend: new Map<number, { unit: string; laterMin: number; out: boolean }>(),
  /** This browser cannot draw the map. */
  mapless: false,
  evidence: false, place: "" as string, evidenceView: "clip" as "clip" | "picture", keys: false, coverage: true, singleKeys: true, sound: false,
  pastMs: null as number | null, then: false,
  lostSinceMs: null as number | null, heardAt: performance.now(),
  readSeq: new Map<string, number>(), numbers: new Map<string, number>(), closedAt: new Map<string, number>(),
  contentChangedAt: 0, acknowledged: new Set<string>(), shelves: new Map<string, Shelf>(), shelving: "", shelfReason: "", find: "",
};

let asked = false;
let drawAll: () => void = () => undefined;

export function onDraw(draw: () => void): void {
  drawAll = draw;
}

/** Draw once, soon; many changes make one drawing. */
export function changed(): void {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    drawAll();
  });
}

/** What lies on the desk of one log alone; how the person likes the page stays. */
export function clearDesk(): void {
  Object.assign(desk, { ready: false, selected: "", thing: "", choice: null, reason: "", note: "", said: "", saidOf: "", evidence: false, place: "", pastMs: null, then: false, shelving: "" });
  for (const held of [desk.amend, desk.readSeq, desk.numbers, desk.closedAt, desk.acknowledged, desk.shelves]) held.clear();
}

export const now = (): number => clockOfMission.now();
/** The time whose picture is drawn. */
export const looking = (): number => desk.pastMs ?? now();
export const live = (): boolean => desk.pastMs === null;

/** Where a thing is in the picture that is looked at; null when that is not kept. */
export function standing(it: Thing): Place | null {
  if (live() || it.asked) return [it.lon, it.lat];
  const t = looking();
  let best: (typeof it.past)[number] | null = null;
  for (const s of it.past) if (s.atMs <= t && (!desk.then || s.knownMs <= t) && (!best || s.atMs > best.atMs)) best = s;
  return best ? [best.lon, best.lat] : null;
}

/** The time of the place that `standing` gives. */
export function standingMs(it: Thing): number {
  if (live() || it.asked) return it.atMs;
  const t = looking();
  return Math.max(0, ...it.past.filter((s) => s.atMs <= t && (!desk.then || s.knownMs <= t)).map((s) => s.atMs));
}

export const waiting = (): Recommendation[] =>
  [...picture.recommendations.values()].filter((r) => r.state === "waiting").sort((a, b) => (a.dueMs ?? Infinity) - (b.dueMs ?? Infinity) || a.seq - b.seq);

export const opened = (): Recommendation | undefined => picture.recommendations.get(desk.selected);

export function incidentsOf(r: Recommendation): Incident[] {
  return r.incidentIds.map(incidentBy).filter((i) => i !== undefined);
}

export function incidentBy(id: string): Incident | undefined {
  return picture.incidents.get(id) ?? [...picture.incidents.values()].find((i) => i.caseId === id);
}

/** What is waiting gets the lowest free number and keeps it until its card goes. */
export function giveNumbers(): void {
  const at = now();
  for (const [id, r] of picture.recommendations) {
    if (r.state === "waiting") desk.closedAt.delete(id);
    else if (desk.numbers.has(id) && !desk.closedAt.has(id)) desk.closedAt.set(id, r.decision?.atMs || at);
  }
  for (const id of desk.numbers.keys()) {
    const closed = desk.closedAt.get(id);
    if (!picture.recommendations.has(id) || (closed !== undefined && at - closed > CARD_STAYS_MS && id !== desk.selected)) desk.numbers.delete(id);
  }
  const taken = new Set(desk.numbers.values());
  for (const r of waiting()) {
    if (desk.numbers.has(r.id)) continue;
    let n = 1;
    while (taken.has(n)) n++;
    taken.add(n);
    desk.numbers.set(r.id, n);
  }
}

/** Up to which entry the person has seen what this recommendation rests on. */
export const seenUpTo = (r: Recommendation): number => Math.max(r.seq, desk.readSeq.get(r.id) ?? 0);

/** True while something newer touches it than the person has read. */
export const isChanged = (r: Recommendation): boolean => r.state === "waiting" && r.touchedSeq > seenUpTo(r);

export function markRead(r: Recommendation): void {
  desk.readSeq.set(r.id, Math.max(r.touchedSeq, seenUpTo(r)));
  changed();
}

/** The entry to send as seen: never newer than what the panel can show. */
export const seenSeq = (r: Recommendation): number => Math.max(seenUpTo(r), picture.recommendationsSeq);

/** Where nothing is open, what is due first opens by itself; what is open is never replaced. */
export function openFirst(): void {
  const first = desk.ready && !opened() ? waiting()[0] : undefined;
  if (!first) return;
  desk.contentChangedAt = performance.now();
  open(first.id);
}

export function open(id: string): void {
  if (desk.selected !== id) {
    Object.assign(desk, { selected: id, choice: null, reason: "", note: "", said: "", toReason: false, evidence: false, place: "" });
    desk.amend.clear();
  }
  changed();
}
