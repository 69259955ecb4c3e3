// What is asked for again: lists that an entry may have changed, health and coverage as time passes.

import { changed, clockOfMission, desk, picture, waiting } from "./desk";
import type { Happening, Noun } from "./fold";
import { Answer, get, whole } from "./link";
import { mission as readMission, object, time, type Json, type Mission } from "./items";

const POLL_MS = 15_000;
const LEAST_POLL_MS = 2_000;
const AGAIN_MS = 400;
const FAILED_MS = 2_000;
const IN_FORCE = ["incidents", "recommendations", "orders"] as const;

export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const asking = new Map<Noun, Promise<void>>();

/** Read a list, after the one that is asked for already: an answer never meets a younger one. */
export function renewList(noun: Noun): Promise<void> {
  const before = (asking.get(noun) ?? Promise.resolve()).catch(() => undefined), mine = before.then(() => readList(noun));
  asking.set(noun, mine);
  return mine;
}

async function readList(noun: Noun): Promise<void> {
  const asOf = picture.lastSeq;
  picture.replace(noun, await whole(noun), asOf);
}

export async function renewCoverage(): Promise<void> {
  try {
    picture.takeCoverage(await get("coverage"));
  } catch (error) {
    if (!(error instanceof Answer)) throw error;
  }
}

let again: "rests" | "wanted" | "runs" | "runs, wanted" = "rests";

/** What entries changed in the lists in force is read again, once for many entries; until it succeeds. */
export function soonAgain(): void {
  if (again === "runs") again = "runs, wanted";
  if (again === "rests") void renewInForce(AGAIN_MS);
}

async function renewInForce(waitMs: number): Promise<void> {
  again = "wanted";
  await pause(waitMs);
  again = "runs";
  const asOf = picture.lastSeq;
  const failed = await Promise.all(IN_FORCE.map(renewList)).then(() => false, () => desk.signedIn);
  if (!failed) picture.recommendationsSeq = Math.max(picture.recommendationsSeq, asOf);
  changed();
  const more = failed || (again as string) === "runs, wanted";
  again = "rests";
  if (more) void renewInForce(failed ? FAILED_MS : AGAIN_MS);
}

/** True when an entry may change what is in force: where something is does so only for a unit that is to be sent. */
export function concernsLists(event: Happening): boolean {
  if (event.kind !== "report" || event.data.type !== "position") return true;
  return waiting().some((r) => r.tasks.some((t) => t.unit === event.data.subject_id));
}

let wake: () => void = () => undefined;

/** Health and coverage are no entries of the log, so they are asked for; oftener when the clock runs fast. */
export async function pollForEver(): Promise<void> {
  for (;;) {
    const rest = Math.max(LEAST_POLL_MS, POLL_MS / Math.max(1, clockOfMission.pace));
    await Promise.race([pause(rest), new Promise<void>((done) => (wake = done))]);
    if (!desk.signedIn || desk.lostSinceMs !== null) continue;
    await poll().catch(() => undefined);  // the next one asks again; a link that is lost shows by its stream
    changed();
  }
}

/** Ask at once: the link is back, or somebody else has signed in. */
export function pollNow(): void {
  soonAgain();
  wake();
}

let tracksAsOf = -1;
let other: (mission: Json) => Promise<void> = async () => undefined;

/** What is to be done when another log answers than the one that the picture is of. */
export function onOtherLog(begin: (mission: Json) => Promise<void>): void {
  other = begin;
}

/** Ask who answers; false when it was another log and the page has begun afresh. */
export async function askMission(): Promise<boolean> {
  const asked = performance.now(), had = picture.lastSeq, mission = await get("mission");
  if (isOther(readMission(mission), had)) {
    tracksAsOf = -1;
    await other(mission);
    return false;
  }
  picture.takeMission(mission);
  const clock = object(mission.clock), said = time(clock.utc), away = (performance.now() - asked) / 2, rate = picture.mission!.rate;
  if (said !== null) clockOfMission.set(said + away * rate, rate);
  return true;
}

/** Another first entry, or fewer entries than had come when it was asked: not the log that was read. */
function isOther(said: Mission, had: number): boolean {
  const log = picture.mission?.log ?? "";
  return desk.ready && ((log !== "" && said.log !== log) || (said.treeSize > 0 && said.treeSize <= had));
}

async function poll(): Promise<void> {
  if (!(await askMission())) return;
  const asOf = picture.lastSeq, moving = asOf === tracksAsOf ? [] : (["tracks", "groups", "zones"] as const);  // many tracks are not read again for nothing
  await Promise.all([renewList("sources"), renewCoverage(), ...moving.map(renewList)]);
  tracksAsOf = asOf;
}
