// Building blocks of all pages. Text only ever enters the page as text nodes, so nothing in a customer's data can become markup.

import { isChinese, number, t } from "./labels.js";
import { problemText } from "./told.js";

export const $ = (id) => document.getElementById(id);

export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  if (tag === "button") node.type = "button";
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false || value === null) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== "" && child !== false));
  return node;
}

// A highlight of the API: escaped text in which <mark> is the only markup.
export function highlighted(text) {
  return text.split(/(<mark>[^]*?<\/mark>)/).filter(Boolean).map((part) => {
    const inner = /^<mark>([^]*)<\/mark>$/.exec(part);
    return inner ? h("mark", {}, unescaped(inner[1])) : unescaped(part);
  });
}

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescaped(text) {
  return text.replace(/&(?:#x([0-9a-f]{1,5})|#(\d{1,6})|(\w{2,4}));/gi, (entity, hex, decimal, name) => {
    if (name) return ENTITIES[name] ?? entity;
    return String.fromCodePoint(hex ? parseInt(hex, 16) : Number(decimal));
  });
}

export function joined(parts) {
  return parts.filter(Boolean).flatMap((part, at) => (at ? [" ", h("span", { class: "dot", "aria-hidden": "true" }, "·"), " ", part] : [part]));
}

export function chip(text, remove) {
  const cross = h("span", { class: "cross", "aria-hidden": "true" }, "×");
  return h("li", {}, h("button", { class: "chip", "aria-label": t("remove", text), onclick: remove }, text, cross));
}

export function problemNotice(problem, retry) {
  const { title, text, original } = problemText(problem);
  const refused = [400, 403, 404].includes(problem.status); // what was asked is at fault: neither asking again nor an administrator would help
  return h(
    "div",
    { class: "notice problem", role: "alert" },
    h("h2", {}, title),
    h("p", {}, text),
    original ? asTold(original) : null,
    problem.requestId && !refused ? h("p", { class: "note" }, `${t("requestId")} `, h("code", {}, problem.requestId), ` · ${t("adminHint")}`) : null,
    refused || !retry ? null : h("button", { class: "primary", onclick: retry }, t("retry")),
  );
}

// A sentence of the service, of which there is no Chinese one: folded in there, and marked as the English that it is.
export function asTold(text) {
  return isChinese() ? h("details", { class: "note" }, h("summary", {}, t("original")), h("p", { lang: "en" }, text)) : text;
}

// A table whose cells are text or nodes; columns are [heading, whether it holds numbers].
export function table(caption, columns, rows) {
  // Where there is no room for columns, each row stands as a block, and its cells name their columns themselves.
  const cells = (row) =>
    row.map((cell, at) => {
      const [name, isNumber] = columns[at];
      return at ? h("td", { class: isNumber ? "num" : undefined, "data-column": name || undefined }, cell) : h("th", { scope: "row" }, cell);
    });
  return h(
    "div",
    { class: "table", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, columns.map(([name, isNumber]) => h("th", { scope: "col", class: isNumber ? "num" : undefined }, name)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, cells(row)))),
    ),
  );
}

// A share as a bar behind its number.
export function meter(share, text) {
  const node = h("span", { class: "meter" }, h("span", { class: "fill", "aria-hidden": "true" }), h("span", {}, text ?? `${number(100 * share, 1)} %`));
  node.style.setProperty("--share", `${Math.min(100, 100 * share)}%`);
  return node;
}

export function labelled(text, control) {
  return h("label", { class: "field" }, h("span", {}, text), control);
}

export function select(values, word, value, change) {
  const node = h("select", { onchange: () => change(node.value) }, values.map((each) => new Option(word(each), each, false, each === value)));
  return node;
}

export function copyButton(text, what) {
  const button = h("button", { class: "link", "aria-label": t("copyOf", what) }, t("copy"));
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = t("copied");
    setTimeout(() => (button.textContent = t("copy")), 2000);
  });
  return button;
}

const filling = new WeakMap(); // place -> what was asked last for it, whose answer may come before an earlier one

// Asks, and puts what comes into its place; a problem takes that place with a way to try again.
export async function fill(place, ask, show) {
  const mine = {};
  filling.set(place, mine);
  place.setAttribute("aria-busy", "true");
  try {
    const nodes = [await show(await ask())].flat(Infinity).filter(Boolean);
    if (filling.get(place) === mine) place.replaceChildren(...nodes);
  } catch (error) {
    if (error.name === "AbortError" || filling.get(place) !== mine) return;
    if (!("status" in error)) console.error(error);
    place.replaceChildren(problemNotice(error, () => fill(place, ask, show)));
  } finally {
    if (filling.get(place) === mine) place.setAttribute("aria-busy", "false");
  }
}

// A dialog with a form; resolves to the form's values, or to null when it was given up.
export function askIn(title, parts, go, { danger = false } = {}) {
  const dialog = $("dialog");
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "dialog-title" }, title),
    parts,
    h(
      "div",
      { class: "actions" },
      go ? h("button", { type: "submit", class: danger ? "primary danger" : "primary", value: "go" }, go) : null,
      h("button", { class: "quiet", onclick: () => dialog.close() }, t(go ? "cancel" : "close")),
    ),
  );
  dialog.returnValue = "";
  dialog.replaceChildren(form);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "go" ? Object.fromEntries(new FormData(form)) : null), { once: true });
  });
}

// Acts at once, and then no more often than every `gap` milliseconds; the last call is never lost.
export function paced(action, gap) {
  let timer = 0;
  let acted = -gap;
  const act = () => {
    clearTimeout(timer);
    acted = performance.now();
    action();
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(act, Math.max(0, acted + gap - performance.now()));
  };
  soon.now = act;
  return soon;
}

export function delayed(action, pause) {
  let timer = 0;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(action, pause);
  };
  soon.now = () => {
    clearTimeout(timer);
    action();
  };
  return soon;
}
