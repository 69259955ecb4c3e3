// Five kinds of alarm, grouped by cause; everything else is only a line in what is recorded.

import { clock, HOUR, MINUTE, span } from "./clock";
import { desk, now, picture, waiting, type Shelf } from "./desk";
import { gapsNow, inTrouble, unobservedKm } from "./head";
import type { Gap, Source } from "./items";
import { SOURCE_STATES } from "./words";

export interface Alarm { id: string; sinceMs: number; words: string; shelvable: boolean; overdue: boolean; extent?: number }

const SOON_MS = 5 * MINUTE;
const NO_RECEIPT_MS = 3 * MINUTE;

/** A shelved alarm of which there is so much more than when it was shelved comes back. */
const GROWN = 2;

/** The shelf on which an alarm lies, if it does. */
export function shelfOf(a: Alarm): Shelf | undefined {
  const shelf = desk.shelves.get(a.id);
  return shelf && (a.extent ?? 0) <= GROWN * shelf.extent ? shelf : undefined;
}

/** What stands now, the most urgent first. */
export function alarms(): Alarm[] {
  return [...decisions(), ...orders(), ...lostGround(), ...suspects()];
}

export const alarmsThisHour = (): number => alarms().filter((a) => now() - a.sinceMs < HOUR).length;

function decisions(): Alarm[] {
  const at = now();
  return waiting().flatMap((r) => {
    if (r.dueMs === null || r.dueMs > at + SOON_MS) return [];
    const overdue = r.dueMs < at, number = desk.numbers.get(r.id);
    const words = overdue ? `Decision ${number} is overdue by ${span(at - r.dueMs)}. Decide it; it never decides itself.` : `Decision ${number} is due ${clock(r.dueMs)}. Decide it.`;
    return [{ id: `due:${r.id}:${overdue}`, sinceMs: overdue ? r.dueMs : r.dueMs - SOON_MS, words, shelvable: false, overdue }];
  });
}

/** One alarm for all orders of a decision that no unit has received. */
function orders(): Alarm[] {
  const at = now(), silent = new Map<string, { units: string[]; sentMs: number }>();
  for (const o of picture.orders.values()) {
    const sentMs = o.history.find((h) => h.state === "SENT")?.atMs ?? picture.decisions.get(o.decisionId)?.atMs;
    if (!["CREATED", "SENT"].includes(o.state) || sentMs === undefined || at - sentMs < NO_RECEIPT_MS) continue;
    const held = silent.get(o.decisionId || o.id);
    silent.set(o.decisionId || o.id, { units: [...(held?.units ?? []), o.unit], sentMs: Math.min(sentMs, held?.sentMs ?? sentMs) });
  }
  return [...silent].map(([id, { units, sentMs }]) => {
    const who = units.length > 1 ? `${units.slice(0, -1).join(", ")} and ${units.at(-1)} have` : `${units[0]} has`;
    const words = `${who} not received ${units.length > 1 ? "their orders" : "its order"} for ${span(at - sentMs)}. Call ${units.length > 1 ? "them" : units[0]} by voice.`;
    return { id: `order:${id}`, sinceMs: sentMs + NO_RECEIPT_MS, words, shelvable: true, overdue: false, extent: units.length };
  });
}

/**
 * One alarm for ground that was lost together, however many sources it took and however far it spreads. Its name holds
 * the time alone: what was acknowledged or shelved stays so when another source joins.
 */
function lostGround(): Alarm[] {
  const lost = inTrouble().filter((s) => s.status !== "suspect"), since = new Map<number, Gap[]>();
  if (lost.length === 0) return [];
  for (const g of gapsNow()) since.set(darkSince(g), [...(since.get(darkSince(g)) ?? []), g]);
  const named = [...grouped(lost)].map(([why, names]) => `${someOf(names)}: ${why}`).join("; ");
  return [...since].filter(([, gaps]) => unobservedKm(gaps) > 0).map(([at, gaps]) => ({
    id: `lost ground:${at}`, sinceMs: at || (picture.coverage.fromMs ?? gaps[0]!.fromMs), shelvable: true, overdue: false, extent: unobservedKm(gaps),
    words: `${named}. ${unobservedKm(gaps).toFixed(1)} km not observed. Send somebody to look, or shelve with a reason.`,
  }));
}

/** When the darkness began that a stretch is the present end of; 0: before what was asked for. A stretch that grows is told as another one from then on. */
function darkSince(g: Gap): number {
  const before = picture.coverage.gaps.find((b) => b.fromMs < g.fromMs && b.untilMs !== null && b.untilMs >= g.fromMs && b.kmFrom < g.kmTo && b.kmTo > g.kmFrom);
  if (before) return darkSince(before);
  return picture.coverage.fromMs !== null && g.fromMs <= picture.coverage.fromMs + MINUTE ? 0 : g.fromMs;
}

/** One alarm per sensor that is off or contradicted: it goes on counting, as far as it can be put right. */
function suspects(): Alarm[] {
  return picture.sources.filter((s) => s.status === "suspect").map((s) => (
    { id: `suspect:${s.name}:${s.reason}`, sinceMs: s.lastMs ?? now(), shelvable: true, overdue: false, words: `${s.name} is suspect: ${s.reason}. Have it looked at, or shelve with a reason.` }
  ));
}

/** Names of sources by what is wrong with them. */
function grouped(lost: Source[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const s of lost) {
    const why = s.reason || (SOURCE_STATES[s.status] ?? s.status);
    found.set(why, [...(found.get(why) ?? []), s.name]);
  }
  return found;
}

const someOf = (names: string[]): string => names.slice(0, 4).join(", ") + (names.length > 4 ? ` and ${names.length - 4} more` : "");
