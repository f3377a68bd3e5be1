// Customers found, as cards: who, how to reach them, and why they were found.

import { h, highlighted, joined } from "./dom.js";
import { fieldLabel, inSentence, t, valueText } from "./labels.js";
import { wayText } from "./told.js";

const SNIPPETS = ["address", "notes", "last_ticket_subject"];

export function hitCard(hit, open) {
  const { customer, highlights, matched, unmatched } = hit;
  const main = customer.name || !customer.company ? "name" : "company";
  const shown = (field) => (highlights[field] ? highlighted(highlights[field][0]) : customer[field]);
  const title = h("button", { class: "hit-name", "data-id": hit.id }, shown(main) ?? t("noName"));
  const facts = [
    customer.kind === "company" ? h("span", { class: "tag kind" }, valueText("kind", "company")) : null,
    customer.gender && customer.gender !== "unknown" ? valueText("gender", customer.gender) : null,
    customer.age === undefined ? null : t("years", customer.age),
    customer.city,
  ];
  const contact = (field) =>
    (customer[field] ?? []).map((value) => h("span", { class: matched.includes(field) ? "found" : undefined }, valueText(field, value)));
  const tags = (customer.tags ?? []).map((tag) => h("span", { class: "tag" }, tag));
  const company = main === "name" && customer.company !== customer.name ? shown("company") : null;
  const work = [company && h("span", { class: "company" }, company), shown("job_title")];
  const snippets = SNIPPETS.filter((field) => highlights[field]).map((field) =>
    h("p", { class: "snippet" }, h("span", { class: "label" }, fieldLabel(field)), " ", highlighted(highlights[field][0])),
  );
  const reasons = (hit.explanation ?? []).map(wayText);
  const why = [
    reasons.length ? h("span", {}, joined(reasons)) : matched.length ? h("span", {}, `${t("matched")}: ${matched.map(fieldLabel).map(inSentence).join(", ")}`) : null,
    unmatched.length ? h("span", { class: "lacks" }, `${t("lacks")}: ${unmatched.join(", ")}`) : null,
  ];
  const card = h(
    "li",
    { class: "hit" },
    h("div", { class: "who" }, h("h2", {}, title), h("p", { class: "facts" }, joined(facts))),
    h("div", { class: "reach" }, contact("phones"), contact("emails")),
    h(
      "div",
      { class: "context" },
      work.some(Boolean) ? h("p", { class: "work" }, joined(work)) : null,
      tags.length ? h("p", { class: "tags" }, tags) : null,
    ),
    snippets,
    h("p", { class: "matched" }, why),
  );
  card.addEventListener("click", () => {
    // Selecting a number to copy it is not asking for the panel.
    if (String(getSelection()) !== "") return;
    title.focus({ preventScroll: true }); // where the keyboard is when the panel closes
    open(hit.id);
  });
  return card;
}

// What to know of hits that were not found as typed, and what would be.
export function stageNotice({ stage, corrections }, search) {
  const links = corrections.map((text) => h("button", { class: "link", onclick: () => search(text) }, text));
  return [h("span", {}, t(`stage:${stage}`)), links.length ? h("span", {}, `${t("didYouMean")} `, joined(links)) : ""];
}


export function emptyNotice(filtered, clear) {
  return h(
    "div",
    { class: "notice" },
    h("h2", {}, t("emptyTitle")),
    h("p", {}, t("emptyText")),
    filtered ? h("p", {}, t("emptyFilters")) : null,
    filtered ? h("button", { class: "primary", onclick: clear }, t("clearFilters")) : null,
  );
}
