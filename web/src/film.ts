// A clip as it may be looked at: two veiled frames a second with what was found in them, played on a canvas.

import { changed } from "./desk";
import { byId, key, make, renew } from "./dom";
import { list, number, object, time, type Incident, type Json, type Place } from "./items";
import { sample } from "./link";
import { coordinates } from "./places";
import { confirmation, plural, SAY } from "./words";

interface Box { sides: [x: number, y: number, w: number, h: number]; shares: [string, number][]; place: Place | null; ce90M: number | null; row: number | null }
interface Frame { frame: number; packet: number | null; atMs: number | null; ptsS: number; at: number; bytes: number; boxes: Box[] }
export interface Film { seq: number; width: number; height: number; frames: Frame[]; data: Blob; shown: number; playing: number }
export interface Reel { seq: number; index: string; data: string }

/** So many tables are read to find the clip that shows the claim. */
const MOST_TABLES = 6;
/** A share below this says no more than that something is there. */
const LEAST_SHARE = 0.3;
const KM_PER_DEG = 111.2;

/** The clip under the hand: the one that is drawn. */
let film: Film | null = null;

/** Find, among the clips that a claim rests on, the one with a box nearest to its place; null where none shows anything. */
export async function loadFilm(reels: Reel[], it: Incident): Promise<Film | null> {
  let best: { reel: Reel; table: Json; frame: number; far: number } | null = null;
  for (const reel of reels.slice(0, MOST_TABLES)) {
    const table = object(JSON.parse(await (await sample(reel.index)).text()));
    const found = nearest(framesOf(table), it);
    if (best === null || found.far < best.far) best = { reel, table, ...found };
  }
  const frames = best ? framesOf(best.table) : [];
  if (!best || frames.length === 0) return null;
  return {
    seq: best.reel.seq, width: number(best.table.width_px) ?? 0, height: number(best.table.height_px) ?? 0, frames, data: await sample(best.reel.data),
    shown: best.frame, playing: 0,
  };
}

function framesOf(table: Json): Frame[] {
  return list(table.frames).map(object).map((f) => ({
    frame: number(f.frame) ?? 0, packet: number(f.packet), atMs: time(f.time_utc), ptsS: number(f.pts_s) ?? 0, at: number(f.at) ?? 0, bytes: number(f.bytes) ?? 0,
    boxes: list(f.boxes).map(object).map(boxOf),
  }));
}

function boxOf(b: Json): Box {
  const [x = 0, y = 0, w = 0, h = 0] = list(b.box).map((v) => number(v) ?? 0), [lon, lat, ce90] = list(b.place).map((v) => number(v));
  const shares = Object.entries(object(b.classes)).filter((s): s is [string, number] => typeof s[1] === "number").sort((a, c) => c[1] - a[1]);
  return { sides: [x, y, w, h], shares, place: lon != null && lat != null ? [lon, lat] : null, ce90M: ce90 ?? null, row: number(b.row) };
}

/** The frame with the box nearest to a claim's place; the middle one where no place is known. */
function nearest(frames: Frame[], it: Incident): { frame: number; far: number } {
  let best = { frame: Math.floor(frames.length / 2), far: Infinity };
  frames.forEach((f, i) => {
    const far = Math.min(...f.boxes.map((b) => apartKm(b, it)));
    if (far < best.far) best = { frame: i, far };
  });
  return best;
}

/** The box of a frame that the claim may speak of: the nearest, if both errors together reach so far. */
function claimed(frame: Frame, it: Incident): Box | undefined {
  const near = frame.boxes.filter((b) => apartKm(b, it) * 1000 <= Math.hypot(b.ce90M ?? 0, it.ce90M ?? 0));
  return near.sort((a, b) => apartKm(a, it) - apartKm(b, it))[0];
}

function apartKm(b: Box, it: Incident): number {
  if (!b.place || it.lon === null || it.lat === null) return Infinity;
  return Math.hypot((b.place[0] - it.lon) * Math.cos((it.lat * Math.PI) / 180), b.place[1] - it.lat) * KM_PER_DEG;
}

export function filmFigure(f: Film): HTMLElement {
  return make("figure", { class: "film" },
    make("canvas", { id: "film", role: "img", "aria-label": SAY.clip, width: f.width, height: f.height }),
    make("div", { class: "film-bar" }, make("button", { "data-film": "play", "data-at": "film-play", id: "film-play" }, SAY.play),
      make("button", { "data-film": "back", "data-at": "film-back", "aria-label": SAY.frameBack }, "◂ ", key(",")), make("button", { "data-film": "on", "data-at": "film-on", "aria-label": SAY.frameOn }, "▸ ", key(".")),
      make("input", { id: "film-at", type: "range", min: 0, max: f.frames.length - 1, step: 1, "data-at": "film-at", "aria-label": SAY.frameOf })),
    make("ol", { id: "film-boxes" }), make("figcaption", { id: "film-words" }));
}

/** Bring the figure up to the frame that is shown; a clip that is no longer drawn stops. */
export function drawFilm(f: Film | null, it: Incident | null): void {
  const canvas = document.querySelector<HTMLCanvasElement>("#film");
  if (f !== film || !canvas) stop();
  film = f;
  if (!f || !it || !canvas) return;
  const frame = f.frames[f.shown]!, slider = byId<HTMLInputElement>("film-at"), label = whenWords(frame);
  if (Number(slider.value) !== f.shown) slider.value = String(f.shown);
  slider.setAttribute("aria-valuetext", label);
  const about = claimed(frame, it);
  renew(byId("film-play"), String(f.playing !== 0), () => [f.playing ? SAY.pause : SAY.play, " ", key("P")]);
  renew(byId("film-boxes"), String(f.shown), () => frame.boxes.map((b) => make("li", { class: b === about ? "claim" : "" }, boxWords(b, b === about))));
  renew(byId("film-words"), `${f.shown} ${it.state}`, () => [`${label}. ${plural(frame.boxes.length, "thing", "things")} found in it. ${SAY.veiled(f.width, f.height, f.seq)} ${confirmation(it)}`]);
  if (canvas.dataset.frame !== String(f.shown)) void show(f, canvas, about);
}

/** The canvas, not the clip, remembers what it shows: another one stands in its place when the words around it change. */
async function show(f: Film, canvas: HTMLCanvasElement, about: Box | undefined): Promise<void> {
  const wanted = String(f.shown), frame = f.frames[f.shown]!;
  canvas.dataset.frame = wanted;
  const image = await createImageBitmap(f.data.slice(frame.at, frame.at + frame.bytes, "image/jpeg")).catch(() => null);
  const ctx = canvas.getContext("2d");
  if (!ctx || canvas.dataset.frame !== wanted) return;
  ctx.clearRect(0, 0, canvas.width, canvas.height);  // no frame stands under the words of another
  if (!image) return;
  ctx.drawImage(image, 0, 0);
  frame.boxes.forEach((b, i) => mark(ctx, b, i + 1, b === about));
}

/** A box: corners, or the whole frame for what the claim rests on; its number beside it, white on black. */
function mark(ctx: CanvasRenderingContext2D, b: Box, n: number, claim: boolean): void {
  const [x, y, w, h] = [b.sides[0] - 3, b.sides[1] - 3, b.sides[2] + 6, b.sides[3] + 6], arm = Math.max(4, Math.min(w, h) / 3);
  const corners = new Path2D();
  if (claim) corners.rect(x, y, w, h);
  else for (const [cx, cy, dx, dy] of [[x, y, 1, 1], [x + w, y, -1, 1], [x, y + h, 1, -1], [x + w, y + h, -1, -1]] as const) {
    corners.moveTo(cx + dx * arm, cy);
    corners.lineTo(cx, cy);
    corners.lineTo(cx, cy + dy * arm);
  }
  for (const [style, width] of [["#000", 4], ["#fff", 2]] as const) {
    Object.assign(ctx, { strokeStyle: style, lineWidth: width });
    ctx.stroke(corners);
  }
  Object.assign(ctx, { font: '600 14px "Noto Sans", sans-serif', textAlign: "left", textBaseline: "bottom", lineWidth: 4, strokeStyle: "#000", fillStyle: "#fff" });
  const top = y > 18 ? y - 1 : y + h + 19;
  ctx.strokeText(String(n), x, top);
  ctx.fillText(String(n), x, top);
}

function whenWords(f: Frame): string {
  const at = f.atMs === null ? `${f.ptsS.toFixed(1)} s into the stream` : new Date(f.atMs).toISOString().slice(11, 19) + "Z";
  return [`Frame ${f.frame}`, f.packet === null ? SAY.noPacket : `packet ${f.packet}`, at].join(", ");
}

/** The class with its rival, the place with its error. */
function boxWords(b: Box, claim: boolean): string {
  const said = b.shares.filter(([, v]) => v >= 0.01).slice(0, 2).map(([k, v]) => `${k.replaceAll("_", " ")} ${Math.round(v * 100)} %`).join(" · ");
  const what = (b.shares[0]?.[1] ?? 0) < LEAST_SHARE ? SAY.moves : said;
  const where = b.place ? `${coordinates(b.place)}${b.ce90M === null ? "" : ` ± ${Math.round(b.ce90M)} m`}` : SAY.noPose;
  return [what, where, claim && SAY.nearestToClaim].filter(Boolean).join(", ");
}

/** What a button or key does to the clip. */
export function turnFilm(how: string): void {
  if (!film) return;
  if (how === "play" && !film.playing) {
    if (film.shown >= film.frames.length - 1) film.shown = 0;
    later(film);
  } else {
    stop();
    if (how !== "play") seekFilm(film.shown + (how === "on" ? 1 : -1));
  }
  changed();
}

export function seekFilm(to: number): void {
  if (!film) return;
  film.shown = Math.min(film.frames.length - 1, Math.max(0, to));
  changed();
}

function later(f: Film): void {
  const next = f.frames[f.shown + 1];
  if (!next) return stop();
  f.playing = window.setTimeout(() => {
    if (film !== f) return;
    seekFilm(f.shown + 1);
    later(f);
  }, Math.min(2000, Math.max(40, (next.ptsS - f.frames[f.shown]!.ptsS) * 1000)));
}

function stop(): void {
  if (film?.playing) window.clearTimeout(film.playing);
  if (film?.playing) changed();
  if (film) film.playing = 0;
}
