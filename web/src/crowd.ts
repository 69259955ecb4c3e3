// Where everything stands that is shown, as columns: what a frame of the moving map reads.

import { desk, live, picture, standing } from "./desk";
import type { Thing } from "./items";
import { shownThings } from "./past";
import { kinOf, KINS } from "./symbols";

export interface Crowd { key: string; things: Thing[]; lon: Float64Array; lat: Float64Array; kin: Uint8Array; units: number[] }
export interface Box { west: number; south: number; east: number; north: number }

let held: Crowd | null = null;

/** Things that have a place at the moment that is looked at; made again only when they or the moment change. */
export function crowd(): Crowd {
  const key = `${picture.version.things}|${live() ? "live" : `${desk.pastMs} ${desk.then}`}`;
  if (held?.key === key) return held;
  const things = shownThings().filter((it) => standing(it) !== null), n = things.length;
  const made: Crowd = { key, things, lon: new Float64Array(n), lat: new Float64Array(n), kin: new Uint8Array(n), units: [] };
  things.forEach((it, i) => {
    [made.lon[i], made.lat[i]] = standing(it)!;
    made.kin[i] = KINS.indexOf(kinOf(it.sidc));
    if (it.unit) made.units.push(i);
  });
  return (held = made);
}

const isIn = (c: Crowd, i: number, b: Box): boolean => c.lon[i]! >= b.west && c.lon[i]! <= b.east && c.lat[i]! >= b.south && c.lat[i]! <= b.north;

/** The things, or the units alone, inside a box. */
export function within(b: Box, unitsAlone = false): Thing[] {
  const c = crowd(), out: Thing[] = [];
  if (unitsAlone) for (const i of c.units) if (isIn(c, i, b)) out.push(c.things[i]!);
  if (!unitsAlone) for (let i = 0; i < c.things.length; i++) if (isIn(c, i, b)) out.push(c.things[i]!);
  return out;
}

/** How many things are inside a box. */
export function countWithin(b: Box): number {
  const c = crowd();
  let n = 0;
  for (let i = 0; i < c.things.length; i++) if (isIn(c, i, b)) n++;
  return n;
}
