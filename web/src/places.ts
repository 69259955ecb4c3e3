// Places in words: kilometre and distance off the line first, as the mission says them.

import { picture } from "./desk";
import type { Ground, Incident, Place } from "./items";
import { beltOf, lineOf, type Line } from "./line";

let lineVersion = -1;
let held: Line | null = null;
let belt: { zone: Ground; halfKm: number } | null = null;
/** Where no zone says how wide the belt is. */
const USUAL_HALF_KM = 2;

/** The mission's line; kept until the grounds change. */
export function missionLine(): Line | null {
  if (lineVersion !== picture.version.grounds) {
    lineVersion = picture.version.grounds;
    held = lineOf(picture.grounds, picture.mission?.lines ?? [], picture.mission?.lineKm ?? null);
    belt = held ? beltOf(held, picture.grounds) : null;
  }
  return held;
}

export function beltHalfKm(): number {
  missionLine();
  return belt?.halfKm ?? USUAL_HALF_KM;
}

/** The zone that is drawn as the belt along the line. */
export function missionBelt(): Ground | null {
  missionLine();
  return belt?.zone ?? null;
}

const several = (): boolean => (picture.mission?.lines.length ?? 0) > 1;

/** Kilometre of a thing, or null when there is no line. What is given counts along one line: it serves where there is only one. */
export function kmOf(lon: number | null, lat: number | null, given: number | null): number | null {
  if (given !== null && !several()) return given;
  return lon === null || lat === null ? null : (missionLine()?.locate([lon, lat]).km ?? null);
}

/** `km 41.2`; where there are several lines, `km 2.6 of north`. */
export function spoken(km: number, digits = 1): string {
  const lines = several() ? picture.mission!.lines : [], it = lines.find((l) => km < l.kmTo) ?? lines.at(-1);
  return `km ${(km - (it?.kmFrom ?? 0)).toFixed(digits)}${it ? ` of ${it.id}` : ""}`;
}

/** `km 3.0 to 8.5`; where there are several lines, `km 3.0 of north to km 1.5 of south`. */
export function spokenStretch(from: number, to: number, digits = 1): string {
  return several() ? `${spoken(from, digits)} to ${spoken(to, digits)}` : `${spoken(from, digits)} to ${to.toFixed(digits)}`;
}

const metres = (m: number): string => (m >= 1000 ? `${(m / 1000).toFixed(1)} km` : `${Math.round(m / 10) * 10 || Math.round(m)} m`);

/** `km 41.2`. */
export function placeShort(i: Incident): string {
  const km = kmOf(i.lon, i.lat, i.km);
  if (km !== null) return spoken(km);
  return i.lat === null || i.lon === null ? "no single place" : coordinates([i.lon, i.lat]);
}

/** `km 41.2, 6.8 km north of the line (± 90 m), 64.9612° N, 18.3311° W`, for anything. */
export function placeAround(at: Place, ce90M: number | null): string {
  const line = missionLine(), error = ce90M === null ? "error not stated" : `± ${metres(ce90M)}`;
  const found = line?.locate(at), off = found && (found.offKm < 0.05 ? "on the line" : `${found.offKm.toFixed(1)} km ${found.towards} of the line`);
  return [found && spoken(found.km), off && `${off} (${error})`, off ? coordinates(at) : `${coordinates(at)} (${error})`].filter(Boolean).join(", ");
}

/** `km 41.2, 6.8 km north of the line (± 90 m), sector Cedar`. */
export function placeLong(i: Incident): string {
  if (i.lon === null || i.lat === null) return i.zone ? `Zone ${i.zone}, no single place` : "No single place";
  const line = missionLine(), error = i.ce90M === null ? "error not stated" : `± ${metres(i.ce90M)}`;
  if (!line) return `${coordinates([i.lon, i.lat])} (${error})`;
  const at = line.locate([i.lon, i.lat]), km = several() ? at.km : (i.km ?? at.km);
  const off = at.offKm < 0.05 ? "on the line" : `${at.offKm.toFixed(1)} km ${at.towards} of the line`;
  const sector = picture.mission?.sectors.find((s) => km >= s.kmFrom && km < s.kmTo);
  return `${spoken(km)}, ${off} (${error})${sector ? `, sector ${sector.id}` : ""}`;
}

export const coordinates = ([lon, lat]: Place): string =>
  `${Math.abs(lat).toFixed(4)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(4)}° ${lon < 0 ? "W" : "E"}`;
