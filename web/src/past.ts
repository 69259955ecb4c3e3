// The tracks of a past moment, asked of the server: as known now, or as known then. Until it has answered the page
// shows what it has heard itself, and says so.

import { changed, desk, picture } from "./desk";
import { thing, type Thing } from "./items";
import { whole } from "./link";

/** A hand that goes on moving asks nothing yet. */
const REST_MS = 250;

let key = "";
let timer = 0;
let answered: { key: string; things: Thing[]; failed: boolean } = { key: "", things: [], failed: false };

/** Ask for the moment that is looked at, once for each. */
export function keepPast(): void {
  const wanted = desk.pastMs === null || !desk.ready ? "" : `${desk.pastMs} ${desk.then}`;
  if (wanted === key) return;
  key = wanted;
  window.clearTimeout(timer);
  if (wanted) timer = window.setTimeout(() => void ask(wanted), REST_MS);
}

async function ask(mine: string): Promise<void> {
  const at = new Date(desk.pastMs ?? 0).toISOString(), known = desk.then ? `&known_utc=${at}` : "";
  const items = await whole(`tracks?at_utc=${at}${known}`).catch(() => null);
  if (key !== mine) return;
  const things = (items ?? []).map(thing).filter((t) => t !== null).map((t) => ({ ...t, asked: true }));
  answered = { key: mine, things, failed: items === null };
  picture.version.things++;
  changed();
}

/** How far the server's answer for the moment is. */
export const pastState = (): "live" | "asked" | "there" | "failed" =>
  desk.pastMs === null ? "live" : answered.key !== key ? "asked" : answered.failed ? "failed" : "there";

/** How many tracks the server told of at that moment. */
export const pastCount = (): number => answered.things.length;

/** What is drawn: live all things; in the past the server's tracks, and of units what the page has heard. */
export function shownThings(): Thing[] {
  const held = [...picture.things.values()];
  return pastState() === "there" ? [...answered.things, ...held.filter((t) => !t.followed)] : held;
}
