// Building and renewing pieces of the page without losing the person's place in them.

type Child = Node | string | null | undefined | false;
type Given = Record<string, string | boolean | number | undefined | null>;

/** Make an element: `make("button", {"data-open": id, disabled: true}, "words")`. */
export function make<K extends keyof HTMLElementTagNameMap>(tag: K, given: Given = {}, ...children: (Child | Child[])[]): HTMLElementTagNameMap[K] {
  const it = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    it.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) if (child !== null && child !== undefined && child !== false) it.append(child);
  return it;
}

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const it = document.getElementById(id);
  if (!it) throw new Error(`the page has no #${id}`);
  return it as T;
}

const signatures = new WeakMap<Element, string>();

/**
 * Renew a region only when what it shows has changed, keeping scroll, focus and typed words.
 * Focus returns to the element with the same `data-at`. Answers whether it was renewed.
 */
export function renew(region: HTMLElement, signature: string, build: () => Child[]): boolean {
  if (signatures.get(region) === signature) return false;
  signatures.set(region, signature);
  const held = document.activeElement instanceof HTMLElement && region.contains(document.activeElement) ? document.activeElement : null;
  const at = held?.dataset.at, scroll = region.scrollTop;
  const caret = held instanceof HTMLTextAreaElement || (held instanceof HTMLInputElement && held.type === "text") ? held.selectionStart : null;
  region.replaceChildren(...build().filter((c): c is Node | string => c !== null && c !== undefined && c !== false));
  region.scrollTop = scroll;
  if (!held) return true;
  const again = at === undefined ? null : region.querySelector<HTMLElement>(`[data-at="${CSS.escape(at)}"]`);
  (again ?? region).focus({ preventScroll: true });
  if (caret !== null && (again instanceof HTMLTextAreaElement || again instanceof HTMLInputElement)) again.setSelectionRange(caret, caret);
  return true;
}

export const key = (words: string): HTMLElement => make("kbd", {}, words);
export const small = (...words: Child[]): HTMLElement => make("p", { class: "small" }, words);
