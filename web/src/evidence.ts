// The picture behind a claim, with its facts and the entries it rests on; covers the map, never the decision.

import { changedPlaces, changeFacts, changeTitle, incidentOn, placeBehind, type ChangedPlace } from "./changes";
import { clockNear, span } from "./clock";
import { changed, desk, incidentsOf, now, opened } from "./desk";
import { byId, key, make, renew } from "./dom";
import { drawFilm, filmFigure, loadFilm, type Film, type Reel } from "./film";
import { list, number, object, text, time, type Incident, type Json, type Report } from "./items";
import { Answer, get, NoAnswer, sample } from "./link";
import { reportsOf } from "./panel";
import { coordinates, placeLong } from "./places";
import { confirmation, incidentTitle, incidentVerdict, SAY } from "./words";

/** What the evidence is for: an incident, or a changed place that no rule speaks about. */
interface Claim { key: string; seq: number; title: string; pictures: string[]; incident: Incident | null; place: ChangedPlace | null }
interface Cause { seq: number; kind: string; id: string; atMs: number | null; words: string; body: Json }
/** A row of detections that a track used, and its share of what they said about its place. */
interface Used { track: string; seq: number; weight: number; words: string }
interface Seen { of: string; ready: boolean; causes: Cause[]; used: Used[]; film: Film | null; image: ImageBitmap | null; sha256: string; failed: string; shown: Cause | null }

/** Evidence that the server did not answer for is asked for again so long after. */
const AGAIN_MS = 5_000;

let seen: Seen | null = null;

export function drawEvidence(): void {
  const box = byId("evidence"), of = claim();
  box.hidden = !desk.evidence || !of;
  if (!desk.evidence || !of) return drawFilm(null, null);
  if (seen?.of !== of.key) void look(of);
  const state = [of.key, of.incident?.state, reports(of.incident).length, elsewhere(of), seen?.ready, seen?.causes.length, seen?.sha256, seen?.failed, seen?.image !== null, seen?.film?.seq, desk.evidenceView];
  if (renew(box, JSON.stringify(state), () => content(of))) paint(box);
  drawFilm(filmShown(), of.incident);
}

/** The changed place that was picked, else what the open decision is about. */
function claim(): Claim | null {
  const r = opened(), picked = changedPlaces().get(desk.place), first = (picked ? incidentOn(picked.id) : r && incidentsOf(r)[0]) ?? null;
  const place = picked ?? (first && placeBehind(first)) ?? null;
  if (!first && !place) return null;
  const title = first ? `${incidentTitle(first)}, ${placeLong(first)}` : `${changeTitle(place!)}, ${coordinates(place!.middle)}`;
  const seq = first?.seq ?? place!.seq;
  return { key: `${first?.id ?? place!.id} ${seq} ${place?.chip ?? ""}`, seq, title, pictures: place?.chip ? [place.chip] : [], incident: first, place };
}

const reports = (it: Incident | null): Report[] => (it ? reportsOf(it) : []);

const filmShown = (): Film | null => (desk.evidenceView === "clip" || !seen?.image ? (seen?.film ?? null) : null);

async function look(of: Claim): Promise<void> {
  const it = of.incident;
  const mine: Seen = { of: of.key, ready: false, causes: [], used: [], film: null, image: null, sha256: "", failed: "", shown: null };
  seen = mine;
  const blobs: { sha: string; cause: Cause | null }[] = [...of.pictures, ...reports(it).flatMap((r) => r.blobs)].map((sha) => ({ sha, cause: null }));
  const failed = (error: unknown): void => void (mine.failed = whyNot(error));
  await get(`why/${of.seq}`).then((why) => {
    mine.causes = flatten(why);
    mine.used = list(why.tracks).map(object).flatMap(usedOf);
    for (const c of mine.causes) for (const b of list(c.body.blobs).map(object)) if (isPicture(b)) blobs.push({ sha: text(b.sha256), cause: c });
  }).catch((error: unknown) => error instanceof NoAnswer && failed(error));
  if (it) await loadFilm(mine.causes.flatMap(reelOf), it).then((film) => (mine.film = film), failed);
  for (const { sha, cause } of blobs) {
    if (seen !== mine || mine.image) break;  // another picture may still be there when one is not
    await sample(sha).then(createImageBitmap).then((image) => Object.assign(mine, { image, sha256: sha, shown: cause }), failed);
  }
  mine.ready = true;
  if (mine.failed === SAY.unreachable) setTimeout(() => forget(mine), AGAIN_MS);
  changed();
}

function forget(it: Seen): void {
  if (seen === it) seen = null;
  changed();
}

/** Why a picture is not there: in the server's words where it has some, and never what is not known. */
function whyNot(error: unknown): string {
  if (error instanceof NoAnswer) return SAY.unreachable;
  if (!(error instanceof Answer)) return SAY.unreadable;
  if (/removed/.test(error.detail)) return `${SAY.removed} ${error.detail}. ${SAY.standsOn}`;
  return error.status === 404 ? SAY.notKept : `${SAY.removed} ${error.detail}.`;
}

/** The clip of a cause: its table and its frames. */
function reelOf(c: Cause): Reel[] {
  const named = (name: string): string => text(list(c.body.blobs).map(object).find((b) => b.name === name)?.sha256), index = named("film.json"), data = named("film");
  return index && data ? [{ seq: c.seq, index, data }] : [];
}

const isPicture = (b: Json): boolean => /^image\/(png|jpeg|webp)$/.test(text(b.media_type));

/** The causes of an answer of `why`, nearest first, however deep it nests them. */
function flatten(why: Json): Cause[] {
  const found = new Map<number, Cause>(), todo: unknown[] = [why];
  while (todo.length) {
    const node = object(todo.shift()), header = object(node.header), seq = number(node.seq) ?? number(header.seq);
    if (seq !== null && !found.has(seq)) found.set(seq, cause(seq, { ...header, ...node }));
    for (const value of Object.values(node)) if (Array.isArray(value)) todo.push(...value.filter((v) => v !== null && typeof v === "object"));
  }
  return [...found.values()].sort((a, b) => b.seq - a.seq);
}

function cause(seq: number, node: Json): Cause {
  const body = object(node.body), words = text(node.says) || text(node.words) || text(node.summary) || text(node.text) || text(body.text) || text(body.detector) || text(body.source) || text(body.class);
  return { seq, kind: text(node.kind), id: text(node.id), atMs: time(node.time_utc), words, body: { ...body, blobs: node.blobs ?? body.blobs } };
}

/** The rows of one track, the weightiest first. */
function usedOf(track: Json): Used[] {
  return list(track.detections).map(object).map((d) => {
    const atMs = time(d.time_utc), words = [text(d.sensor), text(d.meaning), atMs === null ? "" : clockNear(atMs, now()), `±${Math.round(number(d.ce90_m) ?? 0)} m`, text(d.said)];
    return { track: `T-${text(track.track).slice(-4)}`, seq: number(d.seq) ?? 0, weight: number(d.weight) ?? 0, words: words.filter(Boolean).join(", ") };
  });
}

function content(of: Claim): Node[] {
  return [
    make("div", { class: "top" }, make("h2", {}, `Evidence: ${of.title}`), views(), make("button", { "data-evidence": true, "data-at": "back" }, "Back to the map ", key("Esc"))),
    figure(of),
    make("div", { class: "facts", tabindex: 0 }, elsewhere(of) && make("p", { class: "changed" }, SAY.elsewhere), make("h3", {}, "Facts"), facts(of), weights(), make("h3", {}, "It rests on"), restsOn(of)),
  ];
}

/** A picked place that the open decision is not about. */
const elsewhere = (of: Claim): boolean => opened() !== undefined && !incidentsOf(opened()!).some((i) => i.id === of.incident?.id || i.causes.includes(of.place?.id ?? ""));

/** Clip or still picture, where there are both. */
function views(): HTMLElement | false {
  if (!seen?.film || !seen.image) return false;
  const one = (view: "clip" | "picture", words: string): HTMLElement => make("button", { "data-evidence-view": view, "data-at": `view-${view}`, "aria-pressed": String(desk.evidenceView === view) }, words);
  return make("span", { class: "pair" }, one("clip", "Clip"), one("picture", "Picture"));
}

function figure({ incident: it, place }: Claim): HTMLElement {
  const f = filmShown();
  if (f) return filmFigure(f);
  if (!seen?.image) {
    const kinds = [...new Set(reports(it).map((r) => `${r.type} reports`))].join(", ") || "the entries listed here";
    const words = seen?.failed || (seen?.ready ? `${SAY.noPicture} ${SAY.restsOn(kinds)}` : SAY.looking);
    return make("figure", {}, make("p", {}, words), make("figcaption", {}, confirmation(it)));
  }
  const c = seen.shown, from = c ? `Entry ${c.seq}${c.words ? `, ${c.words}` : ""}${c.atMs === null ? "" : `, ${clockNear(c.atMs, now())}`}. ` : "";
  const shows = place?.chip === seen.sha256 ? SAY.beforeAfter : "The picture behind the claim, as it is stored";
  return make("figure", {}, place?.chip === seen.sha256 && make("p", { class: "small" }, SAY.beforeAfter),
    make("canvas", { role: "img", "aria-label": shows, width: seen.image.width, height: seen.image.height }),
    make("figcaption", {}, `${from}Shown as it is stored: ${seen.image.width} × ${seen.image.height}, not rescaled. SHA-256 ${seen.sha256.slice(0, 12)}…. ${confirmation(it)}`));
}

function paint(box: HTMLElement): void {
  const canvas = box.querySelector("canvas");
  if (canvas && canvas.id !== "film" && seen?.image) canvas.getContext("2d")?.drawImage(seen.image, 0, 0);
}

function facts({ incident, place }: Claim): HTMLElement {
  const rows = [...(incident ? incidentFacts(incident) : placeFacts(place!)), ...(place ? changeFacts(place) : [])];
  return make("table", {}, rows.filter(([, v]) => v !== "").map(([k, v]) => make("tr", {}, make("td", {}, k), make("td", {}, v))));
}

/** A changed place against which the agreement says nothing. */
function placeFacts(p: ChangedPlace): [string, string][] {
  return [["Claim", SAY.noRule], ["Seen", clockNear(p.atMs, now())], ["Place", coordinates(p.middle)]];
}

function incidentFacts(it: Incident): [string, string][] {
  return [
    ["Claim", incidentVerdict(it)],
    ["Class", classWords(it)],
    ["Happened", `${clockNear(it.startMs, now())}${it.endMs > it.startMs ? ` to ${clockNear(it.endMs, now())} (${span(it.endMs - it.startMs)})` : ""}`],
    ["Place", it.lon === null || it.lat === null ? "no single place" : coordinates([it.lon, it.lat])],
    ["Error", it.ce90M === null ? "not stated" : `9 of 10 lie within ${Math.round(it.ce90M)} m`],
    ["Article", [it.article, it.rule].filter(Boolean).join(", ")],
    ["State", it.state.replaceAll("_", " ")],
    ...Object.entries(it.measured).filter(([name]) => name !== "ce90_m").map(([name, value]): [string, string] => [measureName(name), measureWords(name, value)]),
  ];
}

/** The class with its rival, as far as a cause states probabilities. */
function classWords(it: Incident): string {
  const shares = (seen?.causes ?? []).flatMap((c) => Object.entries({ ...c.body, ...object(c.body.attributes) })).filter(([k, v]) => /^p_[a-z]+$/.test(k) && typeof v === "number") as [string, number][];
  const best = [...new Map(shares.sort((a, b) => a[1] - b[1])).entries()].sort((a, b) => b[1] - a[1]).slice(0, 2).filter(([, v]) => v > 0);
  const stated = best.map(([k, v]) => `${k.slice(2).replaceAll("_", " ")} ${Math.round(v * 100)} %`).join(" · ");
  return stated || incidentTitle(it);
}

const measureName = (name: string): string => name.replace(/_(m|s|km|mps|deg|db)$/, "").replaceAll("_", " ");

function measureWords(name: string, value: unknown): string {
  const unit = /_(m|s|km|mps|deg|db)$/.exec(name)?.[1] ?? "", units: Record<string, string> = { mps: "m/s", deg: "°", db: "dB" };
  const words = typeof value === "number" ? String(Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 100) / 100) : text(value);
  return `${words} ${units[unit] ?? unit}`.trim();
}

/** What each detection weighs in the track behind the claim. */
function weights(): HTMLElement | false {
  const used = seen?.used ?? [];
  if (used.length === 0) return false;
  const rows = used.slice(0, 12).map((u) => make("tr", {}, make("td", {}, `${Math.round(u.weight * 100)} %`), make("td", {}, `${u.words} (entry ${u.seq})`)));
  const rest = used.length > 12 && make("p", { class: "small" }, `and ${used.length - 12} more`);
  return make("div", {}, make("h3", {}, `Detections in ${[...new Set(used.map((u) => u.track))].join(", ")}, and what each weighs`), make("table", {}, rows), rest);
}

function restsOn({ incident: it, seq: own }: Claim): HTMLElement {
  const causes: [number, string][] = seen?.causes.length
    ? seen.causes.map((c) => [c.seq, [c.kind.replaceAll("_", " "), c.words, c.atMs === null ? "" : clockNear(c.atMs, now())].filter(Boolean).join(", ")])
    : reports(it).map((r) => [r.seq, `${r.type} report by ${r.reporter}, ${clockNear(r.atMs, now())}, came ${clockNear(r.knownMs, now())}`]);
  const rows = causes.length ? causes : [[own, it ? "this incident" : "this changed place"] as [number, string]];
  return make("table", {}, rows.slice(0, 40).map(([seq, words]) => make("tr", {}, make("td", {}, String(seq)), make("td", {}, words))));
}
