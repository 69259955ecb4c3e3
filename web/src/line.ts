// The line of the agreement: kilometres along it, kilometres off it. Plane geometry around each piece is enough at 60 km.

import type { Ground, Place, Reach } from "./items";

const R_M = 6_371_008.8;
const RAD = Math.PI / 180;
const COMPASS = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"];

export function distanceKm(a: Place, b: Place): number {
  const dLat = (b[1] - a[1]) * RAD, dLon = (b[0] - a[0]) * RAD;
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(a[1] * RAD) * Math.cos(b[1] * RAD) * Math.sin(dLon / 2) ** 2;
  return (2 * R_M * Math.asin(Math.min(1, Math.sqrt(h)))) / 1000;
}

/** One line as it is drawn, and its length where that is known. */
interface Strand { parts: Place[][]; lengthKm: number | null }

/** The lines of a mission, one after another. */
export class Line {
  private readonly km: number[] = [];
  readonly lengthKm: number;

  readonly points: Place[] = [];
  /** Which points begin a part: before them no kilometre is counted. */
  private readonly begins = new Set<number>();

  constructor(strands: Strand[]) {
    let atKm = 0;
    for (const { parts, lengthKm } of strands) {
      const chords = parts.flatMap((part) => part.map((p, i) => (i ? distanceKm(part[i - 1]!, p) : null)));
      const measured = chords.reduce<number>((sum, c) => sum + (c ?? 0), 0), pieces = chords.filter((c) => c !== null).length;
      // A wound line drawn in equal steps of its own length has chords that are never longer than a step.
      const long = lengthKm ?? measured, stepKm = long / Math.max(1, pieces), even = chords.every((c) => (c ?? 0) <= stepKm * 1.03);
      let km = atKm;
      for (const c of chords) {
        if (c === null) this.begins.add(this.km.length);
        else km += even ? stepKm : measured > 0 ? (c * long) / measured : 0;
        this.km.push(km);
      }
      this.points.push(...parts.flat());
      atKm += long;
    }
    this.lengthKm = atKm;
  }

  /** The place at a kilometre of the line. */
  at(km: number): Place {
    const i = this.piece(km), a = this.points[i]!, b = this.points[i + 1] ?? a;
    const long = (this.km[i + 1] ?? this.km[i]!) - this.km[i]!;
    const f = long > 0 ? Math.min(1, Math.max(0, (km - this.km[i]!) / long)) : 0;
    return [a[0] + f * (b[0] - a[0]), a[1] + f * (b[1] - a[1])];
  }

  /** The stretch between two kilometres as paths, one for each part of the line that it touches. */
  stretch(from: number, to: number): Place[][] {
    const paths: Place[][] = [[this.at(from)]];
    this.points.forEach((p, i) => {
      if (this.km[i]! <= from || this.km[i]! >= to) return;
      if (this.begins.has(i)) paths.push([]);
      paths.at(-1)!.push(p);
    });
    paths.at(-1)!.push(this.at(to));
    return paths;
  }

  /** Kilometre, distance and compass word of a place as seen from the line. */
  locate(p: Place): { km: number; offKm: number; towards: string } {
    let best = { km: 0, offKm: Infinity, towards: "" };
    const kx = Math.cos(p[1] * RAD);
    for (let i = 0; i + 1 < this.points.length; i++) {
      if (this.begins.has(i + 1)) continue;
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

/** The mission's lines among the grounds, or null; lengths by the lines' names, or of the only one. */
export function lineOf(grounds: Ground[], lines: Reach[], givenKm: number | null): Line | null {
  const named = grounds.filter((g) => g.properties.kind === "line");
  const other = grounds.find((g) => /LineString$/.test(g.geometry?.type ?? "") && !g.properties.kind);
  const strands = (named.length || !other ? named : [other]).map((g, _, all) => {
    const shape = g.geometry, known = lines.find((l) => l.id === String(g.properties.id));
    const parts = shape.type === "LineString" ? [shape.coordinates] : shape.type === "MultiLineString" ? shape.coordinates : [];
    return { parts: parts.map((part) => part.map((p): Place => [p[0]!, p[1]!])), lengthKm: known ? known.kmTo - known.kmFrom : all.length === 1 ? givenKm : null };
  });
  return strands.flatMap((s) => s.parts.flat()).length > 1 ? new Line(strands) : null;
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
