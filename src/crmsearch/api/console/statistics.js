// Figures of the customers that the filters leave: which field, by what, as which chart; each marked exact or with its bound.

import { draw, post } from "./api.js";
import { app, facetFields, statisticFields } from "./app.js";
import { fill, h, labelled, select, table } from "./dom.js";
import { filterChips } from "./facets.js";
import { fieldLabel, isChinese, number, t, valueText } from "./labels.js";
import { dropFilter, parseFilter, state, writeFragment } from "./state.js";

const GROUPS = 12;
const DAY_MS = 86_400_000;
const SHOWN = ["n", "missing", "mean", "median", "variance", "std_deviation", "min", "max"];
// The charts that fit numbers and categories: alone, by one field, by two.
const CHARTS = { number: [["histogram", "box", "line"], ["bars", "box", "line"], ["heatmap", "bars"]], category: [["bars"], ["heatmap", "bars"]] };

let asked = null;

export function show(place) {
  const more = state.more;
  const field = app.fields.get(more.field) ?? app.fields.get("age");
  const kind = field.statistic ? "number" : "category";
  const by = [more.by, kind === "number" && more.by ? more.by2 : ""].filter((name) => name && app.fields.get(name)?.facet && name !== field.name);
  const charts = CHARTS[kind][by.length];
  const chart = charts.includes(more.chart) ? more.chart : charts[0];
  const change = (parts) => {
    writeFragment(true, { field: field.name, by: by[0] ?? "", by2: by[1] ?? "", chart, ...parts });
    show(place);
  };
  const drawn = [...new Set([...statisticFields(), ...facetFields()])];
  const groups = ["", ...facetFields().map(({ name }) => name).filter((name) => name !== field.name)];
  const named = (name) => (name ? fieldLabel(name) : t("noGroups"));
  const choices = h(
    "div",
    { class: "choices" },
    labelled(t("field"), select(drawn.map(({ name }) => name), fieldLabel, field.name, (value) => change({ field: value }))),
    labelled(t("groupBy"), select(groups, named, by[0] ?? "", (value) => change({ by: value }))),
    kind === "number" && by[0] ? labelled(t("byTwo"), select(groups.filter((name) => name !== by[0]), named, by[1] ?? "", (value) => change({ by2: value }))) : null,
    labelled(t("chart"), select(charts, (name) => t(`chart:${name}`), chart, (value) => change({ chart: value }))),
  );
  const figures = h("div", { class: "card wide" });
  const picture = h("div", { class: "card wide", id: "figures-body" });
  place.replaceChildren(h("h2", { tabindex: "-1" }, t("page:statistics")), filterBar(() => show(place)), choices, picture, figures);

  asked?.abort();
  const { signal } = (asked = new AbortController());
  const body = { fields: [field.name], q: state.q, filters: state.filters, size: GROUPS, ...(by.length && { by: by.length > 1 ? by : by[0] }) };
  const answer = post("stats", body, { signal });
  fill(figures, () => answer, (found) => figureTable(field, by, found));
  import("./charts.js").then(({ showChart }) =>
    showChart(
      picture,
      `${field.name}${by.map((name) => `-by-${name}`).join("")}`,
      () => draw("POST", `stats?${new URLSearchParams({ chart, lang: isChinese() ? "zh" : "en" })}`, body, signal),
      async () => csvRows(field, by, await answer),
    ),
  );
}

// The filters in force, which the page of customers shares; without it a filter is added here, in the form that links have too.
export function filterBar(changed) {
  const drop = (filter, value) => {
    dropFilter(filter, value);
    writeFragment(false);
    changed();
  };
  const forget = () => {
    document.querySelector("#q").value = state.q = "";
    changed();
  };
  const clear = () => {
    state.filters = [];
    writeFragment(false);
    forget();
  };
  // What was typed narrows the customers too.
  const typed = state.q.trim() ? { text: state.q.trim(), drop: forget } : null;
  const { count, nodes } = filterChips(state.filters, drop, clear, typed);
  const fields = [...app.fields.values()].filter((field) => field.facet || field.ranged);
  const name = select(fields.map((field) => field.name), fieldLabel, "city", () => {});
  const value = h("input", { required: true, "aria-label": t("value"), placeholder: "北京|上海 · 20..39" });
  const add = h(
    "form",
    {
      class: "choices",
      onsubmit: (event) => {
        event.preventDefault();
        state.filters.push(parseFilter(`${name.value}:${value.value.trim()}`, app.fields));
        writeFragment(false);
        changed();
      },
    },
    labelled(t("addFilter"), name),
    value,
    h("button", { type: "submit", class: "quiet" }, t("add")),
  );
  return h("div", { class: "filter-bar" }, count ? h("ul", { class: "chips", "aria-label": t("activeFilters") }, nodes) : h("p", { class: "note" }, t("noFilters")), add);
}

function figureTable(field, by, answer) {
  const whole = answer.fields[field.name];
  if (!field.statistic) {
    const rows = (whole.values ?? []).map(({ value, count, share }) => [valueText(field.name, value), number(count), share === null || share === undefined ? "–" : `${number(100 * share, 1)} %`]);
    return [population(answer), table(fieldLabel(field.name), [[t("value")], ["n", true], ["%", true]], rows)];
  }
  const rows = [[t("all"), whole], ...groupRows(answer).map(([values, group]) => [values.map((value, at) => valueText(by[at], value)).join(" · "), group.fields[field.name]])];
  const heads = [[by.length ? by.map(fieldLabel).join(" · ") : fieldLabel(field.name)], ...SHOWN.map((name) => [t("figureNames")[name], true])];
  const cells = rows.map(([label, figures]) => [label, ...SHOWN.map((name) => figure(field, name, figures))]);
  const isExact = rows.every(([, figures]) => Object.values(figures.exact ?? {}).every((each) => each !== false));
  return [
    h("p", { class: "note" }, h("span", { class: `tag ${isExact ? "exact" : "approximate"}` }, t(isExact ? "exact" : "approximate")), " ", t("population", number(answer.population))),
    table(fieldLabel(field.name), heads, cells),
  ];
}

// Groups and the groups within them, each with the values that lead to it.
const groupRows = (answer, before = []) =>
  (answer.groups ?? []).flatMap((group) => [[[...before, group.value], group], ...groupRows(group, [...before, group.value])]);

const population = (answer) => h("p", { class: "note" }, h("span", { class: "tag exact" }, t("exact")), " ", t("population", number(answer.population)));

function figure(field, name, figures) {
  const value = figures[name];
  if (value === null || value === undefined) return "–";
  const rough = figures.exact?.[name] === false ? "≈ " : "";
  if (name === "n" || name === "missing") return number(value);
  if (field.type === "date") return rough + moment(field, name, value);
  return rough + number(value, Number.isInteger(value) ? 0 : 2);
}

// Of dates the figures come in milliseconds since 1970.
function moment(field, name, value) {
  if (name === "std_deviation") return `${number(value / DAY_MS, 1)} d`;
  return name === "variance" ? `${number(value / DAY_MS ** 2)} d²` : valueText(field.name, new Date(value).toISOString().slice(0, 10));
}

function csvRows(field, by, answer) {
  const whole = answer.fields[field.name];
  if (!field.statistic) return [["value", "count", "share"], ...(whole.values ?? []).map(({ value, count, share }) => [value, count, share])];
  const row = (label, figures) => [...label, ...SHOWN.map((name) => figures[name])];
  const keys = by.length ? by : ["group"];
  return [
    [...keys, ...SHOWN],
    row(keys.map((_, at) => (at ? "" : "all")), whole),
    ...groupRows(answer).map(([values, group]) => row(keys.map((_, at) => values[at] ?? ""), group.fields[field.name])),
  ];
}
