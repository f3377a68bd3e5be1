// Segments: those there are with their sizes, a new one out of the filters in force, one against everyone, two side by side.

import { download, draw, get, post, put, remove } from "./api.js";
import { app, may } from "./app.js";
import { asTold, askIn, delayed, fill, h, labelled, meter, problemNotice, select, table } from "./dom.js";
import { fieldLabel, isChinese, number, t, valueText } from "./labels.js";
import { askPurpose } from "./purposes.js";
import { filterBar } from "./statistics.js";
import { state } from "./state.js";

const COUNT_MS = 150;
const NAME = "[a-z0-9][a-z0-9\\-]{0,62}";
const lang = () => (isChinese() ? "zh" : "en");
const labelOf = (segment) => (isChinese() ? segment.label_zh : segment.label) || segment.name;

export async function show(place) {
  const { new: making, segment, with: other } = state.more;
  place.replaceChildren(h("h2", { tabindex: "-1" }, t("page:segments")));
  if (making && may("segments:write")) place.append(builder(() => show(place)));
  const detail = h("div", {});
  const list = h("div", { class: "card wide" });
  place.append(detail, list);
  await fill(list, () => get("segments"), ({ segments, population }) => {
    if (segment) showDetail(detail, segments, segment, other);
    return listOf(segments, population);
  });
}

function listOf(segments, population) {
  const rows = segments.map((each) => [
    h("button", { class: "link", onclick: () => app.go("segments", { segment: each.name }) }, labelOf(each)),
    each.size === null ? (each.reason ? asTold(each.reason) : "–") : number(each.size),
    each.size === null ? "–" : meter(population ? each.size / population : 0),
    h("div", { class: "actions" }, actionsOf(each)),
  ]);
  const create = may("segments:write") && !state.more.new ? h("button", { class: "primary", onclick: () => app.go("segments", { new: "1" }) }, t("segmentNew")) : null;
  return [create, table(t("segments"), [[t("name")], [t("size"), true], [t("shareAll"), true], [""]], rows)];
}

function actionsOf(each) {
  const members = () => {
    state.filters = [{ segment: each.name }];
    app.go("search");
  };
  const drop = async () => {
    if (!(await askIn(t("deleteSure", labelOf(each)), [], t("delete"), { danger: true }))) return;
    await remove(`segments/${each.name}`, { headers: { "If-Match": `"${each.version}"` } });
    app.go("segments");
  };
  const toFile = async () => {
    const purpose = await askPurpose(t("exportCsv"), t("exportCsv"));
    if (purpose) await download("GET", `segments/${each.name}/export?format=csv`, `${each.name}.csv`, { purpose: purpose.name });
  };
  return [
    may("customers:read") ? h("button", { class: "link", onclick: members }, t("showMembers")) : null,
    may("customers:export") ? h("button", { class: "link", onclick: toFile }, t("exportCsv")) : null,
    each.built_in ? h("span", { class: "tag" }, t("builtIn")) : may("segments:write") ? h("button", { class: "link", onclick: drop }, t("delete")) : null,
  ].filter(Boolean);
}

// Building: the filters in force, the size as they change, a name

function builder(again) {
  const size = h("p", { class: "total", role: "status" });
  const problem = h("div", {});
  const count = delayed(() => {
    const definition = { q: state.q, filters: state.filters };
    // Analysts see no customers; a statistic tells the number all the same.
    fill(size, () => post("stats", { fields: ["age"], ...definition }), ({ population }) => t("segmentLive", number(population)));
  }, COUNT_MS);
  count();
  const name = h("input", { name: "name", required: true, pattern: NAME, autocomplete: "off" });
  const label = h("input", { name: "label", required: true, maxlength: 120 });
  const description = h("input", { name: "description", maxlength: 2000 });
  label.addEventListener("input", () => {
    if (!name.dataset.typed) name.value = label.value.toLowerCase().normalize("NFD").replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 63);
  });
  name.addEventListener("input", () => (name.dataset.typed = "1"));
  const save = async (event) => {
    event.preventDefault();
    const definition = { label: label.value.trim(), description: description.value.trim(), q: state.q, filters: state.filters };
    try {
      await put(`segments/${name.value}`, definition, { headers: { "If-None-Match": "*" } });
      state.filters = [];
      app.go("segments", { segment: name.value });
    } catch (error) {
      problem.replaceChildren(problemNotice(error));
    }
  };
  return h(
    "section",
    { class: "card wide", id: "builder" },
    h("h3", {}, t("segmentNew")),
    filterBar(again),
    size,
    h(
      "form",
      { class: "choices", onsubmit: save },
      labelled(t("segmentLabel"), label),
      labelled(t("segmentName"), name),
      labelled(t("segmentText"), description),
      h("button", { type: "submit", class: "primary" }, t("save")),
      h("button", { class: "quiet", onclick: () => app.go("search") }, t("segmentBuild")),
    ),
    problem,
  );
}

// One against everyone, or against another

function showDetail(place, segments, name, other) {
  const found = segments.find((each) => each.name === name);
  const title = found ? labelOf(found) : name;
  const against = segments.find((each) => each.name === other);
  const names = ["", ...segments.map((each) => each.name).filter((each) => each !== name)];
  const worded = (each) => (each ? labelOf(segments.find((one) => one.name === each)) : t("everyone"));
  const choose = labelled(t("compareWith"), select(names, worded, other ?? "", (value) => app.go("segments", { segment: name, ...(value && { with: value }) })));
  const body = h("div", {});
  const picture = h("div", {});
  place.replaceChildren(
    h("section", { class: "card wide", id: "profile" }, h("h3", {}, against ? `${title} · ${labelOf(against)}` : t("profileOf", title)), found?.description ? h("p", { class: "note" }, isChinese() ? found.description_zh : found.description) : null, choose, picture, body),
  );
  const path = against ? `segments/compare?a=${name}&b=${other}` : `segments/${name}/profile`;
  const query = new URLSearchParams({ lang: lang() });
  const answer = get(path + (against ? "&" : "?") + query);
  fill(body, () => answer, (found) => (against ? comparison(found) : profile(found)));
  import("./charts.js").then(({ showChart }) => showChart(picture, against ? `${name}-${other}` : name, () => draw("GET", `${path}${against ? "&" : "?"}chart=points&${query}`), async () => contrastRows(await answer)));
}

function profile(answer) {
  const over = answer.over_represented.map((each) => [
    `${fieldLabel(each.field)}: ${valueText(each.field, each.value)}`,
    meter(each.shares.segment),
    meter(each.shares.everyone),
    `× ${number(each.lift, 1)}`,
  ]);
  return [
    h("p", {}, t("members", number(answer.size)), " · ", meter(answer.share ?? 0)),
    findings(answer),
    h("h4", {}, t("overRepresented")),
    over.length ? table(t("overRepresented"), [[t("value")], [t("shareHere"), true], [t("shareAll"), true], [t("timesAsMuch"), true]], over) : h("p", { class: "note" }, t("noFindings")),
  ];
}

function comparison(answer) {
  const { labels, overlap } = answer;
  const parts = [[t("onlyIn", labels.a ?? answer.a), overlap.only_a], [t("inBoth"), overlap.both], [t("onlyIn", labels.b ?? answer.b), overlap.only_b]];
  return [
    h("h4", {}, t("overlap")),
    h("dl", {}, parts.map(([word, n]) => [h("dt", {}, word), h("dd", {}, meter(overlap.either ? n / overlap.either : 0, number(n)))])),
    findings(answer),
  ];
}

function findings({ findings: found }) {
  return [h("h4", {}, t("findings")), found.length ? h("ul", { class: "plain" }, found.map((each) => h("li", {}, each.sentence))) : h("p", { class: "note" }, t("noFindings"))];
}

function contrastRows(answer) {
  const groups = Object.keys(answer.numbers[0]?.groups ?? {});
  return [
    ["field", "value", ...groups, "effect_size", "q_value"],
    ...answer.numbers.map((each) => [each.field, "mean", ...groups.map((group) => each.groups[group].mean), each.effect_size, each.q_value]),
    ...answer.categories.flatMap((each) => each.values).map((each) => [each.field, each.value, ...groups.map((group) => each.shares[group]), each.effect_size, each.q_value]),
  ];
}
