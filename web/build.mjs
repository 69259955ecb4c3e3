// Builds the page into truceline/app/page; with --check it builds aside and compares byte for byte.
import { build } from "esbuild";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { feature } from "topojson-client";

const web = dirname(fileURLToPath(import.meta.url));
const committed = join(web, "..", "truceline", "app", "page");
const from = (...parts) => join(web, "node_modules", ...parts);

// Packages whose bytes are handed out with the page, and where each states its licence.
const PARTS = [
  ["maplibre-gl", "LICENSE.txt"],
  ["milsymbol", "LICENSE"],
  ["world-atlas", "LICENSE"],
  ["@fontsource/noto-sans", "LICENSE"],
];

async function make(out) {
  mkdirSync(out, { recursive: true });
  await build({
    entryPoints: [join(web, "src", "main.ts")],
    outfile: join(out, "page.js"),
    absWorkingDir: web,
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    legalComments: "none",
    alias: {
      "maplibre-gl": from("maplibre-gl", "dist", "maplibre-gl-csp.js"),
      "milsymbol/parts": from("milsymbol", "index.mjs"),
    },
    logLevel: "warning",
  });
  await build({
    entryPoints: [join(web, "static", "styles.css")],
    outfile: join(out, "page.css"),
    absWorkingDir: web,
    bundle: true,
    minify: true,
    external: ["*.woff2"],
    logLevel: "warning",
  });
  for (const name of ["index.html", "icon.svg"]) cpSync(join(web, "static", name), join(out, name));
  cpSync(from("maplibre-gl", "dist", "maplibre-gl-csp-worker.js"), join(out, "map-worker.js"));
  for (const weight of [400, 600]) {
    const font = from("@fontsource", "noto-sans", "files", `noto-sans-latin-${weight}-normal.woff2`);
    cpSync(font, join(out, `noto-sans-${weight}.woff2`));
  }
  writeFileSync(join(out, "land.json"), JSON.stringify(landOutline()));
  writeFileSync(join(out, "LICENSES.txt"), licences());
}

/**
 * The land of the earth (Natural Earth 1:50m, public domain) as polygons of rings; a ring is whole hundredths of a
 * degree, first a place, then steps. Rings over the 180th meridian are cut there; the polar land is left out.
 */
function landOutline() {
  const atlas = JSON.parse(readFileSync(from("world-atlas", "land-50m.json"), "utf8"));
  const land = feature(atlas, atlas.objects.land);
  const shapes = (land.features ?? [land]).flatMap((f) => (f.geometry.type === "Polygon" ? [f.geometry.coordinates] : f.geometry.coordinates));
  const cut = shapes.flatMap((rings) => [0, 360, -360].map((shift) => rings.map((ring) => clip(unwrapped(ring), shift))));
  return cut.map((rings) => rings.map(steps).filter((r) => r.length > 6)).filter((rings) => rings.length > 0);
}

/** The same ring without jumps of a whole turn; a ring around a pole has no such form. */
function unwrapped(ring) {
  let turn = 0;
  const out = ring.map(([x, y], i) => {
    const before = i ? ring[i - 1][0] : x;
    turn += x - before > 180 ? -360 : x - before < -180 ? 360 : 0;
    return [x + turn, y];
  });
  return turn === 0 ? out : [];
}

/** What of a ring, moved by `shift` degrees, lies between the meridians -180 and 180. */
function clip(ring, shift) {
  const moved = ring.map(([x, y]) => [x + shift, y]);
  const side = (points, keeps, edge) =>
    points.flatMap((p, i) => {
      const q = points[(i + points.length - 1) % points.length], f = (edge - q[0]) / (p[0] - q[0]);
      const crossing = keeps(p) === keeps(q) ? [] : [[edge, q[1] + f * (p[1] - q[1])]];
      return keeps(p) ? [...crossing, p] : crossing;
    });
  return side(side(moved, ([x]) => x >= -180, -180), ([x]) => x <= 180, 180);
}

function steps(ring) {
  const out = [];
  let [px, py] = [0, 0];
  for (const [lon, lat] of ring) {
    const [x, y] = [Math.round(lon * 100), Math.round(lat * 100)];
    if (out.length && x === px && y === py) continue;
    out.push(x - px, y - py);
    [px, py] = [x, y];
  }
  return out;
}

function licences() {
  const text = PARTS.map(([name, file]) => {
    const version = JSON.parse(readFileSync(from(name, "package.json"), "utf8")).version;
    return `== ${name} ${version} ==\n\n${readFileSync(from(name, file), "utf8").trim()}\n`;
  });
  return `${text.join("\n")}\nLand outline: Natural Earth, public domain.\n`;
}

function differences(made) {
  const names = new Set([...readdirSync(made), ...(existsSync(committed) ? readdirSync(committed) : [])]);
  const same = (name) =>
    existsSync(join(made, name)) &&
    existsSync(join(committed, name)) &&
    readFileSync(join(made, name)).equals(readFileSync(join(committed, name)));
  return [...names].filter((name) => !same(name)).sort();
}

if (process.argv.includes("--check")) {
  const aside = mkdtempSync(join(tmpdir(), "truceline-page-"));
  await make(aside);
  const off = differences(aside);
  rmSync(aside, { recursive: true });
  if (off.length) {
    console.error(`the committed page differs from its sources: ${off.join(", ")}; run: npm run build`);
    process.exit(1);
  }
  console.log("the committed page is what its sources make");
} else {
  for (const name of readdirSync(committed)) rmSync(join(committed, name));
  await make(committed);
}
