// Five kinds of alarm, grouped by cause; everything else is only a line in what is recorded.

import { clock, HOUR, MINUTE, span } from "./clock";
import { desk, now, picture, waiting } from "./desk";
import { gapsNow, inTrouble, unobservedKm } from "./head";
import type { Source } from "./items";
import { SOURCE_STATES } from "./words";

export interface Alarm { id: string; sinceMs: number; words: string; shelvable: boolean; overdue: boolean }

const SOON_MS = 5 * MINUTE;
const NO_RECEIPT_MS = 3 * MINUTE;

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

function orders(): Alarm[] {
  const at = now();
  return [...picture.orders.values()].flatMap((o) => {
    const sent = o.history.find((h) => h.state === "SENT")?.atMs ?? picture.decisions.get(o.decisionId)?.atMs;
    if (!["CREATED", "SENT"].includes(o.state) || sent === undefined || at - sent < NO_RECEIPT_MS) return [];
    return [{ id: `order:${o.id}`, sinceMs: sent + NO_RECEIPT_MS, words: `${o.unit} has not received its order for ${span(at - sent)}. Call ${o.unit} by voice.`, shelvable: true, overdue: false }];
  });
}

/** One alarm for one stretch of blindness, however many sources it took. */
function lostGround(): Alarm[] {
  const gaps = gapsNow(), km = unobservedKm(gaps), lost = inTrouble().filter((s) => s.status !== "suspect");
  if (km <= 0 || lost.length === 0) return [];
  const sinceMs = Math.min(...gaps.map((g) => g.fromMs)), named = [...grouped(lost)].map(([why, names]) => `${someOf(names)}: ${why}`).join("; ");
  return [{ id: `source:${lost.map((s) => s.name).join(",")}`, sinceMs, shelvable: true, overdue: false, words: `${named}. ${km.toFixed(1)} km not observed. Send somebody to look, or shelve with a reason.` }];
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
