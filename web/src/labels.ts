// Words on the map that cover neither one another nor a symbol; the more urgent take their place first.

export interface Label {
  x: number; y: number; lines: { words: string; colour: string; bold?: boolean }[];
  /** Small takes its place first. */
  rank: number;
  /** Said instead when there is no room. */
  short?: string;
  /** Distance kept from the thing that is named. */
  clear?: number;
  spots?: Spot[];
}
export type Spot = "right" | "left" | "above" | "below" | "above-right" | "above-left" | "below-right" | "below-left" | "over";
type Box = [left: number, top: number, right: number, bottom: number];

const LINE = 18;
/** What waits and what was not observed is said even where there is no room. */
const MUST = 2;
const AROUND: Spot[] = ["right", "left", "below", "above", "below-right", "above-right", "below-left", "above-left"];

export class Labels {
  private readonly taken: Box[] = [];
  private readonly wanted: Label[] = [];

  constructor(private readonly ctx: CanvasRenderingContext2D, private readonly width: number, private readonly height: number, private readonly halo: string) {}

  /** Keep words away from here. */
  keep(x: number, y: number, radius: number): void {
    this.taken.push([x - radius, y - radius, x + radius, y + radius]);
  }

  keepBox(...box: Box): void {
    this.taken.push(box);
  }

  want(label: Label): void {
    this.wanted.push(label);
  }

  draw(): void {
    this.ctx.textBaseline = "alphabetic";
    this.ctx.lineJoin = "round";
    for (const label of this.wanted.sort((a, b) => a.rank - b.rank)) {
      if (this.place(label, false) || label.short === undefined) continue;
      const brief = { ...label, lines: [{ ...label.lines[0]!, words: label.short }] };
      if (!this.place(brief, false) && label.rank <= MUST) this.place(brief, true);
    }
  }

  private place(label: Label, force: boolean): boolean {
    const wide = Math.max(...label.lines.map((l) => this.measure(l.words, l.bold)));
    const tall = LINE * label.lines.length;
    for (const spot of label.spots ?? AROUND) {
      const box = force ? this.within(boxAt(label, spot, wide, tall)) : boxAt(label, spot, wide, tall);
      const outside = box[0] < 4 || box[1] < 2 || box[2] > this.width - 4 || box[3] > this.height - 4;
      if (!force && (outside || this.taken.some((t) => t[0] < box[2] && t[2] > box[0] && t[1] < box[3] && t[3] > box[1]))) continue;
      this.taken.push(box);
      this.write(label, box, spot);
      return true;
    }
    return false;
  }

  /** The same box, moved sideways into view: what must be said is said in whole words. */
  private within([left, top, right, bottom]: Box): Box {
    const move = Math.max(4 - left, Math.min(0, this.width - 4 - right));
    return [left + move, top, right + move, bottom];
  }

  private write(label: Label, box: Box, spot: Spot): void {
    const right = spot.includes("left"), middle = spot === "above" || spot === "below" || spot === "over";
    this.ctx.textAlign = right ? "right" : middle ? "center" : "left";
    const x = right ? box[2] : middle ? (box[0] + box[2]) / 2 : box[0];
    label.lines.forEach((line, i) => {
      this.ctx.font = font(line.bold);
      this.ctx.strokeStyle = this.halo;
      this.ctx.lineWidth = 5;
      this.ctx.strokeText(line.words, x, box[1] + 14 + i * LINE);
      this.ctx.fillStyle = line.colour;
      this.ctx.fillText(line.words, x, box[1] + 14 + i * LINE);
    });
  }

  private measure(words: string, bold?: boolean): number {
    this.ctx.font = font(bold);
    return this.ctx.measureText(words).width;
  }
}

export const font = (bold?: boolean, px = 14): string => `${bold ? 600 : 400} ${px}px "Noto Sans", system-ui, sans-serif`;

function boxAt(label: Label, spot: Spot, wide: number, tall: number): Box {
  const gap = label.clear ?? 8, { x, y } = label;
  const left = spot === "right" ? x + gap : spot === "left" ? x - gap - wide : spot.includes("right") ? x + gap * 0.6 : spot.includes("left") ? x - gap * 0.6 - wide : x - wide / 2;
  const top = spot.startsWith("above") ? y - gap - tall : spot.startsWith("below") ? y + gap : y - tall / 2;
  return [left, top, left + wide, top + tall];
}
