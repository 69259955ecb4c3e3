// Changed places: where satellites saw the surface change, what it may be, and the picture of before and after.

import { picture } from "./desk";
import { number, text, time, type Ground, type Incident, type Place } from "./items";
import { inside, ringsOf } from "./line";
import { chance } from "./words";

export interface ChangedPlace { id: string; seq: number; label: string; atMs: number; confidence: number; areaM2: number; chip: string; note: string; middle: Place; ground: Ground }

let version = -1;
let held = new Map<string, ChangedPlace>();

/** All changed places by the name of their alert; kept until the grounds change. */
export function changedPlaces(): Map<string, ChangedPlace> {
  if (version !== picture.version.grounds) {
    version = picture.version.grounds;
    held = new Map(picture.grounds.filter((g) => g.properties.kind === "change").map(read).map((p) => [p.id, p]));
  }
  return held;
}

function read(ground: Ground): ChangedPlace {
  const p = ground.properties, corners = ringsOf(ground).flat();
  const middle = (axis: 0 | 1): number => (Math.min(...corners.map((c) => c[axis]!)) + Math.max(...corners.map((c) => c[axis]!))) / 2;
  return {
    id: text(p.id), seq: number(p.seq) ?? 0, label: text(p.label).replaceAll("_", " "), atMs: time(p.time_utc) ?? 0, confidence: number(p.confidence) ?? 0,
    areaM2: number(p.area_m2) ?? 0, chip: text(p.chip_sha256), note: text(p.note), middle: [middle(0), middle(1)], ground,
  };
}

/** The changed place that an incident rests on, if it does. */
export const placeBehind = (it: Incident): ChangedPlace | undefined => it.causes.map((c) => changedPlaces().get(c)).find((p) => p !== undefined);

/** The incident that rests on a changed place; the first that has one. */
export const incidentOn = (id: string): Incident | undefined => [...picture.incidents.values()].find((i) => i.causes.includes(id));

/** The changed place under a point of the map. */
export function placeAt(at: Place): ChangedPlace | undefined {
  return [...changedPlaces().values()].find((p) => ringsOf(p.ground).some((ring) => inside(at, ring)));
}

/** `Changed ground, may be earthwork`. */
export const changeTitle = (p: ChangedPlace): string => `Changed ground, ${p.label === "unknown" ? "what it is cannot be told" : `may be ${p.label}`}`;

/** What was measured, how large, how sure. */
export function changeFacts(p: ChangedPlace): [string, string][] {
  return [["Measured", p.note], ["Area", `${(p.areaM2 / 10_000).toFixed(1)} ha`], ["A change at all", chance(p.confidence)]];
}
