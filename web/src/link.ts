// The way to the server: lists, decisions and the event stream. The token lives here and nowhere else.

import type { Happening } from "./fold";
import { object, text, type Json } from "./items";

/** An answer other than success; `detail` is the server's own sentence. */
export class Answer extends Error {
  constructor(readonly status: number, readonly detail: string) {
    super(detail);
  }
}

/** No whole answer came: the server is away, or took too long. */
export class NoAnswer extends Error {}

/** Nothing is waited for longer: a question that hangs would hold up all that are asked after it. */
const PATIENCE_MS = 60_000;

let token = "";

/** Take the token out of the address (`/#token=...`) and remove it from there at once. */
export function tokenFromAddress(): boolean {
  const found = /^#(?:.*&)?token=([^&]+)/.exec(location.hash)?.[1];
  if (!found) return false;
  token = decodeURIComponent(found);
  history.replaceState(null, "", location.pathname + location.search);
  return true;
}

/** Take a token; false when there is none in the words. */
export function signIn(words: string): boolean {
  token = words.trim();
  return token !== "";
}

const bearer = (more: Record<string, string> = {}): Record<string, string> => ({ Authorization: `Bearer ${token}`, ...more });

async function answered(reply: Response): Promise<Response> {
  if (reply.ok) return reply;
  const said = object(await reply.json().catch(() => ({})));
  throw new Answer(reply.status, text(said.detail) || text(said.title) || `the server answered ${reply.status}`);
}

async function ask<T>(path: string, given: RequestInit, read: (reply: Response) => Promise<T>): Promise<T> {
  try {
    return await read(await answered(await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS), ...given })));
  } catch (error) {
    throw error instanceof Answer ? error : new NoAnswer(String(error));
  }
}

const json = async (reply: Response): Promise<Json> => object(await reply.json());

export const get = (path: string): Promise<Json> => ask(path, { headers: bearer({ Accept: "application/json" }) }, json);

export const post = (path: string, body: Json): Promise<Json> =>
  ask(path, { method: "POST", headers: bearer({ "Content-Type": "application/json", Accept: "application/json" }), body: JSON.stringify(body) }, json);

/** The bytes of a sample. They are named by their content, so that what the browser holds of them is right. */
export const sample = (sha256: string): Promise<Blob> => ask(`blobs/${sha256}`, { headers: bearer(), cache: "default" }, (reply) => reply.blob());

/** All pages of a list, or those from `first` on; a list that the role may not see is empty. `page` is told of each page. */
export async function whole(path: string, page: (items: Json[]) => void = () => undefined, first = path): Promise<Json[]> {
  const all: Json[] = [];
  let next: string | null = first;
  try {
    while (next !== null) {
      const reply: Json = await get(next);
      const items = (Array.isArray(reply.items) ? reply.items : []).map(object);
      all.push(...items);
      page(items);
      next = nextPage(path, reply);
    }
  } catch (error) {
    if (!(error instanceof Answer) || ![403, 404].includes(error.status)) throw error;
  }
  return all;
}

function nextPage(path: string, reply: Json): string | null {
  const sep = path.includes("?") ? "&" : "?";
  if (typeof reply.next_after_seq === "number") return `${path}${sep}after_seq=${reply.next_after_seq}`;
  if (typeof reply.next === "string" && reply.next !== "") {
    return /[/?]/.test(reply.next) ? reply.next.replace(/^\//, "") : `${path}${sep}after=${encodeURIComponent(reply.next)}`;
  }
  return typeof reply.next === "number" ? `${path}${sep}after=${reply.next}` : null;
}

export interface Listener {
  happened(event: Happening): void;
  /** Anything came, also a comment: the link is alive. */
  heard(): void;
  /** The stream ended with a status that will not mend by itself (401, 403). */
  refused(status: number): void;
  /** The seq to resume after. */
  after(): number;
  /** The stream broke and is about to be opened again: whoever answers may be another. */
  before(): Promise<void>;
}

/** Listen for ever; comes back on its own after each break, without gap and without double. */
export async function listen(to: Listener): Promise<void> {
  for (let wait = 500; ; wait = Math.min(8000, wait * 2)) {
    try {
      await readStream(await openStream(to.after()), to, () => (wait = 500));
    } catch (error) {
      if (error instanceof Answer && [401, 403].includes(error.status)) return to.refused(error.status);
    }
    await new Promise((done) => setTimeout(done, wait));
    await to.before().catch(() => undefined);  // what is away is asked again
  }
}

/** Begin to read the stream. Its answer must begin in time; how long it goes on is another matter. */
async function openStream(after: number): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const giveUp = new AbortController(), timer = setTimeout(() => giveUp.abort(), SILENCE_MS);
  try {
    const reply = await answered(await fetch(`events?after_seq=${after}`, { headers: bearer({ Accept: "text/event-stream" }), cache: "no-store", signal: giveUp.signal }));
    return reply.body!.getReader();
  } finally {
    clearTimeout(timer);
  }
}

/** A stream silent for this long is given up; the server promises a comment line each 15 s. */
const SILENCE_MS = 20_000;

async function readStream(reader: ReadableStreamDefaultReader<Uint8Array>, to: Listener, alive: () => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    let timer = 0;
    const silence = new Promise<null>((done) => (timer = window.setTimeout(() => done(null), SILENCE_MS)));
    const piece = await Promise.race([reader.read(), silence]);
    window.clearTimeout(timer);
    if (piece === null) {
      void reader.cancel().catch(() => undefined);
      return;
    }
    if (piece.done) return;
    to.heard();
    alive();
    rest += decoder.decode(piece.value, { stream: true }).replaceAll("\r", "");
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      try {
        const event = parsed(block);
        if (event) to.happened(event);
      } catch (error) {
        reportError(error);  // one event that is not understood stops none that come after it
      }
    }
  }
}

function parsed(block: string): Happening | null {
  let kind = "message", id = "", data = "";
  for (const line of block.split("\n")) {
    const [, name, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
    if (name === "event") kind = value ?? "";
    else if (name === "id") id = value ?? "";
    else if (name === "data") data += (data ? "\n" : "") + (value ?? "");
  }
  if (data === "" || id === "" || !Number.isInteger(Number(id))) return null;
  return { kind, seq: Number(id), data: object(JSON.parse(data)) };
}
