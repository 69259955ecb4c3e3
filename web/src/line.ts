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

  constructor(readonly points: Place[], givenKm: number | null) {
    for (let i = 1; i < points.length; i++) this.km.push(this.km[i - 1]! + distanceKm(points[i - 1]!, points[i]!));
    const measured = this.km.at(-1) ?? 0;
    this.lengthKm = givenKm ?? measured;
    const scale = measured > 0 ? this.lengthKm / measured : 1;
    this.km = this.km.map((k) => k * scale);
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
  const points = g.type === "LineString" ? g.coordinates : g.type === "MultiLineString" ? g.coordinates.flat() : [];
  return points.length > 1 ? new Line(points.map((p) => [p[0]!, p[1]!]), givenKm) : null;
}

/** Half the width of the belt along the line, in km: the median distance of the corners of the narrowest zone around it. */
export function beltKm(line: Line, grounds: Ground[]): number {
  const mid = line.at(line.lengthKm / 2);
  const widths = grounds.flatMap((g) => {
    const ring = g.geometry?.type === "Polygon" ? g.geometry.coordinates[0] : g.geometry?.type === "MultiPolygon" ? g.geometry.coordinates[0]?.[0] : undefined;
    if (!ring || !inside(mid, ring)) return [];
    const step = Math.max(1, Math.floor(ring.length / 60));
    const off = ring.filter((_, i) => i % step === 0).map((p) => line.locate([p[0]!, p[1]!]).offKm).sort((a, b) => a - b);
    return [off[Math.floor(off.length / 2)] ?? 0];
  });
  const real = widths.filter((w) => w > 0.2);
  return real.length ? Math.min(...real) : 2;
}

function inside(p: Place, ring: number[][]): boolean {
  let odd = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [xi, yi] = ring[i]!, [xj, yj] = ring[j]!;
    if (yi! > p[1] !== yj! > p[1] && p[0] < ((xj! - xi!) * (p[1] - yi!)) / (yj! - yi!) + xi!) odd = !odd;
  }
  return odd;
}
