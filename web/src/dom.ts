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
  it.append(...children.flat().filter(isThere));
  return it;
}

const isThere = (c: Child): c is Node | string => c !== null && c !== undefined && c !== false;

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const it = document.getElementById(id);
  if (!it) throw new Error(`the page has no #${id}`);
  return it as T;
}

const signatures = new WeakMap<Node, string>();

/**
 * Renew a region only when what it shows has changed. An element that is still wanted is changed, not replaced: so a
 * press that began on it ends on it, and focus, caret and scroll stay. Answers whether it was renewed.
 */
export function renew(region: HTMLElement, signature: string, build: () => Child[]): boolean {
  if (signatures.get(region) === signature) return false;
  signatures.set(region, signature);
  const held = document.activeElement instanceof HTMLElement && region.contains(document.activeElement) ? document.activeElement : null;
  const at = held?.dataset.at ?? "";
  fill(region, build().filter(isThere));
  if (held === null || held === document.activeElement) return true;
  const again = held.isConnected ? held : region.querySelector<HTMLElement>(`[data-at="${CSS.escape(at)}"]`);
  (again ?? region).focus({ preventScroll: true });
  return true;
}

/** Give an element these children; those that are alike stay the same nodes. */
function fill(parent: Node, wanted: (Node | string)[]): void {
  const old = [...parent.childNodes];
  const nodes = wanted.map((w): ChildNode => {
    const fresh = typeof w === "string" ? document.createTextNode(w) : (w as ChildNode), i = old.findIndex((o) => alike(o, fresh));
    if (i < 0) return fresh;
    const [kept] = old.splice(i, 1);
    become(kept!, fresh);
    return kept!;
  });
  for (const gone of old) gone.remove();
  let at = parent.firstChild;
  for (const node of nodes) {
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
}

/** What has a name is only ever itself; a canvas holds a drawing that cannot be carried over. */
function alike(a: Node, b: Node): boolean {
  return a.nodeName === b.nodeName && a.nodeName !== "CANVAS" && nameOf(a) === nameOf(b);
}

/** The name of an element or of the only one in it. */
function nameOf(it: Node): string {
  if (!(it instanceof HTMLElement)) return "";
  const only = it.childElementCount === 1 ? it.firstElementChild : null;
  return `${it.id} ${it.dataset.at ?? (only instanceof HTMLElement ? only.dataset.at : undefined) ?? ""}`;
}

function become(kept: Node, fresh: Node): void {
  signatures.delete(kept);
  if (!(kept instanceof HTMLElement && fresh instanceof HTMLElement)) {
    if (kept.nodeValue !== fresh.nodeValue) kept.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...kept.attributes]) if (!fresh.hasAttribute(name)) kept.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (kept.getAttribute(name) !== value) kept.setAttribute(name, value);
  const typed = valueOf(fresh);
  fill(kept, [...fresh.childNodes]);
  if (typed === null || valueOf(kept) === typed) return;
  // Half a number is being typed: "" is 0, and "03" is 3.
  const half = kept instanceof HTMLInputElement && kept.type === "number" && kept === document.activeElement && Number(kept.value) === Number(typed);
  if (!half) (kept as HTMLInputElement).value = typed;
}

const valueOf = (it: HTMLElement): string | null =>
  it instanceof HTMLInputElement || it instanceof HTMLTextAreaElement || it instanceof HTMLSelectElement ? it.value : null;

export const key = (words: string): HTMLElement => make("kbd", {}, words);
export const small = (...words: Child[]): HTMLElement => make("p", { class: "small" }, words);
