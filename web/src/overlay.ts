// What is drawn over the map: not observed, plans, symbols with their circles, rings and numbers, words.

import { changedPlaces, changeTitle, incidentOn, type ChangedPlace } from "./changes";
import { ago, clock, clockNear, MINUTE, span } from "./clock";
import { desk, incidentBy, incidentsOf, isChanged, live, looking, now, opened, picture, standing, standingMs, waiting } from "./desk";
import { byId } from "./dom";
import { gapsAt, gapsNow } from "./head";
import type { Group, Incident, Look, Place, Reach, Thing } from "./items";
import { font, Labels } from "./labels";
import { inside, ringsOf } from "./line";
import { beltHalfKm, missionLine } from "./places";
import { kinOf, palette, symbol, type Palette } from "./symbols";
import { incidentTitle, SAY } from "./words";

export interface View {
  project(p: Place): { x: number; y: number };
  unproject(x: number, y: number): Place;
  things: Thing[];
  crowded: boolean;
}
export interface Spot { id: string; x: number; y: number }

/** A place older than this is stale when the thing does not say what it owes. */
const STALE_MS = 5 * MINUTE;
const LEAST_SPREAD_MPS = 1.5;
/** Where a camera looked longer ago is history, not picture. */
const LOOK_KEPT_MS = 60 * MINUTE;
const LEAST_CIRCLE_PX = 11;
const MOST_SPREAD_M = 15_000;

/** What can be picked on the map, as drawn last. */
export let spots: Spot[] = [];

interface Sheet { ctx: CanvasRenderingContext2D; view: View; labels: Labels; p: Palette; pxPerKm: number; width: number; height: number }

export function drawOverlay(view: View): void {
  const canvas = byId<HTMLCanvasElement>("overlay"), ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  const ctx = canvas.getContext("2d");
  if (!ctx) return;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  const p = palette(), labels = new Labels(ctx, width, height, p.land);
  labels.keepBox(0, height - 58, width, height);
  const legend = byId("legend");
  labels.keepBox(0, 0, legend.offsetLeft + legend.offsetWidth, legend.offsetTop + legend.offsetHeight);
  const sheet: Sheet = { ctx, view, labels, p, pxPerKm: scaleOf(view, width, height), width, height };
  spots = [];
  if (desk.coverage) drawGaps(sheet);
  drawLineMarks(sheet);
  drawSides(sheet);
  drawPosts(sheet);
  drawPlan(sheet);
  if (live()) for (const it of picture.sources) if (it.look) drawLook(sheet, it.name, it.look);
  if (live()) for (const it of picture.groups) drawGroup(sheet, it);
  for (const it of view.things) drawThing(sheet, it);
  for (const place of changedPlaces().values()) drawChange(sheet, place);
  for (const it of picture.incidents.values()) drawIncident(sheet, it);
  drawScale(sheet);
  labels.draw();
}

function scaleOf(view: View, width: number, height: number): number {
  const a = view.unproject(width / 2, height / 2), b: Place = [a[0], a[1] + 0.01];
  const pa = view.project(a), pb = view.project(b);
  return Math.hypot(pb.x - pa.x, pb.y - pa.y) / 1.11195;
}

function path(s: Sheet, ...parts: Place[][]): void {
  s.ctx.beginPath();
  for (const places of parts) {
    places.forEach((q, i) => {
      const { x, y } = s.view.project(q);
      if (i) s.ctx.lineTo(x, y);
      else s.ctx.moveTo(x, y);
    });
  }
}

let hatch: { colour: string; pattern: CanvasPattern } | null = null;

/** The one hatch of the page: 45 degrees, 9 px. */
export function hatchPattern(ctx: CanvasRenderingContext2D, colour: string): CanvasPattern | string {
  if (hatch?.colour === colour) return hatch.pattern;
  const tile = document.createElement("canvas");
  tile.width = tile.height = 9;
  const t = tile.getContext("2d")!;
  t.strokeStyle = colour;
  t.lineWidth = 1.6;
  for (const d of [-9, 0, 9]) {
    t.beginPath();
    t.moveTo(d - 1, 10);
    t.lineTo(d + 10, -1);
    t.stroke();
  }
  const pattern = ctx.createPattern(tile, "repeat");
  if (pattern) hatch = { colour, pattern };
  return pattern ?? colour;
}

function drawGaps(s: Sheet): void {
  const line = missionLine();
  if (!line) return;
  const wide = Math.max(14, 2 * beltHalfKm() * s.pxPerKm), gaps = live() ? gapsNow() : gapsAt(looking(), desk.then);
  s.ctx.lineCap = "butt";
  s.ctx.lineJoin = "bevel";
  for (const g of gaps) {
    path(s, ...line.stretch(g.kmFrom, g.kmTo));
    s.ctx.lineWidth = wide + 2;
    s.ctx.strokeStyle = s.p.hatch;
    s.ctx.stroke();
    s.ctx.globalCompositeOperation = "destination-out";
    s.ctx.lineWidth = wide;
    s.ctx.stroke();
    s.ctx.globalCompositeOperation = "source-over";
    s.ctx.strokeStyle = hatchPattern(s.ctx, s.p.hatch);
    s.ctx.stroke();
    const { x, y } = s.view.project(line.at((g.kmFrom + g.kmTo) / 2)), words = SAY.notObserved(g.fromMs, picture.coverage.fromMs, now());
    if ((g.kmTo - g.kmFrom) * s.pxPerKm < 6) continue;
    const lines = [{ words, colour: s.p.ink1, bold: true }, ...(g.reason ? [{ words: g.reason, colour: s.p.ink2 }] : [])];
    s.labels.want({ x, y, rank: 2, lines, short: words, clear: wide / 2 + 10, spots: ["below", "above", "below-right", "below-left", "above-right", "above-left", "over"] });
  }
}

/** Where a line has its kilometres, and what stands there; a line begins just after the one before. */
function marks(line: Reach, stepKm: number): { at: number; words: string }[] {
  const many = Math.floor((line.kmTo - line.kmFrom) / stepKm) + 1;
  return Array.from({ length: many }, (_, i) => ({ at: line.kmFrom + (i ? i * stepKm : 1e-4), words: i ? String(i * stepKm) : "km 0" }));
}

function drawLineMarks(s: Sheet): void {
  const line = missionLine();
  if (!line) return;
  const step = [1, 2, 5, 10, 20, 50, 100].find((k) => k * s.pxPerKm > 70) ?? 200;
  const whole = { id: "", kmFrom: 0, kmTo: line.lengthKm }, lines = picture.mission?.lines.length ? picture.mission.lines : [whole];
  for (const km of lines.flatMap((l) => marks(l, step))) {
    const { x, y } = s.view.project(line.at(km.at));
    s.ctx.fillStyle = s.p.ink1;
    s.ctx.beginPath();
    s.ctx.arc(x, y, 2.5, 0, 7);
    s.ctx.fill();
    s.labels.want({ x, y, rank: 6, clear: 7, lines: [{ words: km.words, colour: s.p.ink3 }], spots: ["below", "above", "below-right", "above-left"] });
  }
  for (const sector of picture.mission?.sectors ?? []) {
    const { x, y } = s.view.project(line.at((sector.kmFrom + sector.kmTo) / 2));
    s.labels.want({ x, y, rank: 7, clear: beltHalfKm() * s.pxPerKm + 22, lines: [{ words: sector.id, colour: s.p.ink2 }], spots: ["below", "above"] });
  }
}

/** Which side of the line is whose, where the agreement's zones say it. */
function drawSides(s: Sheet): void {
  const line = missionLine(), km = (line?.lengthKm ?? 0) * 0.15;
  if (!line) return;
  const a = s.view.project(line.at(km)), b = s.view.project(line.at(km + line.lengthKm * 0.05)), long = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const half = beltHalfKm() * s.pxPerKm, nx = -(b.y - a.y) / long, ny = (b.x - a.x) / long;
  for (const way of [1, -1]) {
    const place = s.view.unproject(a.x + (way * nx * half) / 2, a.y + (way * ny * half) / 2);
    const side = picture.grounds.find((g) => /^[AB]$/.test(String(g.properties.side)) && ringsOf(g).some((r) => inside(place, r)))?.properties.side;
    const lines = [{ words: `SIDE ${String(side)}`, colour: s.p.ink2, bold: true }];
    if (side) s.labels.want({ x: a.x + way * nx * (half + 60), y: a.y + way * ny * (half + 60), rank: 3, clear: 4, lines, spots: ["over", "left", "right", "above", "below"] });
  }
}

function drawPosts(s: Sheet): void {
  for (const g of picture.grounds) {
    if (g.geometry.type !== "Point" || g.properties.kind === "road") continue;
    const [lon, lat] = g.geometry.coordinates, { x, y } = s.view.project([lon!, lat!]);
    s.ctx.fillStyle = s.p.panel;
    // A post of the mission is a triangle; an agreed site of a side is a square.
    const site = g.properties.kind === "site", corners = site ? [[-5, -5], [5, -5], [5, 5], [-5, 5]] : [[-6, 5], [0, -6], [6, 5]];
    s.ctx.strokeStyle = site ? s.p.ink3 : s.p.own;
    s.ctx.lineWidth = 1.5;
    s.ctx.beginPath();
    for (const [dx, dy] of corners) s.ctx.lineTo(x + dx!, y + dy!);
    s.ctx.closePath();
    s.ctx.fill();
    s.ctx.stroke();
    s.labels.keep(x, y, 7);
    const name = String(g.properties.name ?? g.properties.id ?? g.properties.post ?? "");
    if (name && s.pxPerKm > 10) s.labels.want({ x, y, rank: 8, clear: 9, lines: [{ words: name, colour: s.p.ink3 }], spots: ["below", "above", "right", "left"] });
  }
}

/** What the open recommendation would do, and what it would leave bare. */
function drawPlan(s: Sheet): void {
  const r = opened(), line = missionLine();
  if (!r || r.state !== "waiting" || !live()) return;
  s.ctx.lineCap = "butt";
  for (const words of r.leftUncovered) {
    const [, from, to] = /km ?([\d.]+) ?(?:–|-|to) ?(?:km ?)?([\d.]+)/.exec(words) ?? [];
    if (!line || from === undefined || to === undefined) continue;
    path(s, ...line.stretch(Number(from), Number(to)));
    Object.assign(s.ctx, { lineWidth: 7, strokeStyle: s.p.hatch });
    s.ctx.setLineDash([2, 3]);
    s.ctx.stroke();
    const { x, y } = s.view.project(line.at((Number(from) + Number(to)) / 2));
    s.labels.want({ x, y, rank: 3, clear: 12, lines: [{ words: `uncovered ${/for (.*)$/.exec(words)?.[1] ?? ""}`.trim(), colour: s.p.ink1 }] });
  }
  for (const task of r.tasks) {
    const unit = picture.things.get(String(task.unit)), to = target(String(task.task ?? ""));
    if (!unit || !to) continue;
    path(s, [[unit.lon, unit.lat], to]);
    Object.assign(s.ctx, { lineWidth: 2, strokeStyle: s.p.own });
    s.ctx.setLineDash([7, 5]);
    s.ctx.stroke();
  }
  s.ctx.setLineDash([]);
}

/** What a camera saw last: its frame on the ground, how far off that may be, and from where. */
/** A group is a dotted ring around its members and a line of words; the members stay what they are. */
function drawGroup(s: Sheet, it: Group): void {
  const { x, y } = s.view.project(it.at), r = Math.max(16, it.radiusM * (s.pxPerKm / 1000) + 10);
  if (x < -r || y < -r || x > s.width + r || y > s.height + r) return;
  Object.assign(s.ctx, { strokeStyle: s.p.ink2, lineWidth: 1.2 });
  s.ctx.setLineDash([2, 3]);
  ring(s, x, y, r);
  s.ctx.setLineDash([]);
  s.labels.want({ x, y, rank: 6, clear: r, lines: it.words.split(", ").map((words) => ({ words, colour: s.p.ink2 })) });
}

function drawLook(s: Sheet, name: string, look: Look): void {
  const age = Math.max(0, now() - look.atMs), stale = age > STALE_MS;
  if (age > LOOK_KEPT_MS) return;
  const { x, y } = s.view.project(look.middle), from = s.view.project(look.sensor), error = look.ce90M * (s.pxPerKm / 1000);
  Object.assign(s.ctx, { strokeStyle: s.p.own, lineWidth: 1.6 });
  s.ctx.setLineDash(stale ? [4, 4] : []);
  path(s, [...look.corners, look.corners[0]!]);
  s.ctx.stroke();
  s.ctx.lineWidth = 1;
  if (error >= LEAST_CIRCLE_PX) ring(s, x, y, error);
  s.ctx.setLineDash([1, 4]);
  path(s, [look.sensor, look.middle]);
  s.ctx.stroke();
  s.ctx.setLineDash([]);
  for (const [dx, dy] of [[4, 0], [0, 4]] as const) {
    s.ctx.beginPath();
    s.ctx.moveTo(x - dx, y - dy);
    s.ctx.lineTo(x + dx, y + dy);
    s.ctx.stroke();
  }
  s.labels.keep(x, y, 8);
  const apart = Math.hypot(from.x - x, from.y - y) > 30;
  if (apart) {
    diamond(s.ctx, from.x, from.y, 4, s.p.panel, s.p.own);
    s.labels.keep(from.x, from.y, 6);
  }
  const ys = look.corners.map((c) => s.view.project(c).y), clear = Math.max(12, Math.max(...ys) - y + 6);
  const words = stale ? SAY.saw(name, age) : SAY.sees(name, look.atMs);
  s.labels.want({ x, y, rank: 4, clear, lines: [{ words, colour: s.p.own }], spots: ["below", "above", "below-right", "below-left", "right", "left"] });
}

function target(task: string): Place | null {
  const r = opened(), place = r?.places[task] as { lat_deg?: number; lon_deg?: number } | undefined;
  if (place?.lat_deg !== undefined && place.lon_deg !== undefined) return [place.lon_deg, place.lat_deg];
  const about = r ? incidentBy(r.incidentIds[0] ?? "") : undefined;
  return about?.lon != null && about.lat != null ? [about.lon, about.lat] : null;
}

function drawThing(s: Sheet, it: Thing): void {
  const at = standing(it);
  if (!at) return;
  const { x, y } = s.view.project(at), kin = kinOf(it.sidc), colour = s.p[kin], heardMs = standingMs(it), never = heardMs === 0, age = never ? 0 : looking() - heardMs;
  const stale = it.state === "stale" || age > STALE_MS || it.missed !== "", drawn = symbol(it.sidc);
  s.ctx.strokeStyle = colour;
  s.ctx.lineWidth = 1.3;
  s.ctx.setLineDash(stale ? [4, 4] : []);
  if (live() && it.trail.length > 1) {
    path(s, [...it.trail.slice(-5), at]);
    s.ctx.stroke();
  }
  const spread = stale ? Math.min(MOST_SPREAD_M, (Math.max(it.speedMps ?? 0, LEAST_SPREAD_MPS) * age) / 1000) : 0;
  const radius = ((it.ce90M ?? 0) + (it.unit ? 0 : spread)) * (s.pxPerKm / 1000);
  if (radius >= LEAST_CIRCLE_PX) {
    s.ctx.beginPath();
    s.ctx.arc(x, y, radius, 0, 7);
    s.ctx.stroke();
  }
  if (stale && radius < 16) {
    s.ctx.beginPath();
    s.ctx.arc(x, y, 17, 0, 7);
    s.ctx.stroke();
  }
  s.ctx.setLineDash([]);
  s.ctx.drawImage(drawn.image, x - drawn.anchorX, y - drawn.anchorY, drawn.width, drawn.height);
  if (it.id === desk.thing) {
    Object.assign(s.ctx, { strokeStyle: s.p.ink1, lineWidth: 2 });
    s.ctx.strokeRect(x - 19, y - 19, 38, 38);
  }
  s.labels.keep(x, y, 12);
  spots.push({ id: it.id, x, y });
  const side = kin === "party" && it.side.length === 1 ? ` (${it.side})` : "", name = `${it.label}${side}${drawn.valid ? "" : " (no valid symbol)"}`;
  const lines = [{ words: name, colour, bold: it.id === desk.thing }, ...(it.missed ? [{ words: it.missed, colour: s.p.ink2 }] : []), ...(stale ? [{ words: SAY.seen(age), colour: s.p.ink2 }] : never ? [{ words: SAY.neverHeard, colour: s.p.ink3 }] : [])];
  s.labels.want({ x, y, rank: kin === "own" ? 4 : 5, clear: ringed(s, x, y) ? 28 : stale ? 20 : 16, lines, ...(stale ? { short: `${name}, ${ago(age).replace(" ago", "")}` } : {}) });
}

/** True where the ring of something that waits is drawn. */
function ringed(s: Sheet, x: number, y: number): boolean {
  return waiting().some((r) => incidentsOf(r).some((i) => {
    if (i.lon === null || i.lat === null) return false;
    const at = s.view.project([i.lon, i.lat]);
    return Math.hypot(at.x - x, at.y - y) < 24;
  }));
}

function drawIncident(s: Sheet, it: Incident): void {
  if (it.lon === null || it.lat === null) return;
  const seen = live() || (desk.then ? picture.incidentKnownAt(it) : it.startMs) <= looking();
  const { x, y } = s.view.project([it.lon, it.lat]);
  if (!seen || x < -60 || y < -60 || x > s.width + 60 || y > s.height + 60) return;
  const about = [...picture.recommendations.values()].find((r) => desk.numbers.has(r.id) && r.incidentIds.some((id) => incidentBy(id)?.id === it.id));
  spots.push({ id: about?.id ?? it.id, x, y });
  if (!about) return plainIncident(s, it, x, y);
  const waits = about.state === "waiting", late = waits && about.dueMs !== null && about.dueMs < now();
  const colour = waits ? (late ? s.p.overdue : s.p.attend) : s.p.ink2, error = (it.ce90M ?? 0) * (s.pxPerKm / 1000);
  s.ctx.strokeStyle = colour;
  s.ctx.lineWidth = 2.5;
  s.ctx.setLineDash(isChanged(about) ? [6, 4] : []);
  for (const r of about.id === desk.selected ? [16, 21] : [16]) ring(s, x, y, r);
  s.ctx.setLineDash([]);
  s.ctx.lineWidth = 1.3;
  if (error > 26) ring(s, x, y, error);
  // A symbol that is drawn here already says what it is; the diamond would hide it.
  if (!spots.some((o) => o.id !== about.id && Math.hypot(o.x - x, o.y - y) < 14)) diamond(s.ctx, x, y, 6, s.p.panel, colour);
  s.ctx.fillStyle = colour;
  s.ctx.beginPath();
  s.ctx.arc(x - 22, y - 24, 12, 0, 7);
  s.ctx.fill();
  s.ctx.fillStyle = waits ? s.p.onAttend : s.p.panel;
  s.ctx.font = font(true);
  Object.assign(s.ctx, { textAlign: "center", textBaseline: "middle" });
  s.ctx.fillText(String(desk.numbers.get(about.id)), x - 22, y - 23);
  s.labels.keep(x, y, 23);
  s.labels.keep(x - 22, y - 24, 13);
  const words = incidentTitle(it);
  s.labels.want({ x, y, rank: 1, clear: 25, ...(about.id === desk.selected ? { short: words } : {}), lines: [{ words, colour: s.p.ink1, bold: true }], spots: ["right", "above-right", "below-right", "below", "left", "above"] });
}

function plainIncident(s: Sheet, it: Incident, x: number, y: number): void {
  diamond(s.ctx, x, y, 6, s.p.panel, s.p.ink2);
  if (it.id === desk.selected || it.caseId === desk.selected) {
    s.ctx.lineWidth = 1.5;
    ring(s, x, y, 14);
  }
  s.labels.keep(x, y, 8);
  s.labels.want({ x, y, rank: 9, clear: 11, lines: [{ words: incidentTitle(it), colour: s.p.ink2 }, { words: `${clock(it.startMs)}, ${span(Math.max(0, looking() - it.startMs))} ago`, colour: s.p.ink3 }] });
}

/** A changed place that no incident stands for: an open square where its outline is too small to be seen. */
function drawChange(s: Sheet, place: ChangedPlace): void {
  const { x, y } = s.view.project(place.middle);
  if (x < -60 || y < -60 || x > s.width + 60 || y > s.height + 60 || place.atMs > looking() || incidentOn(place.id)) return;
  spots.push({ id: place.id, x, y });
  Object.assign(s.ctx, { strokeStyle: s.p.ink2, lineWidth: 2 });
  const half = (Math.sqrt(place.areaM2 / 1e6) * s.pxPerKm) / 2;
  if (half < 7) s.ctx.strokeRect(x - 5, y - 5, 10, 10);
  s.labels.keep(x, y, 7);
  s.labels.want({ x, y, rank: 9, clear: Math.max(10, half * 1.5), lines: [{ words: changeTitle(place), colour: s.p.ink2 }, { words: clockNear(place.atMs, now()), colour: s.p.ink3 }] });
}

function ring(s: Sheet, x: number, y: number, radius: number): void {
  s.ctx.beginPath();
  s.ctx.arc(x, y, radius, 0, 7);
  s.ctx.stroke();
}

/** The page's mark of an event, on the map and on the time chart. */
export function diamond(ctx: CanvasRenderingContext2D, x: number, y: number, r: number, fill: string, stroke: string): void {
  ctx.beginPath();
  ctx.moveTo(x, y - r);
  ctx.lineTo(x + r, y);
  ctx.lineTo(x, y + r);
  ctx.lineTo(x - r, y);
  ctx.closePath();
  Object.assign(ctx, { fillStyle: fill, strokeStyle: stroke, lineWidth: 2 });
  ctx.fill();
  ctx.stroke();
}

function drawScale(s: Sheet): void {
  const km = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((k) => k * s.pxPerKm > 60) ?? 2000;
  const long = km * s.pxPerKm, right = s.width - 18, y = 34 + (live() ? 0 : byId("then").offsetHeight);
  Object.assign(s.ctx, { strokeStyle: s.p.ink1, lineWidth: 1.5 });
  s.ctx.beginPath();
  s.ctx.moveTo(right - long, y - 6);
  s.ctx.lineTo(right - long, y);
  s.ctx.lineTo(right, y);
  s.ctx.lineTo(right, y - 6);
  s.ctx.stroke();
  s.labels.keepBox(right - long - 6, y - 30, s.width, y + 6);
  Object.assign(s.ctx, { font: font(), fillStyle: s.p.ink2, textAlign: "center", textBaseline: "alphabetic" });
  s.ctx.fillText(km < 1 ? `${km * 1000} m` : `${km} km`, right - long / 2, y - 8);
}
