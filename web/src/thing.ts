// One thing on the map, looked at closely: what it is, who saw it last, and what was looked at since.

import { ago, clock, clockNear } from "./clock";
import { changed, desk, live, now, picture, standing, standingMs } from "./desk";
import { byId, make, renew, small } from "./dom";
import { inTrouble } from "./head";
import { list, number, object, text, time, type Json, type Thing } from "./items";
import { Answer, get } from "./link";
import { shownThings } from "./past";
import { placeAround } from "./places";
import { plural, SAY, SOURCE_STATES } from "./words";

/** What was asked about the thing that is open, for one entry of it. */
let asked: { of: string; said: Json | null; failed: boolean } = { of: "", said: null, failed: false };

interface Look { sensor: string; outcome: string; looks: number; lastMs: number; seq: number }

export function drawThingCard(): void {
  const card = byId("thing"), it = desk.thing ? shownThings().find((t) => t.id === desk.thing) : undefined;
  card.hidden = it === undefined || desk.evidence;
  if (!it) return;
  ask(it);
  const parts = [top(it), ...facts(it), ...(it.followed ? since(it) : [])];
  renew(card, parts.map((p) => p.outerHTML).join(""), () => parts);
}

function ask(it: Thing): void {
  const of = live() && it.followed ? `${it.id} ${it.seq} ${Math.floor(now() / 60_000)}` : "";
  if (of === "" || asked.of === of) return;
  const same = asked.of.split(" ")[0] === it.id;
  asked = { of, said: same ? asked.said : null, failed: false };
  const take = (said: Json | null, failed: boolean): void => {
    if (asked.of !== of) return;
    asked = { of, said, failed };
    changed();
  };
  get(`tracks/track-${it.id}`).then((said) => take(said, false), (error) => take(null, !(error instanceof Answer && error.status === 404)));
}

function top(it: Thing): HTMLElement {
  return make("p", { class: "top" }, make("b", {}, [it.label, it.kind.replaceAll("_", " ")].filter((w, i, all) => w && all.indexOf(w) === i).join(", ")),
    make("button", { "data-thing-close": true, "data-at": "thing-close", "aria-label": SAY.closeThing }, "×"));
}

function facts(it: Thing): HTMLElement[] {
  const at = standing(it), seenMs = standingMs(it), atMs = desk.pastMs ?? now();
  const sure = it.existence === null || it.unit ? "" : SAY.exists(it.existence);
  return [
    ...(at ? [make("p", {}, placeAround(at, it.ce90M))] : []),
    make("p", {}, [seenMs ? `${SAY.seenLast} ${clockNear(seenMs, atMs)}, ${ago(atMs - seenMs)}` : SAY.neverHeard, sure].filter(Boolean).join(". ") + "."),
  ];
}

/** What saw it last, what looked there since and saw nothing, and what could not have seen it. */
function since(it: Thing): HTMLElement[] {
  if (!live()) return [small(SAY.looksLive), ...(it.missed ? [small(`${it.missed}.`)] : [])];
  if (asked.failed) return [small(SAY.looksUnknown)];
  if (!asked.said) return [small(SAY.looksAsked)];
  const seen = object(asked.said.seen), looks = list(asked.said.looked).map(object).map(lookOf), seenMs = time(seen.time_utc);
  const missed = looks.filter((l) => l.outcome === "missed"), unable = looks.filter((l) => l.outcome !== "missed");
  const named = new Set(looks.map((l) => l.sensor)), down = inTrouble().filter((s) => !named.has(s.name) && s.status !== "suspect");
  const could = [
    ...unable.map((l) => `${l.sensor}, ${clock(l.lastMs)}: ${SAY.couldNot[l.outcome] ?? l.outcome}`),
    ...down.map((s) => `${s.name}: ${s.reason || (SOURCE_STATES[s.status] ?? s.status)}`),
  ];
  const part = (title: string, lines: string[]): HTMLElement[] => (lines.length ? [make("h3", {}, title), make("ul", {}, lines.slice(0, MOST).map((l) => make("li", {}, l)), lines.length > MOST && make("li", {}, SAY.andMore(lines.length - MOST)))] : []);
  return [
    ...(seenMs === null ? [] : [make("p", {}, SAY.seenBy(text(seen.sensor), clockNear(seenMs, now()), number(seen.seq) ?? 0))]),
    ...part(SAY.reported, list(asked.said.reported).map(object).map((r) => `${clock(time(r.time_utc) ?? 0)}: ${text(r.said) || SAY.noWords}, entry ${number(r.report) ?? 0}`)),
    ...part(SAY.sawNothing, missed.map((l) => `${l.sensor}: ${plural(l.looks, "look", "looks")}, ${l.looks > 1 ? "the last " : ""}${clock(l.lastMs)}, entry ${l.seq}`)),
    ...(missed.length === 0 ? [make("p", {}, SAY.nobodyLooked)] : []),
    ...part(SAY.couldNotSee, could),
  ];
}

const MOST = 8;

const lookOf = (j: Json): Look => ({ sensor: text(j.sensor), outcome: text(j.outcome), looks: number(j.looks) ?? 0, lastMs: time(j.last_utc) ?? 0, seq: number(j.seq) ?? 0 });

/** Open the card of a thing; it stays until it is closed, whatever comes. */
export function openThing(id: string): boolean {
  if (!picture.things.has(id) && !shownThings().some((t) => t.id === id)) return false;
  desk.thing = id;
  changed();
  return true;
}
