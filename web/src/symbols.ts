// Symbols by their code, drawn once each and kept; both sides look alike, nobody is drawn as hostile.

import { ms, numberactivites, numberair, numberlandcivilian, numberlandequipment, numberlandinstallation, numberlandunit, numbersea } from "milsymbol/parts";

ms.addIcons([numberactivites, numberair, numberlandcivilian, numberlandequipment, numberlandinstallation, numberlandunit, numbersea]);

export type Kin = "own" | "party" | "unknown";
export const KINS: Kin[] = ["own", "party", "unknown"];
export interface Drawn { image: HTMLCanvasElement; width: number; height: number; anchorX: number; anchorY: number; valid: boolean }
export type Palette = Record<"land" | "water" | "zone" | "road" | "rule" | "panel" | "bg" | "raised" | "ink1" | "ink2" | "ink3" | "edge" | "hatch" | "attend" | "onAttend" | "overdue" | Kin, string>;

const UNKNOWN = "10010000000000000000";
const kept = new Map<string, Drawn>();
let colours: Palette | null = null;

/** Whose it is, by the identity digit of the code; anything else than own and neutral is not known. */
export function kinOf(sidc: string): Kin {
  const identity = sidc.charAt(3);
  return identity === "3" || identity === "2" ? "own" : identity === "4" ? "party" : "unknown";
}

/** The page's colours as the style sheet says them, for canvases and the map. */
export function palette(): Palette {
  if (colours) return colours;
  const style = getComputedStyle(document.documentElement), of = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  colours = {
    land: of("land"), water: of("water"), zone: of("zone"), road: of("road"), rule: of("rule"), panel: of("panel"), bg: of("bg"), raised: of("raised"),
    ink1: of("ink-1"), ink2: of("ink-2"), ink3: of("ink-3"), edge: of("edge"), hatch: of("hatch"), attend: of("attend"), onAttend: of("on-attend"),
    overdue: of("overdue"), own: of("own"), party: of("party"), unknown: of("unknown"),
  };
  return colours;
}

/** The theme has changed: colours are read again, symbols drawn again. */
export function forgetColours(): void {
  colours = null;
  kept.clear();
}

/** A symbol of about `size` px; an invalid code is drawn as unknown and says so by `valid`. */
export function symbol(sidc: string, size = 18): Drawn {
  const at = `${sidc}|${size}`, held = kept.get(at);
  if (held) return held;
  // The exercise mark stands over the whole page; on each symbol it would only be noise.
  const plain = sidc.length === 20 ? `${sidc.slice(0, 2)}0${"5" === sidc[3] || "6" === sidc[3] ? "1" : sidc[3]}${sidc.slice(4)}` : "";
  const asked = make(plain, size), valid = plain !== "" && asked.isValid() === true;
  const drawn = valid ? asked : make(UNKNOWN, size);
  const scale = Math.max(1, window.devicePixelRatio || 1), { width, height } = drawn.getSize(), anchor = drawn.getAnchor();
  const it: Drawn = { image: drawn.asCanvas(scale), width, height, anchorX: anchor.x, anchorY: anchor.y, valid };
  kept.set(at, it);
  return it;
}

function make(sidc: string, size: number): InstanceType<typeof ms.Symbol> {
  const p = palette(), colour = p[kinOf(sidc)];
  const all = (c: string) => ({ Civilian: c, Friend: c, Hostile: c, Neutral: c, Unknown: c, Suspect: c });
  return new ms.Symbol(sidc, {
    size, infoFields: false, colorMode: all(p.panel), frameColor: all(colour), iconColor: all(colour), strokeWidth: 8, civilianColor: false,
    outlineColor: p.land, outlineWidth: 4,
  });
}
