// The line of the agreement: kilometres along it, kilometres off it. Plane geometry around each piece is enough at 60 km.

import type { Ground, Place } from "./items";

const R_M = 6_371_008.8;
const RAD = Math.PI / 180;
const COMPASS = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"];

export function distanceKm(a: Place, b: Place): number {
  const dLat = (b[1] - a[1]) * RAD, dLon = (b[0] - a[0]) * RAD;
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(a[1] * RAD) * Math.cos(b[1] * RAD) * Math.sin(dLon / 2) ** 2;
  return (2 * R_M * Math.asin(Math.min(1, Math.sqrt(h)))) / 1000;
}

export class Line {
  private readonly km: number[] = [0];
  readonly lengthKm: number;

  readonly points: Place[];

  /** Between two parts of a line no kilometre is counted. */
  constructor(parts: Place[][], givenKm: number | null) {
    this.points = parts.flat();
    const first = new Set<number>();
    for (let i = 0, at = 0; i < parts.length; at += parts[i]!.length, i++) first.add(at);
    for (let i = 1; i < this.points.length; i++) this.km.push(this.km[i - 1]! + (first.has(i) ? 0 : distanceKm(this.points[i - 1]!, this.points[i]!)));
    const measured = this.km.at(-1) ?? 0, pieces = this.points.length - parts.length;
    this.lengthKm = givenKm ?? measured;
    // A wound line drawn in equal steps of its own length has chords that are never longer than a step.
    const stepKm = this.lengthKm / Math.max(1, pieces), chords = this.km.map((k, i) => (i ? k - this.km[i - 1]! : 0));
    const even = chords.every((c) => c <= stepKm * 1.03), scale = measured > 0 ? this.lengthKm / measured : 1;
    let before = 0;
    this.km = this.km.map((k, i) => (even ? (before += i === 0 || first.has(i) ? 0 : stepKm) : k * scale));
  }

  /** The place at a kilometre of the line. */
  at(km: number): Place {
    const i = this.piece(km), a = this.points[i]!, b = this.points[i + 1] ?? a;
    const long = (this.km[i + 1] ?? this.km[i]!) - this.km[i]!;
    const f = long > 0 ? Math.min(1, Math.max(0, (km - this.km[i]!) / long)) : 0;
    return [a[0] + f * (b[0] - a[0]), a[1] + f * (b[1] - a[1])];
  }

  /** The stretch between two kilometres as a path. */
  stretch(from: number, to: number): Place[] {
    const inner = this.points.filter((_, i) => this.km[i]! > from && this.km[i]! < to);
    return [this.at(from), ...inner, this.at(to)];
  }

  /** Kilometre, distance and compass word of a place as seen from the line. */
  locate(p: Place): { km: number; offKm: number; towards: string } {
    let best = { km: 0, offKm: Infinity, towards: "" };
    const kx = Math.cos(p[1] * RAD);
    for (let i = 0; i + 1 < this.points.length; i++) {
      const a = this.points[i]!, b = this.points[i + 1]!;
      const bx = (b[0] - a[0]) * kx, by = b[1] - a[1], px = (p[0] - a[0]) * kx, py = p[1] - a[1];
      const f = Math.min(1, Math.max(0, (px * bx + py * by) / (bx * bx + by * by || 1)));
      const dx = px - f * bx, dy = py - f * by, offKm = (Math.hypot(dx, dy) * RAD * R_M) / 1000;
      if (offKm < best.offKm) {
        const turn = (Math.atan2(dx, dy) / RAD + 360) % 360;
        best = { km: this.km[i]! + f * (this.km[i + 1]! - this.km[i]!), offKm, towards: COMPASS[Math.round(turn / 45) % 8]! };
      }
    }
    return best;
  }

  private piece(km: number): number {
    let i = 0;
    while (i + 2 < this.km.length && this.km[i + 1]! < km) i++;
    return i;
  }
}

/** The mission's first line among the grounds, or null. */
export function lineOf(grounds: Ground[], givenKm: number | null): Line | null {
  const it = grounds.find((g) => g.properties.kind === "line") ?? grounds.find((g) => /LineString$/.test(g.geometry?.type ?? "") && !g.properties.kind);
  if (!it) return null;
  const g = it.geometry;
  const parts = g.type === "LineString" ? [g.coordinates] : g.type === "MultiLineString" ? g.coordinates : [];
  const places = parts.map((part) => part.map((p): Place => [p[0]!, p[1]!]));
  return places.flat().length > 1 ? new Line(places, givenKm) : null;
}

/** The narrowest zone around the middle of the line, and half its width in km: the median distance of its corners. */
export function beltOf(line: Line, grounds: Ground[]): { zone: Ground; halfKm: number } | null {
  const mid = line.at(line.lengthKm / 2);
  const around = grounds.flatMap((zone) => {
    if (zone.properties.kind === "change") return [];
    const ring = ringsOf(zone).find((r) => inside(mid, r));
    if (!ring) return [];
    const step = Math.max(1, Math.floor(ring.length / 60));
    const off = ring.filter((_, i) => i % step === 0).map((p) => line.locate([p[0]!, p[1]!]).offKm).sort((a, b) => a - b);
    return [{ zone, halfKm: off[Math.floor(off.length / 2)] ?? 0 }];
  });
  const real = around.filter((z) => z.halfKm > 0.2).sort((a, b) => a.halfKm - b.halfKm);
  return real.find((z) => z.zone.properties.side === "both") ?? real[0] ?? null;
}

/** The outer rings of a zone. */
export function ringsOf(zone: Ground): number[][][] {
  const g = zone.geometry;
  const shapes = g?.type === "Polygon" ? [g.coordinates] : g?.type === "MultiPolygon" ? g.coordinates : [];
  return shapes.map((s) => s[0] ?? []).filter((r) => r.length > 2);
}

export function inside(p: Place, ring: number[][]): boolean {
  let odd = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [xi, yi] = ring[i]!, [xj, yj] = ring[j]!;
    if (yi! > p[1] !== yj! > p[1] && p[0] < ((xj! - xi!) * (p[1] - yi!)) / (yj! - yi!) + xi!) odd = !odd;
  }
  return odd;
}
