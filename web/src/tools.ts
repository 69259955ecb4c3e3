// What lies at the map's foot: tools, legend, keys; and the same facts as the map in words.

import { changedPlaces, changeTitle } from "./changes";
import { clock, clockNear } from "./clock";
import { changed, desk, now, picture } from "./desk";
import { byId, key, make, renew } from "./dom";
import { goTo } from "./map";
import { coordinates, placeShort, spokenStretch } from "./places";
import { symbol, type Kin } from "./symbols";
import { openThing } from "./thing";
import { incidentTitle, incidentVerdict, KEYS, SAY } from "./words";

const LEGEND: [Kin, string, string][] = [
  ["own", "10031000001211000000", "mission"],
  ["party", "10041500001409000000", "either side"],
  ["unknown", "10011500001409000000", "not known"],
];
const LISTED = 200;

export function drawTools(): void {
  const theme = document.documentElement.dataset.theme;
  renew(byId("tools"), JSON.stringify([desk.coverage, theme, desk.ready, desk.sound]), () => [
    make("button", { "data-coverage": true, "data-at": "coverage", "aria-pressed": String(desk.coverage) }, "Not observed ", key("C")),
    make("button", { "data-zoom": 1, "data-at": "in", "aria-label": "Nearer" }, "+"),
    make("button", { "data-zoom": -1, "data-at": "out", "aria-label": "Farther" }, "−"),
    make("button", { "data-theme-turn": true, "data-at": "theme" }, "Light or dark ", key("D")),
    make("button", { "data-sound": true, "data-at": "sound", "aria-pressed": String(desk.sound) }, desk.sound ? "Sound on" : "Sound off"),
    make("button", { "data-keys": true, "data-at": "keys" }, "Keys ", key("?")),
    make("input", { id: "find", type: "text", placeholder: "Find  /", "aria-label": "Find a unit, object or incident", "data-at": "find", value: desk.find }),
  ]);
  renew(byId("legend"), JSON.stringify([theme, desk.ready]), () => [
    make("p", { class: "legend" }, LEGEND.map(([, sidc, words]) => make("span", {}, sign(sidc), words)), make("span", {}, make("i", { class: "mark gap" }), "not observed")),
  ]);
  byId("keys").hidden = !desk.keys;
  renew(byId("keys"), String(desk.singleKeys), () => [
    make("h2", {}, "Keys"),
    make("dl", {}, KEYS.flatMap(([k, w]) => [make("dt", {}, key(k)), make("dd", {}, w)])),
    make("button", { "data-single-keys": true, "aria-pressed": String(desk.singleKeys) }, desk.singleKeys ? "Single keys are on" : "Single keys are off"),
  ]);
  drawList();
}

function sign(sidc: string): HTMLCanvasElement {
  const c = make("canvas", { width: 52, height: 40 }), ctx = c.getContext("2d"), it = symbol(sidc, 13);
  ctx?.scale(2, 2);
  ctx?.drawImage(it.image, 13 - it.anchorX, 10 - it.anchorY, it.width, it.height);
  return c;
}

/** The map in words, for who cannot see it. */
function drawList(): void {
  const things = [...picture.things.values()].slice(0, LISTED).map((t) => `${t.label}: ${t.lat.toFixed(4)}, ${t.lon.toFixed(4)}, ${t.atMs ? `seen ${clock(t.atMs)}` : SAY.neverHeard}${t.missed ? `, ${t.missed}` : ""}`);
  const incidents = [...picture.incidents.values()].slice(0, LISTED).map((i) => `${incidentTitle(i)}: ${placeShort(i)}, ${clock(i.startMs)}, ${incidentVerdict(i)}`);
  const looks = picture.sources.flatMap((s) => (s.look ? [`${s.name}: ${SAY.looked(coordinates(s.look.middle), s.look.ce90M, s.look.atMs)}`] : []));
  const passes = picture.coverage.passes.filter((o) => o.highestMs > now()).slice(0, LISTED).map((o) => `${SAY.canLook(o.satellite, o.highestMs, now())}: ${spokenStretch(o.kmFrom, o.kmTo, 0)}`);
  const changes = [...changedPlaces().values()].slice(0, LISTED).map((p) => `${changeTitle(p)}: ${coordinates(p.middle)}, ${clockNear(p.atMs, now())}`);
  const lines = [...incidents, ...changes, ...things, ...looks, ...passes];
  const list = byId("map-list"), title = desk.mapless ? [make("h2", {}, SAY.mapless[0]!), make("p", {}, SAY.mapless[1]!)] : [make("h2", {}, "The map in words")];
  list.classList.toggle("off", !desk.mapless);
  byId("stage").toggleAttribute("data-mapless", desk.mapless);
  renew(list, [desk.mapless, desk.ready, ...lines].join("\n"), () => [...title, make("ul", {}, lines.map((l) => make("li", {}, l)))]);
}

/** Go to the first thing or incident whose id or name begins with, or else holds, the words. */
export function find(words: string): boolean {
  const wanted = words.trim().toLowerCase();
  if (wanted === "") return false;
  const all = [
    ...[...picture.things.values()].map((t) => ({ id: t.id, name: t.label, lon: t.lon, lat: t.lat })),
    ...[...changedPlaces().values()].map((p) => ({ id: p.id, name: changeTitle(p), lon: p.middle[0], lat: p.middle[1] })),
    ...[...picture.incidents.values()].flatMap((i) => (i.lon === null || i.lat === null ? [] : [{ id: i.id, name: incidentTitle(i), lon: i.lon, lat: i.lat }])),
  ];
  const names = (a: { id: string; name: string }): string[] => [a.id.toLowerCase(), a.name.toLowerCase()];
  const hit = all.find((a) => names(a).some((n) => n.startsWith(wanted))) ?? all.find((a) => names(a).some((n) => n.includes(wanted)));
  if (!hit) return false;
  goTo([hit.lon, hit.lat]);
  openThing(hit.id);
  changed();
  return true;
}
