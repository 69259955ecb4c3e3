// What the server's lists hold, read once at the door; unknown members are ignored, absent ones become null.

import type { Feature } from "geojson";

export type Json = Record<string, unknown>;
export type Place = [lon: number, lat: number];
export type Stand = { atMs: number; knownMs: number; lon: number; lat: number };

export interface Thing {
  id: string; sidc: string; label: string; unit: boolean; side: string;
  lon: number; lat: number; ce90M: number | null; speedMps: number | null;
  /** When it was seen last. */
  atMs: number;
  knownMs: number; state: string; existence: number | null; kind: string;
  /** Who did not see it since, though it looked there; empty: nobody. */
  missed: string;
  /** True for a track of the sensors; else somebody said where it is. */
  followed: boolean;
  /** True where the server was asked for a past moment: it stands there. */
  asked?: boolean;
  trail: Place[]; past: Stand[]; seq: number;
}
export interface Incident {
  id: string; caseId: string; kind: string; seq: number; knownMs: number | null; startMs: number; endMs: number;
  lon: number | null; lat: number | null; ce90M: number | null; km: number | null; offsetKm: number | null;
  verdict: string; probability: number | null; party: string; rule: string; article: string; zone: string;
  state: string; sidc: string; reportIds: string[]; causes: string[]; reasons: string[];
  measured: Json; supports: string; challenges: string; what: string;
}
/** One row of all ways; `unit` and `insteadOf` are given where one unit takes the place of another. */
export interface Way { what: string; thereMs: number | null; cost: string; proposed: boolean; barredBy: string; unit: string; insteadOf: string }
export interface Decision {
  id: string; recommendationId: string; verdict: string; reason: string; by: string; atMs: number; seq: number; overridden: string[];
}
export interface Recommendation {
  id: string; seq: number; incidentIds: string[]; action: string; why: string; nowMs: number | null;
  tasks: Json[]; ways: Way[]; leftUncovered: string[]; dueMs: number | null; validUntilMs: number | null;
  state: string; touchedSeq: number; changes: string[]; decision: Decision | null; withdrawnBecause: string;
  places: Json;
}
export interface Order {
  id: string; seq: number; unit: string; state: string; text: string; decisionId: string; recommendationId: string;
  to: Place | null; history: { state: string; atMs: number; by: string }[];
}
export interface Report {
  id: string; seq: number; type: string; atMs: number; knownMs: number; lon: number; lat: number;
  ce90M: number | null; reporter: string; subject: string; text: string; blobs: string[]; corrects: string;
  attributes: Json;
}
/** Where a camera looked last: corners from the top left clockwise, the middle with its error, and the platform. */
export interface Look { atMs: number; corners: Place[]; middle: Place; ce90M: number; sensor: Place; seq: number }
export interface Source { name: string; kind: string; lastMs: number | null; owesS: number | null; status: string; reason: string; look: Look | null }
/** Things that drive or stand together, told as one; `words` say how many they are. */
export interface Group { id: string; words: string; at: Place; radiusM: number; trackIds: string[] }
export interface Gap { kmFrom: number; kmTo: number; fromMs: number; untilMs: number | null; knownMs: number | null; reason: string }
/** A satellite that can look at a stretch of the line; that it does is not said. */
export interface Overpass { satellite: string; highestMs: number; kmFrom: number; kmTo: number; elevationDeg: number; sunlit: boolean; ageDays: number }
export interface Coverage { passes: Overpass[]; gaps: Gap[]; observedShare: number | null; lineKm: number | null; fromMs: number | null; untilMs: number | null }
/** A sector, or one line of several. */
export interface Reach { id: string; kmFrom: number; kmTo: number }
export interface Mission {
  name: string; exercise: boolean; userName: string; role: string; lineKm: number | null; lines: Reach[]; sectors: Reach[]; log: string;
  holds: { scope: string; reason: string; untilMs: number }[]; treeSize: number; utcMs: number; rate: number; parties: { id: string; name: string; side: string }[];
}
export type Ground = Feature & { properties: Json };

/** A track is called by the last digits of its number: enough to tell those on one map apart by voice. */
const LABEL_DIGITS = 4;

export const text = (v: unknown): string => (typeof v === "string" ? v : typeof v === "number" ? String(v) : "");
export const number = (v: unknown): number | null => (typeof v === "number" && Number.isFinite(v) ? v : null);
export const object = (v: unknown): Json => (v !== null && typeof v === "object" && !Array.isArray(v) ? (v as Json) : {});
export const list = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);
export const texts = (v: unknown): string[] => list(v).map(text).filter((s) => s !== "");

/** An RFC 3339 time in ms, or null. */
export function time(v: unknown): number | null {
  const ms = typeof v === "string" ? Date.parse(v) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

/** The lines of an agreement one after another: kilometres of the mission go on from each to the next. */
function reaches(lines: Json[]): Reach[] {
  let at = 0;
  return lines.map((l) => ({ id: text(l.id), kmFrom: at, kmTo: (at += number(l.length_km) ?? 0) }));
}

export function mission(j: Json): Mission {
  const clock = object(j.clock), who = object(j.who), lines = reaches(list(j.lines).map(object));
  const before = (line: string): number => lines.find((l) => l.id === line)?.kmFrom ?? 0;
  return {
    name: text(j.name) || "Truceline", exercise: j.exercise === true, userName: text(who.name), role: text(who.role),
    lineKm: lines.at(-1)?.kmTo || number(j.line_km) || null, lines, treeSize: number(j.tree_size) ?? 0, log: text(j.log),
    sectors: list(j.sectors).map(object).map((s) => ({ id: text(s.id), kmFrom: before(text(s.line)) + (number(s.km_from) ?? 0), kmTo: before(text(s.line)) + (number(s.km_to) ?? 0) })),
    holds: list(j.holds).map(object).map((h) => ({ scope: text(h.scope), reason: text(h.reason), untilMs: time(h.until_utc) ?? 0 })),
    utcMs: time(clock.utc) ?? Date.now(), rate: number(clock.rate) ?? 1,
    parties: list(j.parties).map(object).map((p) => ({ id: text(p.id), name: text(p.name), side: text(p.side) })),
  };
}

export function thing(j: Json): Thing | null {
  const at = object(j.at), lon = number(j.lon_deg) ?? number(at.lon_deg), lat = number(j.lat_deg) ?? number(at.lat_deg);
  const id = text(j.track_id) || text(j.id) || text(j.subject_id);
  if (lon === null || lat === null || id === "") return null;
  const atMs = time(j.last_seen_utc) ?? time(j.time_utc) ?? time(j.last_contact_utc) ?? 0;
  return {
    id, sidc: text(j.sidc), label: text(j.label) || (/^\d+$/.test(id) ? `T-${id.slice(-LABEL_DIGITS)}` : id), unit: j.unit === true, side: text(j.side) || text(j.party),
    lon, lat, ce90M: number(j.ce90_m) ?? number(at.ce90_m), speedMps: number(j.speed_mps), atMs,
    knownMs: time(j.received_utc) ?? atMs, state: text(j.state), existence: number(j.existence), kind: text(j.kind),
    missed: text(j.missed), followed: time(j.last_seen_utc) !== null,
    trail: list(j.trail).map(place).filter((p) => p !== null), past: [], seq: number(j.seq) ?? 0,
  };
}

function place(v: unknown): Place | null {
  const [lon, lat] = list(v);
  return typeof lon === "number" && typeof lat === "number" ? [lon, lat] : null;
}

export function incident(j: Json): Incident {
  const startMs = time(j.start_utc) ?? 0, told = object(j.explanation);
  return {
    id: text(j.id), caseId: text(j.case_id) || text(j.id), kind: text(j.class), seq: number(j.seq) ?? 0,
    knownMs: time(j.received_utc) ?? time(j.known_utc), startMs, endMs: time(j.end_utc) ?? startMs,
    lon: number(j.lon_deg), lat: number(j.lat_deg), ce90M: number(j.ce90_m), km: number(j.km), offsetKm: number(j.offset_km),
    verdict: text(j.verdict), probability: number(j.probability), party: text(j.party), rule: text(j.rule),
    article: text(j.article), zone: text(j.zone), state: text(j.state), sidc: text(j.sidc),
    reportIds: texts(j.report_ids), causes: texts(j.causes), reasons: texts(j.reasons), measured: object(j.measured),
    supports: text(told.supports), challenges: text(told.challenges), what: text(j.what),
  };
}

export function decision(j: Json): Decision {
  return {
    id: text(j.id), recommendationId: text(j.recommendation_id), verdict: text(j.verdict), reason: text(j.reason),
    by: text(j.by), atMs: time(j.at_utc) ?? 0, seq: number(j.seq) ?? 0, overridden: texts(j.overridden),
  };
}

export function recommendation(j: Json): Recommendation {
  const seq = number(j.seq) ?? 0, withdrawn = j.withdrawn === true;
  return {
    id: text(j.id), seq, incidentIds: texts(j.incident_ids), action: text(j.action), why: text(j.why), nowMs: time(j.now_utc),
    tasks: list(j.tasks).map(object), leftUncovered: texts(j.left_uncovered), dueMs: time(j.due_utc),
    ways: list(j.ways).map(object).map((w) => ({
      what: text(w.what), thereMs: time(w.there_utc), cost: text(w.cost), proposed: w.proposed === true, barredBy: text(w.barred_by),
      unit: text(w.unit), insteadOf: text(w.instead_of),
    })),
    validUntilMs: time(j.valid_until_utc), state: withdrawn ? "withdrawn" : text(j.state) || "waiting",
    touchedSeq: number(j.touched_seq) ?? seq, changes: texts(j.changes),
    decision: j.decision ? decision(object(j.decision)) : null, withdrawnBecause: text(j.withdrawn_because),
    places: object(j.places),
  };
}

export function order(j: Json): Order {
  const to = object(j.to), lon = number(to.lon_deg), lat = number(to.lat_deg);
  return {
    id: text(j.id), seq: number(j.seq) ?? 0, unit: text(j.unit), state: text(j.state) || "CREATED", text: text(j.text),
    decisionId: text(j.decision_id), recommendationId: text(j.recommendation_id),
    to: lon === null || lat === null ? null : [lon, lat],
    history: list(j.history).map(object).map((h) => ({ state: text(h.state), atMs: time(h.at_utc) ?? 0, by: text(h.by) })),
  };
}

export function report(j: Json): Report | null {
  const lon = number(j.lon_deg), lat = number(j.lat_deg), atMs = time(j.time_utc);
  if (lon === null || lat === null || atMs === null) return null;
  return {
    id: text(j.id), seq: number(j.seq) ?? 0, type: text(j.type), atMs, knownMs: time(j.received_utc) ?? atMs, lon, lat,
    ce90M: number(j.ce90_m), reporter: (text(j.source_id) || text(j.reporter)).replace(/^source:/, ""), subject: text(j.subject_id), text: text(j.text),
    blobs: texts(j.blobs), corrects: text(j.corrects), attributes: object(j.attributes),
  };
}

export function source(j: Json): Source {
  return {
    name: text(j.name), kind: text(j.kind), lastMs: time(j.last_utc), owesS: number(j.owes_s), status: text(j.status) || "ok",
    reason: text(j.reason), look: look(object(j.frame)),
  };
}

export function group(j: Json): Group | null {
  const lon = number(j.lon_deg), lat = number(j.lat_deg);
  if (lon === null || lat === null) return null;
  return { id: text(j.id), words: text(j.words), at: [lon, lat], radiusM: number(j.radius_m) ?? 0, trackIds: texts(j.track_ids) };
}

function look(j: Json): Look | null {
  const atMs = time(j.time_utc), corners = list(j.corners).map(place).filter((p) => p !== null);
  const [lat, lon, ce90M, sensorLat, sensorLon] = [j.center_lat_deg, j.center_lon_deg, j.ce90_m, j.sensor_lat_deg, j.sensor_lon_deg].map(number);
  if (atMs === null || corners.length !== 4 || lat == null || lon == null || ce90M == null || sensorLat == null || sensorLon == null) return null;
  return { atMs, corners, middle: [lon, lat], ce90M, sensor: [sensorLon, sensorLat], seq: number(j.seq) ?? 0 };
}

export function coverage(j: Json): Coverage {
  return {
    gaps: list(j.items).map(object).map((g) => ({
      kmFrom: number(g.km_from) ?? 0, kmTo: number(g.km_to) ?? 0, fromMs: time(g.from_utc) ?? 0, untilMs: time(g.until_utc),
      knownMs: time(g.known_utc), reason: text(g.reason),
    })),
    passes: list(j.passes).map(object).map((o) => ({
      satellite: text(o.satellite), highestMs: time(o.highest_utc) ?? 0, kmFrom: number(o.km_from) ?? 0, kmTo: number(o.km_to) ?? 0,
      elevationDeg: number(o.max_elevation_deg) ?? 0, sunlit: o.sunlit_ground === true, ageDays: number(o.epoch_age_days) ?? 0,
    })),
    observedShare: number(j.observed_share), fromMs: time(j.from_utc), untilMs: time(j.until_utc), lineKm: number(j.line_km) || null,
  };
}
