// The right side: the open decision, in the order in which a person can check it.

import { drawAct } from "./act";
import { clock, MINUTE } from "./clock";
import { desk, incidentsOf, isChanged, now, picture, opened } from "./desk";
import { byId, key, make, renew, small } from "./dom";
import type { Incident, Recommendation, Report } from "./items";
import { placeLong } from "./places";
import { tone, whenWords } from "./queue";
import { incidentTitle, incidentVerdict, plural, SAY } from "./words";

export function drawPanel(): void {
  const panel = byId("panel");
  if (!desk.signedIn) {
    renew(panel, `sign-in ${desk.signInWords}`, signInForm);
    return;
  }
  if (!panel.querySelector(".body")) {
    renew(panel, "frame", () => [make("div", { class: "body", tabindex: "-1" }), make("div", { class: "act" }), make("div", { class: "foot" })]);
    panel.querySelector(".body")?.addEventListener("scroll", markMore, { passive: true });
  }
  const body = panel.querySelector<HTMLElement>(".body")!, r = opened();
  const parts = r ? content(r) : [idle()];
  const fresh = body.dataset.for !== (r?.id ?? "");
  renew(body, JSON.stringify(parts.map((p) => p.outerHTML)), () => parts);
  // An age that grows is no change; another state or another entry behind it is.
  const stands = r ? `${r.seq} ${r.state} ${r.touchedSeq}` : "";
  if (fresh) body.scrollTop = 0;
  else if (body.dataset.stands !== stands) desk.contentChangedAt = performance.now();
  body.dataset.stands = stands;
  body.dataset.for = r?.id ?? "";
  drawAct(panel.querySelector<HTMLElement>(".act")!, r);
  const who = picture.mission ? `${picture.mission.userName}, ${picture.mission.role}` : "";
  renew(panel.querySelector<HTMLElement>(".foot")!, who, () => [make("span", {}, who), make("button", { "data-sign-out": true }, "Sign out")]);
  markMore();
}

/** A line at the edge says that there is more below. */
function markMore(): void {
  const body = document.querySelector<HTMLElement>("#panel .body");
  if (body) body.toggleAttribute("data-more", body.scrollHeight - body.scrollTop - body.clientHeight > 4);
}

function signInForm(): Node[] {
  return [
    make("form", { class: "sign-in" }, make("h2", {}, "Sign in"), make("label", { for: "token" }, "Your token, one line, from the administrator"),
      make("input", { id: "token", type: "password", autocomplete: "off", "data-at": "token" }), make("button", { type: "submit" }, "Sign in"),
      desk.signInWords && make("p", { class: "said", role: "alert" }, desk.signInWords), small("It is kept in this page's memory only and forgotten when the page closes.")),
  ];
}

function idle(): HTMLElement {
  if (!desk.ready) return make("div", { class: "idle" }, make("p", {}, desk.reading));
  return make("div", { class: "idle" }, make("h2", {}, SAY.noneOpen), make("p", {}, SAY.comesHere(picture.incidents.size)));
}

function content(r: Recommendation): HTMLElement[] {
  const about = incidentsOf(r);
  const parts: (HTMLElement | false)[] = [
    make("p", { class: `top due ${tone(r)}` }, make("span", {}, whenWords(r)), make("span", { title: r.id }, shortId(r.id))),
    make("h2", {}, r.action),
    r.why !== "" && make("p", {}, r.why),
    r.state === "withdrawn" && make("p", { class: "said" }, `${r.withdrawnBecause || "It no longer stands"}. Nothing to decide.`),
    isChanged(r) && changedBox(r),
    ...about.map(verdictBox),
    about.length > 0 && sides(about),
    about.length > 0 && make("p", { class: "more" }, make("button", { "data-evidence": true, "data-at": "evidence" }, desk.evidence ? "Back to the map " : "See evidence ", key("E")), make("span", { class: "small" }, shows(about))),
    ...proposed(r),
    ...waysTable(r),
  ];
  return parts.filter((p) => p !== false);
}

export const shortId = (id: string): string => (id.length > 16 ? `${id.slice(0, 12)}…` : id);

function changedBox(r: Recommendation): HTMLElement {
  const what = r.changes.length ? r.changes : [`Entry ${r.touchedSeq} touches what this rests on.`];
  return make("div", { class: "changed", role: "alert" }, make("b", {}, "Changed since it was made"), make("ul", {}, what.map((w) => make("li", {}, w))),
    make("button", { "data-read": true, "data-at": "read" }, "I have read this ", key("R")));
}

function verdictBox(i: Incident): HTMLElement {
  const law = [i.article, i.zone && `zone ${i.zone}`].filter(Boolean).join(", ");
  return make("div", { class: "verdict" }, make("p", {}, make("b", {}, incidentVerdict(i))), make("p", {}, [i.verdict ? incidentTitle(i) : "No rule of the agreement was applied", law].filter(Boolean).join(". ")), make("p", { class: "small" }, placeLong(i)));
}

/** The reports that an incident rests on, as far as they reached the page. */
export function reportsOf(i: Incident): Report[] {
  return [...new Set([...i.reportIds, ...i.causes])].map((id) => picture.reports.get(id)).filter((r) => r !== undefined);
}

function sides(about: Incident[]): HTMLElement {
  const says = about.flatMap((i) => {
    const reports = reportsOf(i).slice(0, 6).map((r) => make("li", {}, make("span", {}, `${r.reporter}, ${clock(r.atMs)}`), r.text || r.type));
    const rest = i.reportIds.length > 6 ? [make("li", {}, `and ${i.reportIds.length - 6} more`)] : [];
    const reasons = i.reasons.filter((w) => /\s/.test(w)).map((w) => make("li", {}, w));
    return [...reports, ...rest, ...reasons, ...sentences(i.supports).map((s) => make("li", {}, s))];
  });
  const against = about.flatMap((i) => sentences(i.challenges).map((s) => make("li", {}, s)));
  const unsaid = make("li", {}, `Nothing has been brought against it. ${SAY.unconfirmed}`);
  return make("div", { class: "sides" }, make("div", {}, make("h3", {}, "Who says so"), make("ul", {}, says.length ? says : make("li", {}, "Only the entries it rests on; see evidence."))),
    make("div", {}, make("h3", {}, "What speaks against it"), make("ul", {}, against.length ? against : unsaid)));
}

const sentences = (words: string): string[] => words.split(/(?<=[.!?])\s+(?=\p{Lu})/u).filter((s) => s.trim() !== "");

function shows(about: Incident[]): string {
  const pictures = about.flatMap(reportsOf).reduce((n, r) => n + r.blobs.length, 0);
  const entries = new Set(about.flatMap((i) => [...i.reportIds, ...i.causes])).size;
  return pictures ? `${plural(pictures, "picture", "pictures")}, ${plural(entries, "cause", "causes")}` : plural(entries, "cause", "causes");
}

function proposed(r: Recommendation): HTMLElement[] {
  if (r.tasks.length === 0 && r.leftUncovered.length === 0) return [];
  const base = r.nowMs ?? 0;
  const passed = (s: unknown): boolean => r.state === "waiting" && typeof s === "number" && base + s * 1000 < now() - MINUTE;
  const line = (t: Record<string, unknown>): HTMLElement => {
    const at = (name: string): string => (typeof t[name] === "number" ? clock(base + t[name] * 1000) : "");
    const words = [t.role === "look" ? "looks first" : "goes", at("depart_s") && `${passed(t.depart_s) ? "was to leave" : "leaves"} ${at("depart_s")}`, at("arrive_s") && `there ${at("arrive_s")}`, at("leave_s") && `stays until ${at("leave_s")}`];
    return make("li", {}, make("b", {}, String(t.unit ?? "")), ` ${words.filter(Boolean).join(", ")}`);
  };
  const late = r.tasks.some((t) => passed(t.depart_s)) ? [make("li", {}, SAY.departed)] : [];
  const bare = r.leftUncovered.map((w) => make("li", {}, `Left uncovered: ${w}`));
  return [make("h3", {}, "Proposed"), make("ul", {}, r.tasks.map(line), late, bare)];
}

function waysTable(r: Recommendation): HTMLElement[] {
  if (r.ways.length === 0) return [];
  const open = r.ways.filter((w) => !w.barredBy), barred = r.ways.filter((w) => w.barredBy);
  const row = (w: (typeof open)[number]): HTMLElement =>
    make("tr", { class: w.proposed ? "proposed" : "" }, make("td", {}, w.what, w.proposed && make("em", {}, "proposed")), make("td", { class: "there" }, w.thereMs === null ? "–" : clock(w.thereMs)), make("td", {}, w.cost));
  const head = make("tr", {}, ["Way", "There", "Cost"].map((h) => make("th", { scope: "col" }, h)));
  const parts: HTMLElement[] = [make("h3", {}, "All ways, with their cost"), make("table", {}, head, open.map(row))];
  if (barred.length) parts.push(make("h3", {}, "Barred, and why"), make("ul", { class: "small" }, barred.map((w) => make("li", {}, `${w.what}: ${w.barredBy}`))));
  return parts;
}
