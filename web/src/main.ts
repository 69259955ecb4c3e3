// The page's beginning: sign in, read the first picture, then listen and draw.

import { alarms } from "./alarms";
import { drawTime } from "./chart";
import { changed, clockOfMission, desk, now, onDraw, openFirst, picture, waiting } from "./desk";
import { byId } from "./dom";
import { drawEvidence } from "./evidence";
import type { Happening, Noun } from "./fold";
import { drawHead } from "./head";
import { select, startHand } from "./keys";
import { Answer, get, listen, signedIn, signIn, tokenFromAddress, whole } from "./link";
import { drawMap, mapDrawn, recolour, setView, startMap, visibleCount } from "./map";
import { drawPanel } from "./panel";
import { drawQueue } from "./queue";
import { forgetColours } from "./symbols";
import { drawTools } from "./tools";
import { SAY } from "./words";

/** A page that has heard nothing for this long says that the link is lost. */
const LOST_MS = 20_000;
const POLL_MS = 15_000;
const LEAST_POLL_MS = 2_000;
const AGAIN_MS = 400;
/** A tone again each minute while something is overdue. */
const REMIND_MS = 60_000;

declare global {
  interface Window { truceline: { ready: boolean; entityCount(): number; visibleCount(): number; setView(lat: number, lon: number, zoom: number): void; select(id: string): boolean; lastSeq(): number } }
}

window.truceline = {
  ready: false,
  entityCount: () => picture.things.size + [...picture.incidents.values()].filter((i) => i.lon !== null && i.lat !== null).length,
  visibleCount,
  setView,
  select: (id) => select(id, true),
  lastSeq: () => picture.lastSeq,
};

function drawAll(): void {
  openFirst();
  drawHead();
  drawQueue();
  drawPanel();
  drawTools();
  drawTime();
  drawMap();
  drawEvidence();
}

async function begin(): Promise<void> {
  try {
    picture.takeMission(await get("mission"));
  } catch (error) {
    const unknown = error instanceof Answer && (error.status === 401 || error.status === 403);
    Object.assign(desk, { signedIn: !unknown, signInWords: unknown ? SAY.badToken : "", reading: unknown ? "" : SAY.unreachable });
    changed();
    if (!unknown) setTimeout(() => void begin(), 2000);
    return;
  }
  Object.assign(desk, { signedIn: true, signInWords: "", reading: "Reading the picture." });
  changed();
  await firstPicture();
}

async function firstPicture(): Promise<void> {
  const mission = picture.mission!, upTo = mission.treeSize - 1;
  clockOfMission.set(mission.utcMs, mission.rate);
  try {
    await Promise.all([...(["zones", "tracks", "incidents", "recommendations", "orders", "sources", "groups"] as const).map(renewList), renewCoverage()]);
  } catch {
    desk.reading = SAY.unreachable;
    changed();
    setTimeout(() => void begin(), 2000);
    return;
  }
  picture.lastSeq = Math.max(picture.lastSeq, upTo);
  picture.firstPictureSeq = upTo;
  picture.recommendationsSeq = upTo;
  Object.assign(desk, { ready: true, reading: "", heardAt: performance.now() });
  drawAll();
  void mapDrawn.then(() => (window.truceline.ready = true));
  void readReports(upTo);
  void listen({ happened, heard, refused, after: () => picture.lastSeq });
  void pollForEver();
}

async function renewList(noun: Noun): Promise<void> {
  picture.replace(noun, await whole(noun));
}

async function renewCoverage(): Promise<void> {
  try {
    picture.takeCoverage(await get("coverage"));
  } catch (error) {
    if (!(error instanceof Answer)) throw error;
  }
}

/** Old reports come last: the picture stands without them, the chart and the evidence gain from them. */
async function readReports(upTo: number): Promise<void> {
  let got = 0;
  const page = (items: Record<string, unknown>[]): void => {
    picture.replace("reports", items);
    got = Math.max(got, ...items.map((i) => Number(i.seq) || 0));
    desk.reading = got < upTo && items.length >= 100 ? SAY.reading(got + 1, upTo + 1) : "";
    changed();
  };
  await whole("reports?limit=1000", page).catch(() => undefined);
  desk.reading = "";
  changed();
}

let tonedFor = new Set<string>();

function happened(event: Happening): void {
  picture.apply(event, now());
  if (event.kind !== "report" || event.data.type !== "position") soonAgain();
  if (event.kind === "recommendation" && waiting().some((r) => r.id === event.data.id) && !tonedFor.has(String(event.data.id))) {
    tonedFor.add(String(event.data.id));
    tone();
  }
  changed();
}

function heard(): void {
  desk.heardAt = performance.now();
  if (desk.lostSinceMs !== null) {
    desk.lostSinceMs = null;
    soonAgain();
    changed();
  }
}

function refused(status: number): void {
  Object.assign(desk, { signedIn: false, signInWords: status === 401 ? SAY.signInAgain : SAY.badToken });
  changed();
}

let renewing = 0;

/** What an entry changed in lists that are in force is read again, once for many entries. */
function soonAgain(): void {
  if (renewing) return;
  renewing = window.setTimeout(() => {
    renewing = 0;
    const asOf = picture.lastSeq;
    const lists = (["incidents", "recommendations", "orders"] as const).map(renewList);
    void Promise.all(lists).then(() => {
      picture.recommendationsSeq = Math.max(picture.recommendationsSeq, asOf);
      changed();
    }, () => undefined);
  }, AGAIN_MS);
}

/** Health and coverage are no entries of the log, so they are asked for; oftener when the clock runs fast. */
async function pollForEver(): Promise<void> {
  for (;;) {
    await new Promise((done) => setTimeout(done, Math.max(LEAST_POLL_MS, POLL_MS / Math.max(1, clockOfMission.pace))));
    if (!signedIn() || desk.lostSinceMs !== null) continue;
    await poll().catch(() => undefined);
    changed();
  }
}

let tracksAsOf = -1;

async function poll(): Promise<void> {
  const asked = performance.now(), mission = await get("mission");
  picture.takeMission(mission);
  const clock = mission.clock as { utc?: string; rate?: number } | undefined, said = Date.parse(clock?.utc ?? "");
  const away = (performance.now() - asked) / 2, rate = clock?.rate ?? 1;
  if (!Number.isNaN(said)) clockOfMission.set(said + away * rate, rate);
  const asOf = picture.lastSeq, anew = asOf !== tracksAsOf ? [renewList("tracks"), renewList("groups"), renewList("zones")] : [];  // many tracks are not read again for nothing
  await Promise.all([renewList("sources"), renewCoverage(), ...anew]);
  tracksAsOf = asOf;
}

function tick(): void {
  const silent = performance.now() - desk.heardAt;
  if (desk.ready && desk.lostSinceMs === null && silent > LOST_MS) desk.lostSinceMs = now() - silent * clockOfMission.pace;
  for (const [id, shelf] of desk.shelves) if (shelf.untilMs <= now()) desk.shelves.delete(id);
  changed();
}

function remind(): void {
  if (desk.ready && alarms().some((a) => a.overdue && !desk.acknowledged.has(a.id))) tone();
}

let audio: AudioContext | null = null;

function tone(): void {
  if (!desk.sound) return;
  audio ??= new AudioContext();
  const swing = audio.createOscillator(), gain = audio.createGain();
  gain.gain.value = 0.15;
  swing.frequency.value = 660;
  swing.connect(gain).connect(audio.destination);
  swing.start();
  swing.stop(audio.currentTime + 0.18);
}

function turnTheme(): void {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "light" ? "dark" : "light";
  forgetColours();
  recolour();
  changed();
}

function start(): void {
  document.documentElement.dataset.theme = window.matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  onDraw(drawAll);
  desk.signedIn = tokenFromAddress();
  startMap();
  startHand({
    turnTheme,
    signIn: (words) => {
      signIn(words);
      if (!signedIn()) return;
      if (desk.ready) {
        Object.assign(desk, { signedIn: true, signInWords: "" });
        void listen({ happened, heard, refused, after: () => picture.lastSeq });
        changed();
      } else void begin();
    },
    signOut: () => location.reload(),
  });
  window.addEventListener("resize", changed);
  setInterval(tick, 1000);
  setInterval(remind, REMIND_MS);
  void document.fonts.load('600 14px "Noto Sans"').then(changed);
  void document.fonts.load('14px "Noto Sans"').then(changed);
  if (desk.signedIn) void begin();
  drawAll();
  if (!desk.signedIn) byId("token").focus();
}

start();
