// Every sentence of the page, in one table. Another language is another table with the same keys.

import { ago, clock, clockNear, MINUTE, span } from "./clock";
import type { Incident, Recommendation } from "./items";

export const plural = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;

export const VERDICTS: Record<string, string> = {
  violation: "Violation",
  possible_violation: "Possible violation",
  covered_by_notice: "Covered by a notice",
  could_not_observe: "Could not observe",
};

export const CHOICES = {
  approved: { verb: "Approve", small: "approve", done: "Approved", key: "A" },
  amended: { verb: "Amend", small: "amend", done: "Amended", key: "M" },
  rejected: { verb: "Reject", small: "reject", done: "Rejected", key: "X" },
} as const;
export type Choice = keyof typeof CHOICES;

/** As many reasons to reject as to approve, and as short. */
export const REASONS: Record<Choice, string[]> = {
  approved: ["Evidence is enough to look", "Time matters", "Least left uncovered"],
  amended: ["Another unit is better", "Start later", "Fewer units are enough"],
  rejected: ["Evidence is too thin", "Risk is too high", "Covered by a notice"],
};

export const SOURCE_STATES: Record<string, string> = {
  stale: "stale", suspect: "suspect", degraded: "degraded", blocked: "cannot observe", never: "never heard",
};

export const ORDER_STATES: Record<string, string> = {
  CREATED: "made, not sent", SENT: "sent, no receipt", RECEIPT: "received", ACK: "read", WILCO: "will do", CANTDO: "cannot do",
  EXECUTING: "under way", DONE: "done", FAILED: "failed", CANCELLED: "cancelled",
};

export const KEYS: [string, string][] = [
  ["1 to 9", "open that decision"],
  ["E", "evidence, and back to the map"],
  ["P  ,  .", "in the evidence: play the clip, one frame back, one frame on"],
  ["A  M  X", "approve, amend, reject: asks why, records nothing"],
  ["R", "I have read what changed"],
  ["T", "time; then arrows 1 min, with Shift 10 min, Page 60 min, Home"],
  ["V", "as known now, as known then"],
  ["End", "back to live"],
  ["C", "what was not observed, on and off"],
  ["D", "light or dark"],
  ["/", "find a unit, object or incident; Enter goes there and says who looked for it"],
  ["+  −", "nearer, farther"],
  ["F6", "next region"],
  ["Esc", "one step back"],
];

/** Percent with its word; the word comes from this table alone. */
export function chance(p: number): string {
  const word = p >= 0.95 ? "certain" : p >= 0.7 ? "likely" : "possible";
  return `${Math.round(p * 100)} %, ${word}`;
}

export function incidentVerdict(it: Incident): string {
  const verdict = VERDICTS[it.verdict] ?? (it.verdict.replaceAll("_", " ") || incidentTitle(it));
  return it.probability === null ? verdict : `${verdict}, ${chance(it.probability)}`;
}

/** Whether anybody has confirmed a claim. */
export const confirmation = (it: Incident | null): string => (it?.state === "confirmed" ? SAY.confirmed : SAY.unconfirmed);

/** What each rule kind says has happened. */
const CLASSES: Record<string, string> = {
  absence: "Presence where nobody may be", activity_ban: "Banned activity", crossing: "Crossing of the line", escalation: "Step out of the agreed order",
  no_fly: "Flight in closed airspace", range_band_cap: "Number above the agreed limit", sensor_interference: "Interference with a sensor", timetable: "Number above the agreed timetable",
};

/** What happened, in the fewest true words. */
export function incidentTitle(it: Incident): string {
  const n = it.reportIds.length;
  if (it.kind === "explosion_cluster") return plural(n, "explosion reported", "explosions reported");
  if (it.kind === "shot_cluster") return plural(n, "shot reported", "shots reported");
  if (it.verdict === "could_not_observe") return "Could not observe";
  if (!it.what && CLASSES[it.kind]) return CLASSES[it.kind]!;
  const words = it.what || it.kind.replaceAll("_", " ") || "incident";
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function dueWords(it: Recommendation, nowMs: number): string {
  if (it.dueMs === null) return "No time limit";
  if (it.dueMs < nowMs) return `Overdue since ${clock(it.dueMs)}, ${span(nowMs - it.dueMs)}`;
  return `Due ${clock(it.dueMs)}, in ${span(it.dueMs - nowMs)}`;
}

export function waitSentence(n: number): string {
  return n === 1 ? "1 decision waits." : `${n} decisions wait.`;
}

export function nextDueSentence(dueMs: number | null, nowMs: number): string {
  if (dueMs === null) return "No time limit is set.";
  if (dueMs < nowMs) return `Overdue since ${clock(dueMs)}, ${span(nowMs - dueMs)}.`;
  return `The next is due ${clock(dueMs)}, in ${span(dueMs - nowMs)}.`;
}

export const SAY = {
  idle: (lastMs: number | null) => (lastMs === null ? "Nothing to decide. No decision yet." : `Nothing to decide. Last decision ${clock(lastMs)}.`),
  lost: (sinceMs: number) => `Link lost at ${clock(sinceMs)}. You see the picture of ${clock(sinceMs)}.`,
  reading: (got: number, of: number) => `Reading the log: ${got.toLocaleString("en-US")} of ${of.toLocaleString("en-US")} entries.`,
  past: (when: string, then: boolean) =>
    `You are looking at ${when}, ${then ? "as it was known then" : "as it is known now"}. Decisions are made on the live picture only.`,
  told: {
    asked: () => "Asking the server; until then you see what this page has heard itself.",
    there: (n: number) => (n ? `${plural(n, "track", "tracks")}, told by the server from the log.` : "No track, says the server's log."),
    failed: () => "The server did not tell that moment: you see what this page has heard itself.",
  } as Record<string, (n: number) => string>,
  noPlace: (n: number) => ` ${plural(n, "object has", "objects have")} no place kept for that time.`,
  lostAct: ["Decisions cannot be recorded while the link is lost.", "Use the voice net and write it down. Enter it with its true time when the link is back."],
  pastAct: "Decisions are made on the live picture only. Press End to go back to live.",
  readFirst: "Read what changed first. All three buttons wait for that.",
  upTo: (seq: number) => `You decide on what stands here: entries up to ${seq}.`,
  notYours: (role: string) => `You are signed in as ${role}. A commander decides this.`,
  departed: "The time to leave has passed: whoever goes leaves later, and is there later.",
  givenUp: "Given up by it, or passed before it:",
  unsettled: "The words changed just as you pressed, so nothing was done. Read them, then press again.",
  notAnswered: "The server did not answer, so it is not known whether this decision was recorded. The card says it as soon as the server answers; decide again only if it still waits.",
  needReason: "One reason is enough, by a button or in your own words.",
  noPicture: "There is no picture of this place.",
  restsOn: (types: string) => `The claim rests on ${types} alone.`,
  notKept: "Picture not kept: its bytes are not in this log. The finding stands on the entries listed here.",
  looking: "Looking for a picture of this place.",
  unreadable: "The picture is kept, but this browser cannot show it.",
  removed: "Picture not kept:", standsOn: "The finding stands on the entries listed here.",
  beforeAfter: "The same place before and after, in the same greys; the corners mark what changed.",
  elsewhere: "The open decision is not about this place.",
  noRule: "No rule of the agreement speaks about this change here.",
  unconfirmed: "Nobody has confirmed this.", confirmed: "Confirmed.",
  clip: "The clip behind the claim, two frames a second, with what was found in it",
  play: "Play", pause: "Pause", frameBack: "One frame back", frameOn: "One frame on", frameOf: "Frame of the clip",
  noPacket: "no telemetry", noPose: "place not known", moves: "moves, not told what", nearestToClaim: "nearest to the claim",
  veiled: (w: number, h: number, seq: number) => `Faces and plates are made unreadable; ${w} × ${h}, two frames a second. Entry ${seq}.`,
  sees: (name: string, atMs: number) => `${name} sees this, ${clock(atMs)}`,
  looked: (place: string, ce90M: number, atMs: number) => `looked at ${place} ± ${Math.round(ce90M)} m, ${clock(atMs)}`,
  saw: (name: string, ageMs: number) => `${name} saw this ${ago(ageMs)}`,
  signInAgain: "Your sign-in has ended. What you typed is still here. Give a token to go on.",
  mayNotSee: (detail: string) => `This token may not see the picture: ${detail}. Ask the administrator for another.`,
  readingPicture: "Reading the picture.",
  otherLog: "The server came back with another log. What stood on this page was not of it and is gone; you see the other log from its beginning.",
  shorterLog: (had: number, has: number) => `The server came back with ${has.toLocaleString("en-US")} entries, where ${had.toLocaleString("en-US")} had been read. What stood on this page is gone; you see what the log holds. Call the administrator: entries may be lost.`,
  mapless: ["This browser cannot draw the map", "It lacks WebGL, or WebGL is switched off. Everything else works: lists, alarms, decisions, evidence, time. The places of the map stand here in words. Ask the administrator for a browser with WebGL."],
  afreshRead: "I have read this",
  badToken: "That token is not known here. Ask the administrator for another.",
  unreachable: "The server does not answer. Is it running? The page tries again by itself.",
  quiet: (since: string, share: number | null) => `No incident since ${since}.${share === null ? "" : ` ${Math.round(share * 100)} % of the line was observed.`}`,
  notObserved: (fromMs: number, windowMs: number | null, nowMs: number) =>
    windowMs !== null && fromMs <= windowMs + MINUTE ? `Not observed for ${span(nowMs - windowMs)} or longer` : `Not observed since ${clockNear(fromMs, nowMs)}`,
  canLook: (satellite: string, atMs: number, nowMs: number) => `${satellite} can look ${clockNear(atMs, nowMs)}, in ${span(atMs - nowMs)}`,
  passes: "satellite can look",
  noneOpen: "No decision is open",
  comesHere: (incidents: number) => `What waits next opens here. ${incidents ? `${plural(incidents, "incident is", "incidents are")} in force, on the map and in what is recorded.` : "Nothing has been claimed so far."}`,
  reckoned: (unit: string, there: string, cost: string) => `${unit} there ${there}${cost ? `: ${cost}` : ""}.`,
  notReckoned: (unit: string) => `What it costs to send ${unit} was not reckoned. Call ${unit} before you record.`,
  mayNotGo: (unit: string, why: string) => `${unit} may not go: ${why}. Choose another.`,
  closeThing: "Close", seenLast: "Seen last", exists: (p: number) => `That it is there: ${chance(p)}`,
  seenBy: (sensor: string, when: string, seq: number) => `${sensor} saw it last, ${when}, entry ${seq}.`,
  reported: "Reported by people", noWords: "no words",
  sawNothing: "Looked there since and saw nothing", couldNotSee: "Could not have seen it",
  nobodyLooked: "Nobody who could have seen it has looked there since.",
  couldNot: {
    slow: "looked there, but shows only what moves", blind: "looked there, but hardly shows such a thing",
    silent: "looked there, but that it shows nothing says nothing", elsewhere: "looked at other ground",
  } as Record<string, string>,
  andMore: (n: number) => `and ${n} more`,
  looksAsked: "Asking who looked there since.", looksUnknown: "The server did not tell who looked there since.",
  looksLive: "Who looked there since is told on the live picture.",
  neverHeard: "not heard yet",
  seen: (ageMs: number) => `seen ${ago(ageMs)}`,
};

/** A refused or failed decision as a sentence that says what to do. */
export function refusal(status: number, detail: string): string {
  const said = detail.replace(/[.\s]+$/, "");
  if (status === 409) return `This decision was not recorded: ${said}. Read what changed, then decide again.`;
  if (status === 403) return `This decision was not recorded: ${said}. Only a commander may decide.`;
  if (status === 503) return `This decision was not recorded: the log cannot be written (${said}). Nothing was sent. Call the administrator.`;
  return `This decision was not recorded: ${said}. Nothing was sent.`;
}

/** What comes next after a recorded decision. */
export function afterwards(verdict: string, units: string[]): string {
  if (verdict === "rejected") return "No order was made.";
  return units.length ? `Orders go to ${units.join(", ")}. You are told if no receipt comes in 3 min.` : "No unit is named in it; nothing is sent.";
}
