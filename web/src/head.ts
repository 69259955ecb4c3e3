// The five-second line: how many decisions wait, whether the picture can be trusted, what is not seen.

import { clock, span } from "./clock";
import { desk, looking, now, picture, waiting } from "./desk";
import { byId, make, renew } from "./dom";
import type { Gap, Overpass, Source } from "./items";
import { plural, nextDueSentence, SAY, waitSentence } from "./words";

/** Sources that do not report as they owe. */
export const inTrouble = (): Source[] => picture.sources.filter((s) => s.status !== "ok");

/** Stretches not observed at a time, as known at that time when `then`. */
export function gapsAt(ms: number, then: boolean): Gap[] {
  return picture.coverage.gaps.filter((g) => g.fromMs <= ms && (g.untilMs === null || g.untilMs >= ms) && (!then || (g.knownMs ?? g.fromMs) <= ms));
}

/** The next satellite that can look at a stretch of the line; without one, at any. */
export function nextPass(kmFrom = -Infinity, kmTo = Infinity): Overpass | undefined {
  return picture.coverage.passes.find((o) => o.highestMs > now() && o.kmFrom < kmTo && o.kmTo > kmFrom);
}

/** Kilometres in the union of stretches. */
export function unobservedKm(gaps: Gap[]): number {
  let sum = 0, reached = -Infinity;
  for (const g of [...gaps].sort((a, b) => a.kmFrom - b.kmFrom)) {
    sum += Math.max(0, g.kmTo - Math.max(g.kmFrom, reached));
    reached = Math.max(reached, g.kmTo);
  }
  return sum;
}

/** True for a stretch that was not observed up to where the server's answer ends: at its present. */
export function lasts(g: Gap): boolean {
  return g.untilMs === null || (picture.coverage.untilMs !== null && g.untilMs >= picture.coverage.untilMs);
}

/** The stretches that are not observed at present. */
export const gapsNow = (): Gap[] => picture.coverage.gaps.filter(lasts);

export function drawHead(): void {
  const mission = picture.mission;
  byId("exercise").hidden = mission?.exercise !== true;
  const held = (mission?.holds ?? []).filter((h) => h.untilMs > now()).map((h) => `Held until ${clock(h.untilMs)}: ${h.scope}, ${h.reason}.`).join(" ");
  byId("held").hidden = held === "";
  if (byId("held").textContent !== held) byId("held").textContent = held;
  byId("mission").textContent = mission?.name ?? "Truceline";
  drawSentence();
  drawHealth();
  const at = now();
  byId("utc").textContent = mission ? clock(at) : "";
  const local = new Date(at);
  byId("local").textContent = mission
    ? `${String(local.getHours()).padStart(2, "0")}:${String(local.getMinutes()).padStart(2, "0")} local, ${local.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}`
    : "";
}

function drawSentence(): void {
  const line = byId("now-line"), left = waiting(), at = now();
  const say = (words: string, first = "", tone = ""): void => {
    renew(line, `${tone}|${first}|${words}`, () => [first && make("span", { class: tone }, first), first ? ` ${words}` : words]);
  };
  if (!desk.signedIn) say(desk.signInWords || "Sign in to see the picture.");
  else if (!desk.ready) say(desk.reading || SAY.readingPicture);
  else if (desk.lostSinceMs !== null) say(SAY.lost(desk.lostSinceMs));
  else if (left.length === 0) {
    const last = Math.max(...[...picture.decisions.values()].map((d) => d.atMs), 0);
    say(SAY.idle(last || null));
  } else {
    const due = left[0]!.dueMs, late = due !== null && due < at;
    say(nextDueSentence(due, at), waitSentence(left.length), late ? "overdue" : "attend");
  }
  const title = !desk.ready ? "Truceline" : left.length ? `${left.length} waiting · Truceline` : "Nothing to decide · Truceline";
  if (document.title !== title) document.title = title;
}

function drawHealth(): void {
  if (!desk.ready) {
    renew(byId("health"), "", () => []);
    return;
  }
  const trouble = inTrouble(), stale = trouble.filter((s) => s.status === "stale" || s.status === "degraded").length;
  const suspect = trouble.filter((s) => s.status === "suspect").length, down = trouble.length - stale - suspect, km = unobservedKm(gapsNow()), lineKm = picture.mission?.lineKm ?? picture.coverage.lineKm;
  const quiet = Math.round((performance.now() - desk.heardAt) / 1000);
  const link = desk.lostSinceMs === null ? `, ${quiet < 5 ? "now" : `${quiet - (quiet % 5)} s`}` : `, ${span(looking() - desk.lostSinceMs)}`;
  const sources = stale ? `${plural(stale, "source", "sources")} stale` : down ? `${plural(down, "source", "sources")} down` : "";
  const signature = JSON.stringify([sources, down, suspect, km, lineKm, link, desk.lostSinceMs]);
  renew(byId("health"), signature, () => [
    sources !== "" && make("li", {}, make("i", { class: "mark stale" }), make("b", {}, sources), stale && down ? `, ${down} down` : ""),
    suspect > 0 && make("li", {}, make("i", { class: "mark stale" }), make("b", {}, plural(suspect, "sensor suspect", "sensors suspect"))),
    lineKm !== null && make("li", {}, make("i", { class: "mark gap" }), make("b", {}, `${km.toFixed(1)} of ${lineKm.toFixed(0)} km`), " not observed"),
    make("li", {}, make("b", {}, desk.lostSinceMs === null ? "Link up" : "Link lost"), link),
  ]);
}
