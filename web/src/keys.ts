// The hand: clicks and keys become changes on the desk, in one place.

import { alarms } from "./alarms";
import { back, choose, record } from "./act";
import { goLive, seek, timeAt } from "./chart";
import { changedPlaces, incidentOn, placeAt, placeBehind } from "./changes";
import { MINUTE } from "./clock";
import { changed, desk, incidentsOf, looking, markRead, now, open, opened, picture } from "./desk";
import { byId } from "./dom";
import { seekFilm, turnFilm } from "./film";
import type { Recommendation } from "./items";
import { spots } from "./overlay";
import { goTo, thingAt, zoomBy } from "./map";
import { openThing } from "./thing";
import { find } from "./tools";
import type { Choice } from "./words";

export interface Hand { turnTheme(): void; signIn(token: string): void; signOut(): void }

const REGIONS = ["queue", "stage", "panel", "chart"];
const PICK_PX = 24;

export function startHand(hand: Hand): void {
  document.addEventListener("click", (e) => {
    const it = e.target instanceof Element ? e.target.closest<HTMLElement>("button") : null;
    if (it) clicked(it, hand);
  });
  document.addEventListener("submit", (e) => {
    e.preventDefault();
    hand.signIn(byId<HTMLInputElement>("token").value);
  });
  document.addEventListener("input", (e) => typed(e.target as HTMLInputElement));
  document.addEventListener("change", (e) => typed(e.target as HTMLInputElement));
  document.addEventListener("keydown", (e) => struck(e, hand));
  document.addEventListener("map-pick", (e) => pick((e as CustomEvent<[number, number, number, number]>).detail));
  startSlider(byId("chart"));
}

/** What is typed lies on the desk at once: a field that is drawn again holds it. */
function typed(it: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement): void {
  if (it.id === "note") set({ note: it.value });
  else if (it.id === "find") set({ find: it.value });
  else if (it.id === "shelf-reason") set({ shelfReason: it.value });
  else if (it.id === "film-at") seekFilm(Number(it.value));
  else if (it.dataset.amend !== undefined) amended(it);
}

function clicked(it: HTMLElement, hand: Hand): void {
  const d = it.dataset;
  if (d.open !== undefined) open(d.open);
  else if (d.choose !== undefined) choose(d.choose as Choice);
  else if (d.reason !== undefined) set({ reason: desk.reason === d.reason ? "" : d.reason });
  else if ("record" in d) void record();
  else if ("back" in d) back();
  else if ("read" in d) readChange();
  else if ("afreshRead" in d) set({ afresh: "" });
  else if ("thingClose" in d) set({ thing: "" });
  else if ("evidence" in d) turnEvidence();
  else if (d.film !== undefined) turnFilm(d.film);
  else if (d.evidenceView !== undefined) set({ evidenceView: d.evidenceView as typeof desk.evidenceView });
  else if (d.known !== undefined) set({ then: d.known === "then" && desk.pastMs !== null });
  else if ("live" in d) goLive();
  else if ("coverage" in d) set({ coverage: !desk.coverage });
  else if (d.zoom !== undefined) zoomBy(Number(d.zoom));
  else if ("themeTurn" in d) hand.turnTheme();
  else if ("keys" in d) set({ keys: !desk.keys });
  else if ("singleKeys" in d) set({ singleKeys: !desk.singleKeys });
  else if ("sound" in d) set({ sound: !desk.sound });
  else if ("signOut" in d) hand.signOut();
  else clickedAlarm(d);
}

function clickedAlarm(d: DOMStringMap): void {
  if (d.acknowledge !== undefined) desk.acknowledged.add(d.acknowledge);
  else if (d.shelve !== undefined) Object.assign(desk, { shelving: d.shelve, shelfReason: "" });
  else if (d.shelfHours !== undefined) {
    const reason = desk.shelfReason.trim();
    if (reason === "") return byId("shelf-reason").focus();
    desk.shelves.set(desk.shelving, { reason, untilMs: now() + Number(d.shelfHours) * 60 * MINUTE, extent: alarms().find((a) => a.id === desk.shelving)?.extent ?? 0 });
    desk.shelving = "";
  } else if (d.amendOut !== undefined) {
    const i = Number(d.amendOut), held = amendOf(i);
    desk.amend.set(i, { ...held, out: !held.out });
  } else return;
  changed();
}

function amendOf(i: number): { unit: string; laterMin: number; out: boolean } {
  return desk.amend.get(i) ?? { unit: String(opened()?.tasks[i]?.unit ?? ""), laterMin: 0, out: false };
}

function amended(it: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement): void {
  const i = Number(it.dataset.amend), held = amendOf(i);
  desk.amend.set(i, it.dataset.part === "unit" ? { ...held, unit: it.value } : { ...held, laterMin: Math.max(0, Number(it.value) || 0) });
  changed();
}

function set(change: Partial<typeof desk>): void {
  Object.assign(desk, change);
  changed();
}

function turnEvidence(): void {
  set({ evidence: !desk.evidence, place: "" });
}

function readChange(): void {
  const r = opened();
  if (r) markRead(r);
}

function struck(e: KeyboardEvent, hand: Hand): void {
  const typing = e.target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName);
  if (e.key === "Enter" && e.target instanceof HTMLInputElement && e.target.id === "find") {
    if (find(e.target.value)) e.target.blur();
    return;
  }
  if (typing && e.key === "Escape") return (e.target as HTMLElement).blur();
  if (e.ctrlKey || e.metaKey || e.altKey || typing) return;
  const done = named(e) || (desk.singleKeys && letter(e, hand));
  if (done) e.preventDefault();
}

/** Keys with a name work always. */
function named(e: KeyboardEvent): boolean {
  const minutes: Record<string, number> = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -60, PageUp: 60 };
  const step = minutes[e.key];
  if (e.target === byId("chart") && step !== undefined) seek(looking() + step * (e.shiftKey && Math.abs(step) === 1 ? 10 : 1) * MINUTE);
  else if (e.target === byId("chart") && e.key === "Home") seek(0);
  else if (e.key === "End") goLive();
  else if (e.key === "F6") nextRegion(e.shiftKey ? -1 : 1);
  else if (e.key === "Escape") stepBack();
  else return false;
  return true;
}

function stepBack(): void {
  if (desk.keys) set({ keys: false });
  else if (desk.shelving) set({ shelving: "" });
  else if (desk.choice) back();
  else if (desk.evidence) turnEvidence();
  else if (desk.thing) set({ thing: "" });
  else if (desk.pastMs !== null) goLive();
}

function nextRegion(step: number): void {
  const at = REGIONS.findIndex((id) => byId(id).contains(document.activeElement));
  byId(REGIONS[(at + step + REGIONS.length) % REGIONS.length]!).focus();
}

/** A letter acts once, however long it is held; only near and far and single frames go on. */
function letter(e: KeyboardEvent, hand: Hand): boolean {
  if (e.repeat && !/^[-+=−,.]$/.test(e.key)) return false;
  const acts: Record<string, () => void> = {
    e: turnEvidence, a: () => choose("approved"), m: () => choose("amended"), x: () => choose("rejected"), r: readChange,
    t: () => byId("chart").focus(), v: () => set({ then: !desk.then && desk.pastMs !== null }), c: () => set({ coverage: !desk.coverage }),
    d: () => hand.turnTheme(), "/": () => byId("find").focus(), "?": () => set({ keys: !desk.keys }), "+": () => zoomBy(1), "=": () => zoomBy(1),
    "-": () => zoomBy(-1), "−": () => zoomBy(-1),
    ...(desk.evidence ? { p: () => turnFilm("play"), ",": () => turnFilm("back"), ".": () => turnFilm("on") } : {}),
  };
  const numbered = [...desk.numbers].find(([, n]) => String(n) === e.key), act = acts[e.key.toLowerCase()];
  if (numbered) open(numbered[0]);
  else if (act) act();
  else return false;
  return true;
}

/** A changed place that is large enough to be hit opens its evidence; else the nearest sign is picked. */
function pick([x, y, lon, lat]: [number, number, number, number]): void {
  const place = placeAt([lon, lat]);
  if (place) return openPlace(place.id);
  const near = spots.map((s) => ({ id: s.id, d: Math.hypot(s.x - x, s.y - y) })).filter((s) => s.d < PICK_PX).sort((a, b) => a.d - b.d)[0];
  const id = near?.id ?? thingAt(x, y, PICK_PX)?.id;
  if (id) select(id, false);
}

/** Show before and after of a changed place, with the decision that is about it. */
function openPlace(id: string): void {
  const about = recommendationOn(incidentOn(id)?.id ?? "");
  if (about) open(about.id);
  set({ place: id, evidence: true });
}

const recommendationOn = (id: string): Recommendation | undefined => [...picture.recommendations.values()].find((r) => incidentsOf(r).some((i) => i.id === id || i.caseId === id));

/** Open a recommendation, or the one that an incident has; show where a thing is. */
export function select(id: string, travel: boolean): boolean {
  const about = picture.recommendations.get(id) ?? recommendationOn(id), thing = picture.things.get(id), incident = picture.incidents.get(id);
  const place = changedPlaces().get(id) ?? (incident && placeBehind(incident));
  if (about) open(about.id);
  else if (place) openPlace(place.id);
  else openThing(id);
  const first = about ? incidentsOf(about)[0] : incident;
  if (travel && thing) goTo([thing.lon, thing.lat]);
  else if (travel && first?.lon != null && first.lat != null) goTo([first.lon, first.lat]);
  else if (travel && place) goTo(place.middle);
  return Boolean(about ?? thing ?? incident ?? place);
}

function startSlider(chart: HTMLElement): void {
  chart.addEventListener("pointerdown", (e) => {
    chart.setPointerCapture(e.pointerId);
    chart.focus();
    seek(timeAt(e.clientX));
  });
  chart.addEventListener("pointermove", (e) => {
    // A hand that began elsewhere, as on the map, only passes.
    if (chart.hasPointerCapture(e.pointerId)) seek(timeAt(e.clientX));
  });
}
