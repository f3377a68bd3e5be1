// Facets: values to tick, and ranges with a histogram over which they can be drawn.

import { chip, delayed, h } from "./dom.js";
import { fieldLabel, inSentence, number, t, valueText } from "./labels.js";
import { rangeEnds, setRange } from "./state.js";

const FEW = 8; // values of a facet shown before the reader asks for all
const TYPING_MS = 400;

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
    facet.missing_count > 0 ? t("lacking", number(facet.missing_count), inSentence(fieldLabel(facet.field))) : null,
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

// A range: bars that are drawn over with the pointer, and two boxes for the keyboard. It stays in the page while its bars change.
export function rangeFacet(field, changed) {
  const isWhole = field.type === "integer";
  const isDate = field.type === "date";
  const problem = h("p", { class: "field-problem", role: "alert", id: `${field.name}-problem` });
  const bars = h("div", { class: "bars" });
  const inputs = [0, 1].map(() => h("input", isDate ? { type: "date" } : { type: "number", inputmode: "decimal", step: isWhole ? 1 : "any" }));
  for (const input of inputs) input.setAttribute("aria-describedby", problem.id);
  const legend = h("legend", {});
  const note = h("p", { class: "note" });
  const node = h("fieldset", { class: "facet range-facet", "data-range": field.name }, legend, bars, h("div", { class: "range" }, inputs[0], h("span", { "aria-hidden": "true" }, "–"), inputs[1]), problem, note);
  let buckets = [];
  let typed = false; // what is being typed has its entry in the history, where the next step takes its place

  const read = (input) => (input.value === "" ? undefined : isDate ? input.value : Number(input.value));
  const apply = () => {
    const [gte, lte] = inputs.map(read);
    const bad = inputs.filter((input) => !input.validity.valid);
    const crossed = gte !== undefined && lte !== undefined && gte > lte;
    for (const input of inputs) input.setAttribute("aria-invalid", String(bad.includes(input) || crossed));
    problem.textContent = bad.length ? t("rangeWrong") : crossed ? t("rangeOrder") : "";
    if (bad.length || crossed) return;
    const before = rangeEnds(field.name, isWhole);
    if (before.from === gte && before.to === lte) return;
    setRange(field.name, { gte, lte });
    changed(typed);
    typed = true;
  };
  const soon = delayed(apply, TYPING_MS);
  inputs.forEach((input) => input.addEventListener("input", soon));
  node.addEventListener("change", () => soon.now());
  node.addEventListener("focusin", (event) => {
    if (!node.contains(event.relatedTarget)) typed = false;
  });

  let from = null;
  const at = (event) => {
    const { left, width } = bars.getBoundingClientRect();
    return Math.max(0, Math.min(buckets.length - 1, Math.floor((buckets.length * (event.clientX - left)) / width)));
  };
  const mark = (low, high) => [...bars.children].forEach((bar, index) => bar.classList.toggle("drawn", index >= low && index <= high));
  bars.addEventListener("pointerdown", (event) => {
    if (!buckets.length) return;
    from = at(event);
    bars.setPointerCapture(event.pointerId);
    mark(from, from);
    event.preventDefault();
  });
  bars.addEventListener("pointermove", (event) => from !== null && mark(Math.min(from, at(event)), Math.max(from, at(event))));
  bars.addEventListener("pointercancel", () => {
    from = null;
    mark(1, 0);
  });
  bars.addEventListener("pointerup", (event) => {
    if (from === null) return;
    const [low, high] = [Math.min(from, at(event)), Math.max(from, at(event))];
    from = null;
    const [first, last] = [buckets[low], buckets[high]];
    setRange(field.name, { gte: first.gte ?? undefined, lt: last.lt ?? undefined });
    changed(false);
  });

  const showEnds = () => {
    const { from: low, to: high } = rangeEnds(field.name, isWhole);
    for (const [input, value] of [[inputs[0], low], [inputs[1], high]]) {
      const fits = !isDate || /^\d{4}-\d\d-\d\d$/.test(value); // a box for days takes neither moments nor "now-90d"
      if (document.activeElement !== input) input.value = fits ? (value ?? "") : "";
      input.setAttribute("aria-invalid", "false");
    }
    problem.textContent = "";
  };
  const showWords = () => {
    const name = fieldLabel(field.name);
    legend.textContent = name;
    inputs[0].ariaLabel = t("rangeFrom", name);
    inputs[1].ariaLabel = t("rangeTo", name);
    if (!isDate) [inputs[0].placeholder, inputs[1].placeholder] = [t("from"), t("to")];
    bars.title = t("rangeOf", name);
  };
  const showBars = (facet) => {
    buckets = facet?.buckets ?? [];
    const most = Math.max(1, ...buckets.map((bucket) => bucket.count));
    bars.replaceChildren(
      ...buckets.map((bucket) => {
        const bar = h("span", { class: bucket.selected ? "bar-of selected" : "bar-of" });
        bar.style.setProperty("--height", `${Math.max(bucket.count ? 4 : 0, (100 * bucket.count) / most)}%`);
        return bar;
      }),
    );
    bars.hidden = buckets.length === 0;
    note.textContent = facet?.missing_count ? t("lacking", number(facet.missing_count), inSentence(fieldLabel(field.name))) : "";
  };
  showWords();
  return { node, showEnds, showWords, showBars };
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

// One chip for every value of every filter, and one that clears them all.
export function filterChips(filters, drop, clear, typed = null) {
  const ofText = typed ? [chip(`“${typed.text}”`, typed.drop)] : [];
  const ofFilters = filters.flatMap((filter) =>
    (filter.in ?? filter.not_in ?? [undefined]).map((value) => {
      const one = value === undefined ? filter : { field: filter.field, [filter.in ? "in" : "not_in"]: [value] };
      return chip(chipText(one), () => drop(filter, value));
    }),
  );
  const chips = [...ofText, ...ofFilters];
  const all = chips.length > 1 ? [h("li", {}, h("button", { class: "link", onclick: clear }, t("clearAll")))] : [];
  return { count: chips.length, nodes: [...chips, ...all] };
}
