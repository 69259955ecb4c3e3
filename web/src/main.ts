// The page's beginning: sign in, read the first picture, then listen and draw.

import { alarms } from "./alarms";
import { drawTime } from "./chart";
import { changed, clearDesk, clockOfMission, desk, now, onDraw, openFirst, picture, waiting } from "./desk";
import { byId } from "./dom";
import { drawEvidence } from "./evidence";
import type { Happening } from "./fold";
import { drawHead } from "./head";
import type { Json } from "./items";
import { select, startHand } from "./keys";
import { Answer, get, listen, NoAnswer, signIn, tokenFromAddress, whole } from "./link";
import { drawMap, mapDrawn, recolour, setView, startMap, visibleCount } from "./map";
import { drawPanel } from "./panel";
import { keepPast } from "./past";
import { drawQueue } from "./queue";
import { askMission, concernsLists, onOtherLog, pause, pollForEver, pollNow, renewCoverage, renewList, soonAgain } from "./renewal";
import { forgetColours } from "./symbols";
import { drawThingCard } from "./thing";
import { drawTools } from "./tools";
import { SAY } from "./words";

/** A page that has heard nothing for this long says that the link is lost. */
const LOST_MS = 20_000;
const AGAIN_MS = 2_000;
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
  keepPast();
  drawHead();
  drawQueue();
  drawPanel();
  drawTools();
  drawTime();
  drawMap();
  drawEvidence();
  drawThingCard();
}

let beginning = false;

/** Sign in and read the first picture, until it stands; once, however often one asks. */
async function begin(): Promise<void> {
  if (beginning) return;
  beginning = true;
  while (!(await begun())) await pause(AGAIN_MS);
  beginning = false;
}

/** True when there is nothing to try again: the picture stands, or the token is not known. */
async function begun(): Promise<boolean> {
  try {
    picture.takeMission(await get("mission"));
    Object.assign(desk, { signedIn: true, signInWords: "", reading: SAY.readingPicture });
    changed();
    await firstPicture();
    void listen(LISTENER);
    void pollForEver();
    return true;
  } catch (error) {
    const refusedWith = error instanceof Answer && [401, 403].includes(error.status) ? error : null;
    Object.assign(desk, refusedWith ? { signedIn: false, signInWords: refusedWith.status === 401 ? SAY.badToken : SAY.mayNotSee(refusedWith.detail), reading: "" } : { reading: SAY.unreachable });
    changed();
    if (!(error instanceof Answer || error instanceof NoAnswer)) reportError(error);
    return refusedWith !== null;
  }
}

async function firstPicture(): Promise<void> {
  const mission = picture.mission!, upTo = mission.treeSize - 1;
  clockOfMission.set(mission.utcMs, mission.rate);
  await Promise.all([...(["zones", "tracks", "incidents", "recommendations", "orders", "sources", "groups"] as const).map(renewList), renewCoverage()]);
  picture.lastSeq = Math.max(picture.lastSeq, upTo);
  picture.firstPictureSeq = upTo;
  picture.recommendationsSeq = upTo;
  Object.assign(desk, { ready: true, reading: "", heardAt: performance.now() });
  changed();
  void mapDrawn.then(() => requestAnimationFrame(() => (window.truceline.ready = true)));  // after what `changed` draws
  void readReports(upTo);
}

/** The server answers from another log, or from a shorter one: nothing of what stands here is of it. */
async function beginAfresh(mission: Json): Promise<void> {
  const before = picture.mission, had = picture.lastSeq + 1;
  picture.forget();
  clearDesk();
  picture.takeMission(mission);
  const isShorter = picture.mission?.log === before?.log;
  desk.afresh = isShorter ? SAY.shorterLog(had, picture.mission?.treeSize ?? 0) : SAY.otherLog;
  desk.reading = SAY.readingPicture;
  changed();
  await again(firstPicture);
}

/** Try until it succeeds. */
async function again(step: () => Promise<void>): Promise<void> {
  while (!(await step().then(() => true, () => false))) await pause(AGAIN_MS);
}

let logsRead = 0;

/** Old reports come last: the picture stands without them, the chart and the evidence gain from them. */
async function readReports(upTo: number): Promise<void> {
  const path = "reports?limit=1000", log = ++logsRead;
  let got = -1;
  const page = (items: Record<string, unknown>[]): void => {
    if (log !== logsRead) return;
    picture.replace("reports", items, upTo);
    got = Math.max(got, ...items.map((i) => Number(i.seq) || 0));
    desk.reading = got < upTo && items.length >= 100 ? SAY.reading(got + 1, upTo + 1) : "";
    changed();
  };
  // What was read stays read: after a break it goes on from there.
  const read = (): Promise<boolean> => whole(path, page, got < 0 ? path : `${path}&after_seq=${got}`).then(() => true, (error) => error instanceof Answer && error.status < 500);
  while (log === logsRead && !(await read())) await pause(AGAIN_MS);
  if (log !== logsRead) return;
  desk.reading = "";
  changed();
}

const tonedFor = new Set<string>();

function happened(event: Happening): void {
  picture.apply(event, now());
  if (concernsLists(event)) soonAgain();
  if (event.kind === "recommendation" && waiting().some((r) => r.id === event.data.id) && !tonedFor.has(String(event.data.id))) {
    tonedFor.add(String(event.data.id));
    tone();
  }
  changed();
}

function heard(): void {
  Object.assign(desk, { heardAt: performance.now(), signInWords: "" });
  if (desk.lostSinceMs !== null) {
    desk.lostSinceMs = null;
    pollNow();
    changed();
  }
}

function refused(status: number): void {
  const ended = status === 401 && picture.mission !== null && desk.signInWords === "";
  Object.assign(desk, { signedIn: false, signInWords: ended ? SAY.signInAgain : SAY.badToken });
  changed();
}

const LISTENER = { happened, heard, refused, after: () => picture.lastSeq, before: async () => void (desk.ready && desk.signedIn && (await askMission())) };

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
  onOtherLog(beginAfresh);
  desk.signedIn = tokenFromAddress();
  startMap();
  startHand({
    turnTheme,
    signIn: (words) => {
      if (!signIn(words)) return;
      if (desk.ready) signInAgain();
      else void begin();
    },
    signOut: () => location.reload(),
  });
  window.addEventListener("resize", changed);
  setInterval(tick, 1000);
  setInterval(remind, REMIND_MS);
  for (const weight of [400, 600]) void document.fonts.load(`${weight} 14px "Noto Sans"`).then(changed, changed);
  if (desk.signedIn) void begin();
  drawAll();
  if (!desk.signedIn) byId("token").focus();
}

/** The picture stands already: listen on, and ask at once who it is that signed in. */
function signInAgain(): void {
  desk.signedIn = true;
  void listen(LISTENER);
  pollNow();
  changed();
}

start();
