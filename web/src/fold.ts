// The page's picture: one fold over the event stream. Drawing reads it and never writes.

import * as read from "./items";
import type { Coverage, Decision, Ground, Group, Incident, Json, Mission, Order, Recommendation, Report, Source, Thing } from "./items";

export interface Happening { kind: string; seq: number; data: Json }
export type Noun = "tracks" | "incidents" | "recommendations" | "orders" | "zones" | "sources" | "coverage" | "reports" | "groups";

/** The newest entry that a recommendation shows the effect of. */
const newest = (r: Recommendation): number => Math.max(r.seq, r.touchedSeq, r.decision?.seq ?? 0);

const TRAIL_KEPT = 400;  // stands kept of one moving thing, for looking at the past

export class Picture {
  mission: Mission | null = null;
  things = new Map<string, Thing>();
  incidents = new Map<string, Incident>();
  recommendations = new Map<string, Recommendation>();
  orders = new Map<string, Order>();
  decisions = new Map<string, Decision>();
  reports = new Map<string, Report>();
  sources: Source[] = [];
  groups: Group[] = [];
  coverage: Coverage = { passes: [], gaps: [], observedShare: null, lineKm: null, fromMs: null, untilMs: null };
  grounds: Ground[] = [];
  /** The newest entry that reached the page. */
  lastSeq = -1;
  /** The newest entry whose effect on recommendations is surely on the page. */
  recommendationsSeq = -1;
  /** Grows with each change of a noun; drawing compares it. */
  version = { things: 0, coverage: 0, grounds: 0 };
  private heard: { seq: number; atMs: number }[] = [];

  /** Forget all that one log told: another one answers. */
  forget(): void {
    const { things, coverage, grounds } = this.version;
    Object.assign(this, new Picture(), { version: { things: things + 1, coverage: coverage + 1, grounds: grounds + 1 } });
  }

  /** Take one event in. `nowMs` is the mission's clock when it came. */
  apply(event: Happening, nowMs: number): void {
    this.lastSeq = Math.max(this.lastSeq, event.seq);
    const data: Json = { seq: event.seq, ...event.data };
    this.hear(event.seq, read.time(data.received_utc) ?? nowMs);
    if (event.kind === "report") this.takeReport(data);
    else if (event.kind === "track") this.takeTracks(data);
    else if (event.kind === "incident") this.takeIncident(data);
    else if (event.kind === "recommendation") this.takeRecommendation(data);
    else if (event.kind === "decision") this.takeDecision(read.decision(data));
    else if (event.kind === "order_state") this.takeOrderState(data);
  }

  /**
   * Take a whole list in that was asked for after entry `asOf`. What it does not hold is no longer in force, unless it
   * came meanwhile: the list may be older than that, and another one is asked for.
   */
  replace(noun: Noun, items: Json[], asOf: number): void {
    if (noun === "tracks") {
      const before = this.things;
      this.things = new Map([...before].filter(([, it]) => it.seq > asOf));
      for (const item of items) this.takeThing(item, before);
      this.version.things++;
    } else if (noun === "incidents") {
      const since = [...this.incidents.values()].filter((i) => i.seq > asOf), newer = new Set(since.map((i) => i.caseId));
      this.incidents = new Map(since.map((i) => [i.id, i]));
      for (const it of items.map(read.incident)) if (!newer.has(it.caseId)) this.incidents.set(it.id, it);
    } else if (noun === "recommendations") {
      const before = this.recommendations;
      this.recommendations = new Map();
      for (const item of items) this.takeRecommendation(item);
      for (const r of before.values()) {
        const listed = this.recommendations.get(r.id);
        if (newest(r) > (listed ? newest(listed) : asOf)) this.recommendations.set(r.id, r);
      }
    } else if (noun === "orders") {
      this.orders = new Map(items.map(read.order).map((o) => [o.id, o]));
    } else if (noun === "zones") {
      this.grounds = items.filter((i) => i.type === "Feature").map((i) => ({ ...i, properties: read.object(i.properties) }) as unknown as Ground);
      this.version.grounds++;
    } else if (noun === "sources") {
      this.sources = items.map(read.source);
    } else if (noun === "groups") {
      this.groups = items.map(read.group).filter((g) => g !== null);
    } else if (noun === "reports") {
      for (const item of items) this.takeReport(item);
    }
  }

  takeMission(json: Json): void {
    const before = this.mission?.lineKm;
    this.mission = read.mission(json);
    if (before !== this.mission.lineKm) this.version.grounds++;
  }

  takeCoverage(json: Json): void {
    this.coverage = read.coverage(json);
    this.version.coverage++;
  }

  /** When entry `seq` was taken in, as well as the page knows; null when it does not. */
  knownAt(seq: number): number | null {
    let low = 0, high = this.heard.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.heard[mid]!.seq <= seq) low = mid + 1;
      else high = mid;
    }
    return this.heard[low - 1]?.atMs ?? null;
  }

  /** When the mission knew of an incident. */
  incidentKnownAt(it: Incident): number {
    return Math.max(it.startMs, it.knownMs ?? this.knownAt(it.seq) ?? it.endMs);
  }

  private hear(seq: number, atMs: number): void {
    const last = this.heard.at(-1);
    if (!last || last.seq < seq) this.heard.push({ seq, atMs });
  }

  private takeReport(json: Json): void {
    const it = read.report(json);
    if (!it) return;
    this.hear(it.seq, it.knownMs);
    if (it.type !== "position") {
      this.reports.set(it.id, it);
      return;
    }
    const id = it.subject || it.id, held = this.things.get(id);
    const stand = { atMs: it.atMs, knownMs: it.knownMs, lon: it.lon, lat: it.lat };
    if (held) {
      if (!held.past.some((p) => p.atMs === stand.atMs && p.knownMs === stand.knownMs)) held.past.push(stand);
      if (held.past.length > TRAIL_KEPT) held.past.splice(0, held.past.length - TRAIL_KEPT);
      if (it.atMs <= held.atMs) return;
      Object.assign(held, { lon: it.lon, lat: it.lat, atMs: it.atMs, ce90M: it.ce90M ?? held.ce90M, seq: it.seq });
    } else if (it.seq > this.firstPictureSeq) {
      const sidc = read.text(it.attributes.sidc);
      const fresh = read.thing({ ...json, id, track_id: id, sidc, label: id });
      if (fresh) this.things.set(id, { ...fresh, past: [stand] });
    }
    this.version.things++;
  }

  /** Older positions belong to the lists that were read whole; they make no new things. */
  firstPictureSeq = -1;

  private takeTracks(json: Json): void {
    const items = Array.isArray(json.items) ? json.items.map(read.object) : [json];
    for (const item of items) this.takeThing({ seq: json.seq, ...item }, this.things);
    this.version.things++;
  }

  private takeThing(json: Json, before: Map<string, Thing>): void {
    const it = read.thing(json);
    if (!it) return;
    const held = before.get(it.id);
    if (held && held.atMs > it.atMs) {
      this.things.set(it.id, held);
      return;
    }
    it.past = held?.past ?? [];
    if (it.past.at(-1)?.atMs !== it.atMs) it.past.push({ atMs: it.atMs, knownMs: it.knownMs, lon: it.lon, lat: it.lat });
    if (it.past.length > TRAIL_KEPT) it.past.splice(0, it.past.length - TRAIL_KEPT);
    if (it.trail.length === 0) it.trail = it.past.slice(-5).map((p) => [p.lon, p.lat]);
    this.things.set(it.id, it);
  }

  private takeIncident(json: Json): void {
    const it = read.incident(json);
    for (const [id, held] of this.incidents) if (held.caseId === it.caseId && id !== it.id) this.incidents.delete(id);
    if (json.withdrawn === true) this.incidents.delete(it.id);
    else this.incidents.set(it.id, it);
  }

  private takeRecommendation(json: Json): void {
    const it = read.recommendation(json);
    this.recommendations.set(it.id, it);
    if (it.decision) this.decisions.set(it.decision.id || it.id, it.decision);
  }

  private takeDecision(it: Decision): void {
    this.decisions.set(it.id, it);
    const about = this.recommendations.get(it.recommendationId);
    if (about) this.recommendations.set(about.id, { ...about, state: it.verdict, decision: it });
  }

  private takeOrderState(json: Json): void {
    const id = read.text(json.order_id), held = this.orders.get(id);
    if (!held) return;
    const step = { state: read.text(json.state), atMs: read.time(json.at_utc) ?? 0, by: read.text(json.by) };
    this.orders.set(id, { ...held, state: step.state, history: [...held.history, step] });
  }
}
