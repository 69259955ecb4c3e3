// Time against kilometre, as a train graph: what was not observed, what happened, when it was heard of, what was decided.

import { clock, clockNear, HOUR, MINUTE } from "./clock";
import { changed, desk, incidentsOf, live, looking, now, picture, standing, waiting } from "./desk";
import { byId, key, make, renew } from "./dom";
import { lasts, nextPass } from "./head";
import type { Incident } from "./items";
import { font } from "./labels";
import { pastCount, pastState, shownThings } from "./past";
import { diamond, hatchPattern } from "./overlay";
import { kmOf, missionLine } from "./places";
import { palette, type Palette } from "./symbols";
import { SAY } from "./words";

const BACK_MS = 12 * HOUR;
const AHEAD_MS = HOUR;
const LEFT = 66, RIGHT = 10, TOP = 24, FOOT = 22;
/** A later hearing than this gets a whisker. */
const LATE_MS = 10 * MINUTE;

interface Sheet { ctx: CanvasRenderingContext2D; p: Palette; width: number; bottom: number; fromMs: number; untilMs: number; lineKm: number }

const x = (s: Sheet, ms: number): number => LEFT + ((ms - s.fromMs) / (s.untilMs - s.fromMs)) * (s.width - LEFT - RIGHT);
const y = (s: Sheet, km: number): number => s.bottom - (km / s.lineKm) * (s.bottom - TOP);

const hasLine = (): boolean => missionLine() !== null || (picture.mission?.lineKm ?? null) !== null;

/** The height of an incident; without a line all stand in the middle. */
function heightOf(s: Sheet, i: Incident | undefined): number | null {
  if (!hasLine()) return (TOP + s.bottom) / 2;
  const km = i ? kmOf(i.lon, i.lat, i.km) : null;
  return km === null ? null : y(s, Math.min(s.lineKm, Math.max(0, km)));
}

/** The first and last time of the chart; the present stands at the same place. */
const extent = (): [number, number] => [now() - BACK_MS, now() + AHEAD_MS];

/** The time under a point of the chart. */
export function timeAt(clientX: number): number {
  const box = byId("chart").getBoundingClientRect(), [from, until] = extent();
  return from + ((clientX - box.left - LEFT) / (box.width - LEFT - RIGHT)) * (until - from);
}

/** Look at a time; the present or later is live. */
export function seek(ms: number): void {
  const minute = Math.floor(ms / MINUTE) * MINUTE;
  if (minute >= Math.floor(now() / MINUTE) * MINUTE) return goLive();
  desk.pastMs = Math.max(extent()[0], minute);
  changed();
}

export function goLive(): void {
  desk.pastMs = null;
  desk.then = false;
  changed();
}

export function drawTime(): void {
  const then = desk.then && !live();
  const state = [clock(looking()), live(), then, desk.reading, document.documentElement.dataset.theme, picture.version.coverage];
  renew(byId("time-bar"), JSON.stringify(state), () => [
    make("b", {}, live() ? `Live, ${clock(now())}` : `As it was at ${clockNear(looking(), now())}`),
    make("span", { class: "pair", role: "group", "aria-label": "Known when" },
      make("button", { "data-known": "now", "data-at": "now", "aria-pressed": String(!then) }, "as known now"),
      make("button", { "data-known": "then", "data-at": "then", "aria-pressed": String(then), disabled: live() }, "as known then ", key("V"))),
    make("span", { class: "small grow wide" }, desk.reading && desk.ready ? desk.reading : legend()),
    make("button", { "data-live": true, "data-at": "live", disabled: live() }, live() ? "Live " : "Back to live ", key("End")),
  ]);
  const band = byId("then"), hidden = live() ? 0 : shownThings().filter((t) => !standing(t)).length;
  band.hidden = live();
  byId("stage").toggleAttribute("data-past", !live());
  const words = live() ? "" : `${SAY.past(clockNear(looking(), now()), then)} ${SAY.told[pastState()]?.(pastCount()) ?? ""}${hidden ? SAY.noPlace(hidden) : ""}`;
  if (band.textContent !== words) band.textContent = words;
  byId("legend").style.top = live() ? "" : `${band.offsetHeight + 12}px`;
  const slider = byId("chart"), [from] = extent();
  slider.setAttribute("aria-valuemax", String(BACK_MS / MINUTE));
  slider.setAttribute("aria-valuenow", String(Math.round((looking() - from) / MINUTE)));
  slider.setAttribute("aria-valuetext", `${clock(looking())}, ${live() ? "live" : then ? "as known then" : "as known now"}`);
  drawChart(slider.querySelector("canvas")!);
}

function legend(): (Node | string)[] {
  const mark = (draw: (ctx: CanvasRenderingContext2D, p: Palette) => void): HTMLCanvasElement => {
    const c = make("canvas", { width: 68, height: 28 }), ctx = c.getContext("2d")!;
    ctx.scale(2, 2);
    draw(ctx, palette());
    return c;
  };
  return [
    make("i", { class: "mark gap" }), "not observed",
    mark((c, p) => diamond(c, 24, 7, 5, p.panel, p.ink1)), "happened",
    mark((c, p) => { whisker(c, p, 8, 30, 7); diamond(c, 8, 7, 5, p.panel, p.ink1); }), "heard of later",
    mark((c, p) => tick(c, p, 24, 7)), "decided",
    ...(picture.coverage.passes.length ? [mark((c, p) => dotted(c, p, 24, 0, 14)), passWords()] : []),
  ];
}

function passWords(): string {
  const next = nextPass();
  return next ? SAY.canLook(next.satellite, next.highestMs, now()) : SAY.passes;
}

function drawChart(canvas: HTMLCanvasElement): void {
  const ratio = window.devicePixelRatio || 1, { clientWidth: width, clientHeight: height } = canvas, ctx = canvas.getContext("2d");
  if (!ctx || width === 0) return;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  if (!desk.ready) return;
  const [fromMs, untilMs] = extent(), lineKm = picture.mission?.lineKm ?? missionLine()?.lengthKm ?? 1;
  const s: Sheet = { ctx, p: palette(), width, bottom: height - FOOT, fromMs, untilMs, lineKm };
  drawGround(s);
  if (desk.coverage) drawNotObserved(s);
  drawHours(s, height);
  drawPasses(s);
  for (const i of picture.incidents.values()) drawEvent(s, i);
  drawDecided(s);
  drawDue(s);
  drawHandle(s);
}

function drawGround(s: Sheet): void {
  const { ctx, p } = s;
  ctx.fillStyle = p.zone;
  ctx.fillRect(x(s, s.fromMs), TOP, x(s, now()) - x(s, s.fromMs), s.bottom - TOP);
  Object.assign(ctx, { strokeStyle: p.panel, lineWidth: 1, font: font(), textAlign: "right", textBaseline: "middle" });
  const { sectors: named = [], lines = [] } = picture.mission ?? {}, given = named.length || lines.length < 2 ? named : lines;
  const sectors = given.length || !hasLine() ? given : [0, 0.25, 0.5, 0.75].map((f) => ({ id: `km ${Math.round(f * s.lineKm)}`, kmFrom: f * s.lineKm, kmTo: (f + 0.25) * s.lineKm }));
  for (const sector of sectors) {
    stroke(s, [x(s, s.fromMs), y(s, sector.kmFrom)], [x(s, s.untilMs), y(s, sector.kmFrom)]);
    ctx.fillStyle = p.ink2;
    ctx.fillText(sector.id.length > 8 ? `${sector.id.slice(0, 7)}…` : sector.id, LEFT - 8, y(s, (sector.kmFrom + sector.kmTo) / 2));
  }
}

function stroke(s: Sheet, from: [number, number], to: [number, number]): void {
  s.ctx.beginPath();
  s.ctx.moveTo(...from);
  s.ctx.lineTo(...to);
  s.ctx.stroke();
}

function drawNotObserved(s: Sheet): void {
  const edge = desk.then && !live() ? looking() : now();
  for (const g of picture.coverage.gaps) {
    if (desk.then && !live() && (g.knownMs ?? g.fromMs) > looking()) continue;
    const a = Math.max(s.fromMs, g.fromMs), b = lasts(g) ? edge : Math.min(edge, g.untilMs ?? edge);
    if (b <= a) continue;
    const box: [number, number, number, number] = [x(s, a), y(s, g.kmTo), Math.max(1, x(s, b) - x(s, a)), y(s, g.kmFrom) - y(s, g.kmTo)];
    s.ctx.fillStyle = hatchPattern(s.ctx, s.p.hatch);
    s.ctx.fillRect(...box);
    Object.assign(s.ctx, { strokeStyle: s.p.hatch, lineWidth: 1 });
    s.ctx.strokeRect(...box);
  }
}

function drawHours(s: Sheet, height: number): void {
  const step = s.width > 700 ? 2 * HOUR : 4 * HOUR;
  Object.assign(s.ctx, { strokeStyle: s.p.panel, lineWidth: 1, fillStyle: s.p.ink3, font: font(), textAlign: "center", textBaseline: "alphabetic" });
  for (let ms = Math.ceil(s.fromMs / step) * step; ms <= s.untilMs; ms += step) {
    stroke(s, [x(s, ms), TOP], [x(s, ms), s.bottom]);
    if (x(s, ms) > LEFT + 20 && x(s, ms) < s.width - 24) s.ctx.fillText(clock(ms), x(s, ms), height - 5);
  }
}

/** Dotted verticals over the stretch that a satellite can look at; the legend names the next one. */
function drawPasses(s: Sheet): void {
  for (const o of picture.coverage.passes) {
    if (o.highestMs < s.fromMs || o.highestMs > s.untilMs) continue;
    const cx = x(s, o.highestMs), [top, bottom] = hasLine() ? [y(s, Math.min(o.kmTo, s.lineKm)), y(s, o.kmFrom)] : [TOP, s.bottom];
    dotted(s.ctx, s.p, cx, top, bottom);
  }
}

function dotted(ctx: CanvasRenderingContext2D, p: Palette, cx: number, top: number, bottom: number): void {
  Object.assign(ctx, { strokeStyle: p.ink2, lineWidth: 2 });
  ctx.setLineDash([2, 4]);
  ctx.beginPath();
  ctx.moveTo(cx, top);
  ctx.lineTo(cx, bottom);
  ctx.stroke();
  ctx.setLineDash([]);
}

function drawEvent(s: Sheet, i: Incident): void {
  const height = heightOf(s, i), known = picture.incidentKnownAt(i), edge = live() ? now() : looking();
  if (height === null || i.startMs < s.fromMs || i.startMs > edge || (desk.then && !live() && known > edge)) return;
  const waits = waiting().find((r) => incidentsOf(r).some((j) => j.id === i.id)), late = waits?.dueMs != null && waits.dueMs < now();
  const cx = x(s, i.startMs), cy = height;
  if (known - i.startMs > LATE_MS) whisker(s.ctx, s.p, cx, x(s, Math.min(known, edge)), cy);
  const colour = waits ? (late ? s.p.overdue : s.p.attend) : s.p.ink1;
  diamond(s.ctx, cx, cy, 6, waits ? colour : s.p.panel, colour);
  if (waits) said(s, String(desk.numbers.get(waits.id) ?? ""), cx - 14, cy, "center");
}

function whisker(ctx: CanvasRenderingContext2D, p: Palette, from: number, to: number, cy: number): void {
  Object.assign(ctx, { strokeStyle: p.ink2, lineWidth: 1.5 });
  ctx.beginPath();
  ctx.moveTo(from, cy);
  ctx.lineTo(to, cy);
  ctx.moveTo(to, cy - 4);
  ctx.lineTo(to, cy + 4);
  ctx.stroke();
}

function tick(ctx: CanvasRenderingContext2D, p: Palette, cx: number, cy: number): void {
  Object.assign(ctx, { strokeStyle: p.ink1, lineWidth: 2 });
  ctx.beginPath();
  ctx.moveTo(cx - 5, cy);
  ctx.lineTo(cx - 1, cy + 4);
  ctx.lineTo(cx + 6, cy - 6);
  ctx.stroke();
}

function said(s: Sheet, words: string, cx: number, cy: number, align: CanvasTextAlign): void {
  Object.assign(s.ctx, { font: font(true), fillStyle: s.p.ink1, strokeStyle: s.p.zone, lineWidth: 4, lineJoin: "round", textAlign: align, textBaseline: "middle" });
  s.ctx.strokeText(words, cx, cy + 1);  // words stay legible over the line of the present
  s.ctx.fillText(words, cx, cy + 1);
}

function drawDecided(s: Sheet): void {
  for (const d of picture.decisions.values()) {
    const about = picture.recommendations.get(d.recommendationId), first = about && incidentsOf(about)[0];
    const height = heightOf(s, first);
    if (d.atMs < s.fromMs || d.atMs > looking()) continue;
    tick(s.ctx, s.p, x(s, d.atMs), height ?? TOP + 8);
  }
}

function drawDue(s: Sheet): void {
  const taken: [number, number][] = [];
  for (const r of waiting()) {
    const height = heightOf(s, incidentsOf(r)[0]);
    if (r.dueMs === null || r.dueMs > s.untilMs || r.dueMs < s.fromMs) continue;
    const cx = x(s, r.dueMs), cy = height ?? (TOP + s.bottom) / 2;
    Object.assign(s.ctx, { strokeStyle: r.dueMs < now() ? s.p.overdue : s.p.attend, lineWidth: 3 });
    stroke(s, [cx, cy - 8], [cx, cy + 8]);
    const room = cx + 56 < s.width;
    if (taken.some(([tx, ty]) => Math.abs(tx - cx) < 52 && Math.abs(ty - cy) < 15)) continue;
    taken.push([cx, cy]);
    said(s, `${desk.numbers.get(r.id) ?? ""} due`, room ? cx + 6 : cx - 6, cy, room ? "left" : "right");
  }
}

function drawHandle(s: Sheet): void {
  const cx = x(s, looking()), words = live() ? `now ${clock(now())}` : clock(looking()), half = live() ? 44 : 32;
  const fx = Math.min(cx, s.width - half - 2);
  Object.assign(s.ctx, { strokeStyle: s.p.ink1, lineWidth: 2 });
  stroke(s, [cx, TOP - 2], [cx, s.bottom]);
  s.ctx.fillStyle = s.p.ink1;
  s.ctx.fillRect(fx - half, 0, 2 * half, 20);
  Object.assign(s.ctx, { font: font(true), fillStyle: s.p.bg, textAlign: "center", textBaseline: "middle" });
  s.ctx.fillText(words, fx, 11);
}
