// Saved and recent searches, in this browser alone and for the key that is signed in: what was typed may be somebody's name.

import { app } from "./app.js";
import { askIn, h, labelled } from "./dom.js";
import { t } from "./labels.js";
import { chipText } from "./facets.js";

const MOST_RECENT = 8;
const place = (kind) => `crmsearch.${kind}.${app.session?.prefix ?? ""}`;

function load(kind) {
  try {
    return JSON.parse(localStorage.getItem(place(kind))) ?? [];
  } catch {
    return [];
  }
}

const keep = (kind, entries) => localStorage.setItem(place(kind), JSON.stringify(entries));

export function noteRecent(q) {
  const text = q.trim();
  if (text) keep("recent", [text, ...load("recent").filter((each) => each !== text)].slice(0, MOST_RECENT));
}

export const forgetRecent = () => localStorage.removeItem(place("recent"));

export async function saveSearch({ q, filters, sort }) {
  const proposed = [q.trim(), ...filters.map(chipText)].filter(Boolean).join(" · ");
  const given = await askIn(t("saveSearch"), [labelled(t("savedName"), h("input", { name: "name", required: true, maxlength: 80, value: proposed.slice(0, 80) }))], t("save"));
  if (given) keep("saved", [...load("saved").filter((each) => each.name !== given.name), { name: given.name, q, filters, sort }]);
  return given !== null;
}

// The list; `open` gets what a search is made of.
export function savedList(current, open, again) {
  const saved = load("saved");
  const recent = load("recent");
  const row = (text, go, forget) =>
    h("li", {}, h("button", { class: "link", onclick: go }, text), h("button", { class: "quiet small", "aria-label": t("forget", text), onclick: forget }, "×"));
  const change = (kind, entries) => {
    keep(kind, entries);
    again();
  };
  return [
    saved.length
      ? h("ul", {}, saved.map((each) => row(each.name, () => open(each), () => change("saved", saved.filter((other) => other !== each)))))
      : h("p", { class: "note" }, t("savedNone")),
    h("button", { class: "link", onclick: async () => (await saveSearch(current())) && again() }, t("saveSearch")),
    recent.length ? h("h3", {}, t("recent")) : null,
    recent.length
      ? h("ul", {}, recent.map((q) => row(q, () => open({ q, filters: [], sort: "" }), () => change("recent", recent.filter((other) => other !== q)))))
      : null,
    h("p", { class: "note" }, t("savedNote")),
  ].filter(Boolean);
}
