// Times as words. All times inside the page are milliseconds since 1970 UTC; null means not known.

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

const two = (n: number): string => String(n).padStart(2, "0");

/** `03:12Z`. */
export function clock(ms: number): string {
  const at = new Date(ms);
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}Z`;
}

/** `23 Nov`, for times that are not of the same day. */
export function day(ms: number): string {
  return new Date(ms).toLocaleDateString("en-GB", { timeZone: "UTC", day: "numeric", month: "short" });
}

/** `03:12Z`, or `23 Nov 03:12Z` when it was another day than `nowMs`. */
export function clockNear(ms: number, nowMs: number): string {
  const sameDay = new Date(ms).toISOString().slice(0, 10) === new Date(nowMs).toISOString().slice(0, 10);
  return sameDay || Math.abs(ms - nowMs) < 12 * HOUR ? clock(ms) : `${day(ms)} ${clock(ms)}`;
}

/** `8 min`, `1 h 20 min`, `3 d 2 h`. */
export function span(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / MINUTE));
  if (minutes < 1) return "less than 1 min";
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

/** `12 min ago`, `now`. */
export function ago(ms: number): string {
  return ms < MINUTE ? "now" : `${span(ms)} ago`;
}

/** The mission's clock: what it said last, carried on by this machine's steady one. */
export class MissionClock {
  private readAt = performance.now();
  private saidMs = Date.now();
  private rate = 1;

  set(saidMs: number, rate: number): void {
    this.readAt = performance.now();
    this.saidMs = saidMs;
    this.rate = rate;
  }

  now(): number {
    return this.saidMs + (performance.now() - this.readAt) * this.rate;
  }

  /** How many times faster than life it runs; 1 in a live mission. */
  get pace(): number {
    return this.rate;
  }
}
