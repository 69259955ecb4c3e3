// The foot of the panel: three equal buttons, then a reason, then a record with name and verb.

import { clock, MINUTE } from "./clock";
import { changed, desk, isChanged, live, now, opened, picture, seenSeq } from "./desk";
import { key, make, renew, small } from "./dom";
import type { Json, Recommendation, Way } from "./items";
import { decision } from "./items";
import { Answer, post } from "./link";
import { soonAgain } from "./renewal";
import { afterwards, CHOICES, REASONS, refusal, SAY, type Choice } from "./words";

/** A key struck so soon after the words under the eyes changed was not meant for the new words. */
const SETTLE_MS = 200;

export function drawAct(foot: HTMLElement, r: Recommendation | undefined): void {
  foot.hidden = r === undefined;
  if (!r) return;
  const state = [r.id, r.state, r.decision?.seq, isChanged(r), desk.choice, desk.reason, desk.said, desk.sending, desk.lostSinceMs !== null, live(), seenSeq(r), [...desk.amend], picture.mission?.role, canRecord()];
  renew(foot, JSON.stringify(state), () => [...said(r), ...body(r)]);
  if (desk.toReason) foot.querySelector<HTMLElement>("[data-reason]")?.focus();
  desk.toReason = false;
}

/** What became of the last record; it names the decision that it is about when another one is open. */
function said(r: Recommendation): Node[] {
  if (!desk.said) return [];
  const about = desk.saidOf === r.id ? undefined : picture.recommendations.get(desk.saidOf);
  return [make("p", { class: "said", role: "alert" }, about && make("b", {}, `${about.action}: `), desk.said)];
}

function body(r: Recommendation): Node[] {
  if (r.state === "withdrawn") return [make("p", {}, "Withdrawn. Nothing to decide.")];
  if (r.state !== "waiting") return decided(r);
  if (desk.lostSinceMs !== null) return [make("p", {}, make("b", {}, SAY.lostAct[0]!)), small(SAY.lostAct[1]!)];
  if (!live()) return [make("p", {}, SAY.pastAct)];
  if (picture.mission && picture.mission.role !== "commander") return [make("p", {}, SAY.notYours(picture.mission.role))];
  if (desk.choice) return reasonForm(r, desk.choice);
  const locked = isChanged(r);
  const buttons = (Object.keys(CHOICES) as Choice[]).map((c) => make("button", { "data-choose": c, "data-at": c, disabled: locked }, `${CHOICES[c].verb} `, key(CHOICES[c].key)));
  return [make("div", { class: "three" }, buttons), small(locked ? SAY.readFirst : SAY.upTo(seenSeq(r)))];
}

function decided(r: Recommendation): Node[] {
  const d = r.decision, orders = [...picture.orders.values()].filter((o) => o.recommendationId === r.id);
  const units = orders.length ? orders.map((o) => o.unit) : r.tasks.map((t) => String(t.unit ?? "")).filter(Boolean);
  const words = CHOICES[r.state as Choice]?.done ?? r.state;
  const entry = d ? ` ${clock(d.atMs)} as entry ${d.seq} by ${d.by}: “${d.reason}”.` : ".";
  const givenUp = d?.overridden.length ? [make("p", {}, make("b", {}, SAY.givenUp), ` ${d.overridden.join("; ")}.`)] : [];
  return [make("p", {}, make("b", {}, words), entry), ...givenUp, small(afterwards(r.state, [...new Set(units)]))];
}

function reasonForm(r: Recommendation, choice: Choice): Node[] {
  const chips = REASONS[choice].map((w, i) => make("button", { "data-reason": w, "data-at": `reason${i}`, "aria-pressed": String(desk.reason === w) }, w));
  const note = make("textarea", { id: "note", "data-at": "note", placeholder: "Own words", "aria-label": "Own words", maxlength: 2000 });
  note.value = desk.note;
  const who = picture.mission?.userName ?? "";
  return [
    make("p", {}, make("b", {}, `${CHOICES[choice].verb}: why? `), SAY.needReason),
    ...(choice === "amended" ? amendRows(r) : []),
    make("div", { class: "chips" }, chips),
    note,
    make("div", { class: "record" }, make("button", { "data-record": true, "data-at": "record", disabled: !canRecord() }, desk.sending ? "Recording" : `Record: ${CHOICES[choice].small} as ${who}`), make("button", { "data-back": true, "data-at": "back" }, "Back ", key("Esc"))),
  ];
}

function amendRows(r: Recommendation): Node[] {
  if (r.tasks.length === 0) return [small("This proposal names no unit, so there is nothing to change in it but the reason.")];
  const units = [...new Set([...picture.things.values()].filter((t) => t.unit).map((t) => t.id))].sort();
  const rows = r.tasks.flatMap((task, i) => {
    const set = desk.amend.get(i) ?? { unit: String(task.unit ?? ""), laterMin: 0, out: false };
    const choose = make("select", { "data-amend": i, "data-part": "unit", "data-at": `unit${i}`, "aria-label": "Unit" }, [...new Set([set.unit, ...units])].map((u) => make("option", { value: u, selected: u === set.unit }, u)));
    const later = make("input", { type: "number", min: 0, max: 600, step: 5, value: set.laterMin, "data-amend": i, "data-part": "later", "data-at": `later${i}`, "aria-label": "Minutes later" });
    const out = make("button", { "data-amend-out": i, "aria-pressed": String(set.out), "data-at": `out${i}` }, "Leave out");
    return [choose, make("span", {}, `starts later by`), make("span", {}, later, " min"), out];
  });
  const costs = r.tasks.flatMap((_, i) => costOf(r, i)).map((words) => make("li", {}, words));
  return [make("div", { class: "amend" }, rows), make("ul", { class: "cost", role: "status" }, costs)];
}

/** The way in which another unit takes the place of the proposed one, as it was reckoned with the proposal. */
function wayOf(r: Recommendation, i: number): Way | undefined {
  const task = String(r.tasks[i]?.unit ?? ""), unit = desk.amend.get(i)?.unit ?? task;
  return r.ways.find((w) => w.unit === unit && w.insteadOf === task);
}

/** What a change of one task comes to, in a sentence; nothing for a task that stays as proposed. */
function costOf(r: Recommendation, i: number): string[] {
  const set = desk.amend.get(i), task = r.tasks[i];
  if (!set || !task || set.out) return [];
  const later = set.laterMin * MINUTE, arrive = task.arrive_s;
  if (set.unit === String(task.unit ?? "")) {
    return later && typeof arrive === "number" ? [SAY.reckoned(set.unit, clock((r.nowMs ?? 0) + arrive * 1000 + later), `${set.laterMin} min later`)] : [];
  }
  const way = wayOf(r, i);
  if (way?.barredBy) return [SAY.mayNotGo(set.unit, way.barredBy)];
  return [way?.thereMs == null ? SAY.notReckoned(set.unit) : SAY.reckoned(set.unit, clock(way.thereMs + later), way.cost)];
}

const canRecord = (): boolean => !desk.sending && (desk.reason !== "" || desk.note.trim() !== "") && (desk.choice !== "amended" || (leavesTask() && nobodyBarred()));

function nobodyBarred(): boolean {
  const r = opened();
  return !r || r.tasks.every((_, i) => desk.amend.get(i)?.out || !desk.amend.has(i) || !wayOf(r, i)?.barredBy);
}

function leavesTask(): boolean {
  const tasks = opened()?.tasks ?? [];
  return tasks.length === 0 || tasks.some((_, i) => !desk.amend.get(i)?.out);
}

/** Open the reason for a choice; records nothing. */
export function choose(choice: Choice): void {
  const r = opened();
  if (!r || r.state !== "waiting" || isChanged(r) || desk.lostSinceMs !== null || !live() || picture.mission?.role !== "commander" || !settled(r)) return;
  Object.assign(desk, { choice, reason: "", said: "", toReason: true });
  changed();
}

/** A key or click that came as the words changed was not meant for them: it does nothing, and that is said. */
function settled(r: Recommendation): boolean {
  if (performance.now() - desk.contentChangedAt > SETTLE_MS) return true;
  Object.assign(desk, { said: SAY.unsettled, saidOf: r.id });
  changed();
  return false;
}

export function back(): void {
  Object.assign(desk, { choice: null, reason: "", said: "" });
  changed();
}

/** Send the decision; the answer becomes a sentence. */
export async function record(): Promise<void> {
  const r = opened(), choice = desk.choice;
  if (!r || !choice || !canRecord() || isChanged(r) || !settled(r)) return;
  const reason = [desk.reason, desk.note.trim()].filter(Boolean).join(". ");
  const body: Json = { recommendation_id: r.id, verdict: choice, reason, seen_seq: seenSeq(r) };
  if (choice === "amended") body.tasks = amendedTasks(r);
  Object.assign(desk, { sending: true, said: "" });
  changed();
  try {
    const answer = await post("decisions", body);
    const made = { recommendation_id: r.id, verdict: choice, reason, by: picture.mission?.userName ?? "", at_utc: new Date(now()).toISOString(), ...answer };
    const seq = decision(made).seq;
    if (picture.recommendations.get(r.id)?.state === "waiting") picture.apply({ kind: "decision", seq: Math.min(seq, picture.lastSeq), data: { ...made, seq } }, 0);
    if (desk.selected === r.id) Object.assign(desk, { choice: null, reason: "", note: "" });
  } catch (error) {
    const status = error instanceof Answer ? error.status : 0;
    Object.assign(desk, { said: error instanceof Answer ? refusal(status, error.detail) : SAY.notAnswered, saidOf: r.id });
    if (status === 401) desk.said = SAY.signInAgain;
    if (status === 409 && desk.selected === r.id) desk.choice = null;
    soonAgain();  // what the refusal speaks of, or whether it was recorded after all
  } finally {
    desk.sending = false;
    changed();
  }
}

function amendedTasks(r: Recommendation): Json[] {
  const seconds = ["depart_s", "arrive_s", "start_s", "leave_s", "return_s"];
  return r.tasks.flatMap((task, i) => {
    const set = desk.amend.get(i);
    if (!set) return [task];
    if (set.out) return [];
    const moved = Object.fromEntries(seconds.filter((s) => typeof task[s] === "number").map((s) => [s, (task[s] as number) + set.laterMin * 60]));
    // Another unit comes from elsewhere and by other roads: its way is laid by the server.
    return [set.unit && set.unit !== task.unit ? { ...task, ...moved, unit: set.unit, path: [] } : { ...task, ...moved }];
  });
}
