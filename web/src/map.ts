// The map: land, the agreement's lines and zones, and many points as a WebGL layer. Signs and words are drawn over it.

import type { Feature, FeatureCollection } from "geojson";
import maplibregl, { type GeoJSONSource, type Map as GlMap, type StyleSpecification } from "maplibre-gl";
import { countWithin, crowd, within, type Box } from "./crowd";
import { changed, desk, picture, standing } from "./desk";
import type { Place, Thing } from "./items";
import { drawOverlay } from "./overlay";
import { missionBelt, missionLine } from "./places";
import { Points } from "./points";
import { palette } from "./symbols";

/** More things than this in view are drawn as plain points. */
const CROWDED = 150;
const NOTHING: FeatureCollection = { type: "FeatureCollection", features: [] };

const PATIENCE_MS = 6_000;

const points = new Points();
let drawn: () => void = () => undefined;
let map: GlMap | null = null;
let loaded = false;
let drawnThings = "";
let drawnGrounds = -1;
let fitted = false;
let crowded = false;
let waitingView: { centre: Place; zoom: number } | null = null;

/** Comes true when land and lines have been drawn once, or after a while where they cannot be. */
export const mapDrawn = new Promise<void>((done) => {
  drawn = done;
  setTimeout(done, PATIENCE_MS);
});

/** Draw the map, if this browser can; without it everything else goes on, and places stand in words. */
export function startMap(): void {
  try {
    map = newMap();
  } catch (error) {
    console.warn(`the map cannot be drawn: ${String(error)}`);
    desk.mapless = true;
    drawn();
    return;
  }
  attend(map);
}

function newMap(): GlMap {
  maplibregl.setWorkerUrl(new URL("map-worker.js", location.href).href);
  return new maplibregl.Map({
    container: "map", style: style(), center: [20, 30], zoom: 1.5, minZoom: 0.5, maxZoom: 17, attributionControl: false, dragRotate: false, pitchWithRotate: false,
    touchPitch: false, keyboard: false, fadeDuration: 0, maxPitch: 0, renderWorldCopies: false, trackResize: true, validateStyle: false,
  });
}

function attend(it: GlMap): void {
  it.touchZoomRotate.disableRotation();
  it.on("load", () => {
    loaded = true;
    it.addLayer(points);
    recolour();  // the theme may have turned since the style was made
    if (waitingView) it.jumpTo({ center: waitingView.centre, zoom: waitingView.zoom });
    void landOutline().catch(() => undefined).then(() => it.once("idle", drawn));  // lines and things stand without land
    drawMap();
  });
  it.on("render", () => over());
  it.on("webglcontextlost", () => {
    loaded = false;
    without(true);
  });
  it.on("webglcontextrestored", () => {
    const centre = it.getCenter().toArray(), zoom = it.getZoom();
    it.remove();  // all that it kept on the graphics unit is gone
    Object.assign(desk, { mapless: false });
    [waitingView, drawnGrounds, drawnThings] = [{ centre, zoom }, -1, ""];
    startMap();
    changed();
  });
  it.on("click", (e) => document.dispatchEvent(new CustomEvent("map-pick", { detail: [e.point.x, e.point.y, e.lngLat.lng, e.lngLat.lat] })));
}

/** The graphics unit may be taken from a page, and given back. */
function without(mapless: boolean): void {
  desk.mapless = mapless;
  changed();
}

async function landOutline(): Promise<void> {
  const shapes = (await (await fetch("land.json")).json()) as number[][][];
  source("land")?.setData({ type: "Feature", properties: {}, geometry: { type: "MultiPolygon", coordinates: shapes.map((rings) => rings.map(ring)) } });
}

/** A ring from its steps in hundredths of a degree, closed. */
function ring(steps: number[]): Place[] {
  const out: Place[] = [];
  for (let i = 0, x = 0, y = 0; i + 1 < steps.length; i += 2) {
    x += steps[i]!;
    y += steps[i + 1]!;
    out.push([x / 100, y / 100]);
  }
  return [...out, out[0]!];
}

const source = (id: string): GeoJSONSource | undefined => map?.getSource(id) as GeoJSONSource | undefined;

function style(): StyleSpecification {
  const p = palette(), empty = { type: "geojson" as const, data: NOTHING };
  return {
    version: 8,
    transition: { duration: 0, delay: 0 },
    sources: { land: { ...empty, tolerance: 0.2 }, grounds: { ...empty, tolerance: 0.1 } },
    layers: [
      { id: "water", type: "background", paint: { "background-color": p.water } },
      { id: "land", type: "fill", source: "land", paint: { "fill-color": p.land, "fill-antialias": false } },
      { id: "zones", type: "fill", source: "grounds", filter: ["==", ["get", "belt"], true], paint: { "fill-color": p.zone } },
      { id: "changes", type: "fill", source: "grounds", filter: ["==", ["get", "kind"], "change"], paint: { "fill-color": p.ink1, "fill-opacity": 0.25, "fill-outline-color": p.ink1 } },
      { id: "roads", type: "line", source: "grounds", filter: ["==", ["get", "kind"], "road"], paint: { "line-color": p.road, "line-width": 1.5 } },
      { id: "zone-edges", type: "line", source: "grounds", filter: ["all", ["==", ["geometry-type"], "Polygon"], ["!=", ["get", "kind"], "change"]], paint: { "line-color": p.ink3, "line-width": 1, "line-opacity": ["case", ["==", ["get", "belt"], true], 1, 0.45], "line-dasharray": [8, 4] } },
      { id: "sectors", type: "line", source: "grounds", filter: ["==", ["get", "kind"], "sector"], paint: { "line-color": p.ink3, "line-width": 1, "line-dasharray": [2, 4] } },
      { id: "line", type: "line", source: "grounds", filter: ["==", ["get", "kind"], "line"], paint: { "line-color": p.ink1, "line-width": 2.2 } },
    ],
  };
}

/** Give the map the page's colours again after a change of theme. */
export function recolour(): void {
  if (!map || !loaded) return;
  for (const layer of style().layers) {
    for (const [name, value] of Object.entries(layer.paint ?? {})) if (name.endsWith("color")) map.setPaintProperty(layer.id, name, value);
  }
}

/** Bring the map's sources up to the picture, then draw. */
export function drawMap(): void {
  if (!map || !loaded) return;
  if (drawnGrounds !== picture.version.grounds) {
    drawnGrounds = picture.version.grounds;
    source("grounds")?.setData({ type: "FeatureCollection", features: picture.grounds.map((g) => groundFeature(g, missionBelt())) });
    fitOnce();
  }
  const all = crowd(), now = `${all.key}|${countWithin(box(map)) > CROWDED}`;
  if (now !== drawnThings) {
    drawnThings = now;
    crowded = now.endsWith("true");
    points.show(crowded ? all : null);
  }
  if (!fitted && desk.ready) fitOnce();
  map.triggerRepaint();
}

/** The narrowest zone around the line is the belt and has a ground. The line is told by its kind; a bare line without one is the line too. */
function groundFeature(g: Feature, belt: Feature | null): Feature {
  if (g === belt) return { ...g, properties: { ...g.properties, belt: true } };
  const bare = !g.properties?.kind && /LineString$/.test(g.geometry.type);
  return bare ? { ...g, properties: { ...g.properties, kind: "line" } } : g;
}

function box(it: GlMap): Box {
  const b = it.getBounds();
  return { west: b.getWest(), east: b.getEast(), south: b.getSouth(), north: b.getNorth() };
}

/** Entities inside the view: things and incidents that have a place. */
export function visibleCount(): number {
  if (!map) return 0;
  const b = map.getBounds();
  let n = countWithin(box(map));
  for (const i of picture.incidents.values()) if (i.lon !== null && i.lat !== null && b.contains([i.lon, i.lat])) n++;
  return n;
}

function over(): void {
  if (!map) return;
  drawOverlay({ project: (p) => map!.project(p), unproject: (x, y) => map!.unproject([x, y]).toArray() as Place, things: within(box(map), crowded), crowded });
}

/** The first look shows the whole line; afterwards the view is the person's. */
function fitOnce(): void {
  if (!map || fitted || waitingView) return;
  const line = missionLine();
  const places: Place[] = line ? [...line.points] : [...picture.things.values()].map((t): Place => [t.lon, t.lat]);
  for (const i of picture.incidents.values()) if (i.lon !== null && i.lat !== null) places.push([i.lon, i.lat]);
  if (places.length === 0 || (!line && !desk.ready)) return;
  fitted = true;
  const lons = places.map((p) => p[0]), lats = places.map((p) => p[1]);
  const box: [Place, Place] = [[least(lons), least(lats)], [-least(lons.map((v) => -v)), -least(lats.map((v) => -v))]];
  map.fitBounds(box, { padding: { top: 70, bottom: 100, left: 50, right: 50 }, maxZoom: 13, animate: false });
}

const least = (values: number[]): number => values.reduce((a, b) => Math.min(a, b), Infinity);

export function setView(lat: number, lon: number, zoom: number): void {
  fitted = true;
  waitingView = { centre: [lon, lat], zoom };
  map?.jumpTo({ center: [lon, lat], zoom });
}

/** The thing nearest to a point of the map, within so many px; also among plain points. */
export function thingAt(x: number, y: number, px: number): Thing | undefined {
  let best: Thing | undefined, least = px;
  for (const it of map ? within(box(map)) : []) {
    const at = standing(it), drawnAt = at && map?.project(at), far = drawnAt ? Math.hypot(drawnAt.x - x, drawnAt.y - y) : Infinity;
    if (far < least) [best, least] = [it, far];
  }
  return best;
}

export function goTo(p: Place): void {
  map?.jumpTo({ center: p });
}

export function zoomBy(steps: number): void {
  if (map) map.jumpTo({ zoom: map.getZoom() + steps });
}
