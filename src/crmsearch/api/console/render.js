// From answers to DOM nodes. Text only ever enters the page as text nodes, so nothing in a customer's data can become markup.

import { fieldLabel, number, t, valueText } from "./labels.js";

const FEW = 8; // values of a facet shown before the reader asks for all
const SNIPPETS = ["address", "notes", "last_ticket_subject"];

export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  if (tag === "button") node.type = "button";
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
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

// Hits

export function hitCard(hit, open) {
  const { customer, highlights, matched, unmatched } = hit;
  const main = customer.name || !customer.company ? "name" : "company";
  const shown = (field) => (highlights[field] ? highlighted(highlights[field][0]) : customer[field]);
  const title = h("button", { class: "hit-name" }, shown(main) ?? t("noName"));
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
  const fields = matched.map((field) => fieldLabel(field).toLowerCase());
  const why = [
    fields.length ? h("span", {}, `${t("matched")}: ${fields.join(", ")}`) : null,
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

function joined(parts) {
  return parts.filter(Boolean).flatMap((part, at) => (at ? [" ", h("span", { class: "dot", "aria-hidden": "true" }, "·"), " ", part] : [part]));
}

// What to know of hits that were not found as typed, and what would be.
export function stageNotice({ stage, corrections }, search) {
  const links = corrections.map((text) => h("button", { class: "link", onclick: () => search(text) }, text));
  return [h("span", {}, t(`stage:${stage}`)), links.length ? h("span", {}, `${t("didYouMean")} `, joined(links)) : ""];
}

// Facets

export function facetBlock(facet, expanded, { toggle, expand }) {
  const whole = expanded || facet.buckets.length <= FEW + 2;
  const buckets = whole ? facet.buckets : facet.buckets.filter((bucket, at) => at < FEW || bucket.selected);
  const most = Math.max(1, ...facet.buckets.map((bucket) => bucket.count));
  const rows = buckets.map((bucket) => {
    const box = h("input", { type: "checkbox", checked: bucket.selected, "data-field": facet.field, "data-value": String(bucket.value) });
    box.addEventListener("change", () => toggle(facet.field, bucket.value, box.checked));
    const text = valueText(facet.field, bucket.value);
    const row = h("label", {}, box, h("span", { class: "value" }, text), h("span", { class: "n" }, number(bucket.count)));
    row.style.setProperty("--share", `${(100 * bucket.count) / most}%`);
    return h("li", {}, row);
  });
  const notes = [
    facet.other_count > 0 ? t("other", number(facet.other_count)) : null,
    facet.missing_count > 0 ? t("lacking", number(facet.missing_count), fieldLabel(facet.field)) : null,
    facet.error_bound > 0 ? t("inexact", number(facet.error_bound)) : null,
  ].filter(Boolean);
  const few = facet.buckets.length <= FEW + 2;
  const more = few
    ? null
    : h(
        "button",
        { class: "link", "aria-expanded": String(expanded), "data-field": facet.field, onclick: () => expand(facet.field) },
        expanded ? t("showFewer") : t("showAll", number(facet.buckets.length)),
      );
  return h(
    "fieldset",
    { class: "facet", "data-facet": facet.field },
    h("legend", {}, fieldLabel(facet.field)),
    h("ul", {}, rows),
    more,
    notes.length ? h("p", { class: "note" }, notes.join(" · ")) : null,
  );
}

// Chips

const SIGNS = { gte: "≥", gt: ">", lte: "≤", lt: "<" };

export function chipText(filter) {
  const { segment, not_segment: others, in: among, not_in: without, exists, gte, lte } = filter;
  const value = (each) => valueText(filter.field, each);
  const name = filter.field === undefined ? t("segment") : fieldLabel(filter.field);
  const bounds = Object.keys(SIGNS).filter((bound) => filter[bound] !== undefined);
  const said = () => {
    if (filter.field === undefined) return segment ?? t("not", others);
    if (exists !== undefined) return t(exists ? "given" : "blank");
    if (among) return among.map(value).join(", ");
    if (without) return t("not", without.map(value).join(", "));
    if (gte !== undefined && lte !== undefined) return `${value(gte)} – ${value(lte)}`;
    return bounds.map((bound) => `${SIGNS[bound]} ${value(filter[bound])}`).join(", ");
  };
  return `${name}: ${said()}`;
}

export function chip(text, remove) {
  const cross = h("span", { class: "cross", "aria-hidden": "true" }, "×");
  return h("li", {}, h("button", { class: "chip", "aria-label": t("remove", text), onclick: remove }, text, cross));
}

// Messages

export function problemNotice(problem, retry) {
  const unreachable = problem.code === "unreachable";
  const refused = problem.status === 400; // what was asked is at fault: neither asking again nor an administrator would help
  return h(
    "div",
    { class: "notice problem", role: "alert" },
    h("h2", {}, unreachable ? t("unreachable") : (problem.title ?? t("problem"))),
    h("p", {}, unreachable ? t("unreachableText") : problem.detail),
    problem.requestId && !refused ? h("p", { class: "note" }, `${t("requestId")} `, h("code", {}, problem.requestId), ` · ${t("adminHint")}`) : null,
    refused ? null : h("button", { class: "primary", onclick: retry }, t("retry")),
  );
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

export function keyNotice(wrong, accept) {
  const input = h("input", { type: "password", id: "key", required: true, autocomplete: "off", spellcheck: "false", "aria-describedby": "key-help" });
  return h(
    "form",
    {
      class: "notice",
      onsubmit: (event) => {
        event.preventDefault();
        accept(input.value);
      },
    },
    h("h2", {}, t("keyTitle")),
    h("p", { id: "key-help" }, t("keyText")),
    wrong ? h("p", { class: "field-problem", role: "alert" }, t("keyWrong")) : null,
    h("label", { for: "key" }, t("keyLabel")),
    h("div", { class: "range" }, input, h("button", { type: "submit", class: "primary" }, t("keyGo"))),
  );
}

// One customer, whole

export function detailPanel(customer, fields, close) {
  const groups = new Map();
  for (const field of fields) groups.set(field.group, [...(groups.get(field.group) ?? []), field]);
  const blank = (field) => customer[field.name] === undefined || customer[field.name] === null || customer[field.name].length === 0;
  const sections = [...groups].map(([group, members]) => {
    const rows = members.filter((field) => !blank(field)).map((field) => [
      h("dt", {}, fieldLabel(field.name)),
      h("dd", {}, detailValue(field, customer[field.name])),
    ]);
    return rows.length ? h("section", {}, h("h3", {}, t(`group:${group}`)), h("dl", {}, rows)) : null;
  });
  const missing = fields.filter(blank).map((field) => fieldLabel(field.name));
  return [
    h(
      "header",
      {},
      h("div", {}, h("h2", { id: "detail-name" }, customer.name ?? customer.company ?? t("noName")), h("p", { class: "note" }, customer.customer_id)),
      h("button", { class: "quiet", "aria-label": t("close"), onclick: close }, "×"),
    ),
    h(
      "div",
      { class: "detail-body", tabindex: "0", role: "group", "aria-labelledby": "detail-name" },
      sections,
      missing.length ? h("section", { class: "note" }, h("h3", {}, t("notKnown")), h("p", {}, missing.join(" · "))) : null,
    ),
  ];
}

function detailValue(field, value) {
  if (field.name === "national_id") return concealed(value);
  const values = Array.isArray(value) ? value : [value];
  if (values.length === 1) return detailItem(field, values[0]);
  return h("ul", {}, values.map((each) => h("li", {}, detailItem(field, each))));
}

function detailItem(field, value) {
  const text = valueText(field.name, value);
  if (field.name === "phones") return h("a", { href: `tel:${value}` }, text);
  if (field.name === "emails") return h("a", { href: `mailto:${encodeURIComponent(value).replace("%40", "@")}` }, text);
  if (field.name === "tags") return h("span", { class: "tag" }, text);
  return ["customer_id", "source_records", "run_id"].includes(field.name) ? h("code", {}, text) : text;
}

// On a screen in an open office an identity number is shown only when asked for.
function concealed(value) {
  const place = h("span", {}, "•••••• ");
  place.append(h("button", { class: "link", onclick: () => place.replaceChildren(h("code", {}, value)) }, t("reveal")));
  return place;
}

// Statistics of age in groups

export function statsTable(answer, by) {
  const rows = [{ label: t("all"), figures: answer.fields.age, whole: true }];
  for (const group of answer.groups) rows.push({ label: valueText(by, group.value), figures: group.fields.age });
  const quality = rows.every((row) => row.figures.exact.median) ? "exact" : "approximate";
  const heads = [
    ...[fieldLabel(by), "n", t("mean"), t("median")],
    h("abbr", { title: t("varianceTitle") }, "s²"),
    h("abbr", { title: t("deviationTitle") }, "s"),
  ];
  const notes = [
    answer.fields.age.missing ? t("lacking", number(answer.fields.age.missing), fieldLabel("age")) : null,
    answer.missing_count ? t("lacking", number(answer.missing_count), fieldLabel(by)) : null,
    answer.other_count ? t("otherGroups", number(answer.other_count)) : null,
  ].filter(Boolean);
  return [
    h("p", { class: "note" }, h("span", { class: `tag ${quality}` }, t(quality)), " ", t(`${quality}Text`)),
    h(
      "div",
      { class: "table" },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
        rows.map(statsRow),
      ),
    ),
    h("p", { class: "note" }, notes.join(" · ")),
  ];
}

function statsRow({ label, figures, whole }) {
  const figure = (value, digits = 1) => (value === null ? "–" : number(value, digits));
  const cells = [
    number(figures.n),
    figure(figures.mean),
    `${figures.exact.median || figures.median === null ? "" : "≈ "}${figure(figures.median)}`,
    figure(figures.variance),
    figure(figures.std_deviation),
  ];
  return h(
    "tbody",
    { class: whole ? "whole" : undefined },
    h("tr", {}, h("th", { scope: "row" }, label), cells.map((cell) => h("td", {}, cell))),
  );
}

// A chart as the API draws it, and its figures in words. It comes parsed, as the nodes of an XML document, and no markup of it is run.

export function chartFigure(text) {
  const svg = document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
  const [title, words] = ["title", "desc"].map((name) => svg.querySelector(name).textContent);
  return [
    h("div", { class: "chart", tabindex: "0", role: "group", "aria-label": title }, svg),
    h("details", { class: "note" }, h("summary", {}, t("inWords")), h("p", {}, words)),
  ];
}
