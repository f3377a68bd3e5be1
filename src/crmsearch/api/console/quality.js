// How good the data is: every run, how its rows went from read to indexed, which rules were applied, how full the fields are.

import { get } from "./api.js";
import { app } from "./app.js";
import { asTold, fill, h, meter, table } from "./dom.js";
import { fieldLabel, number, t, valueText } from "./labels.js";
import { ruleWords } from "./rules.js";
import { state } from "./state.js";

const KEPT_RUNS = 20;
const MOST_REASONS = 40;

export async function show(place) {
  const trend = h("div", {});
  const detail = h("div", { id: "run" });
  place.replaceChildren(h("h2", { tabindex: "-1" }, t("page:quality")), trend, detail);
  await fill(trend, () => get(`runs?size=${KEPT_RUNS}`), ({ runs }) => {
    if (!runs.length) return h("p", { class: "notice" }, t("noRuns"));
    const wanted = state.more.run ?? runs.find((run) => run.rows_read !== null)?.run_id;
    if (wanted) fill(detail, () => get(`runs/${encodeURIComponent(wanted)}`), report);
    return [trendOf(runs), listOf(runs)];
  });
}

// The newest run is on the right, as in every chart of time.
function trendOf(runs) {
  const known = runs.filter((run) => run.completeness !== null).reverse();
  if (known.length < 2) return null;
  const bars = known.map((run) => {
    const bar = h("span", { class: "bar-of" });
    bar.style.setProperty("--height", `${100 * run.completeness}%`);
    return h("span", { class: "trend-run" }, h("span", { class: "note" }, share(run.completeness)), h("span", { class: "bars" }, bar), h("span", { class: "note" }, when(run.began_at)));
  });
  return h("section", { class: "card wide" }, h("h3", {}, `${t("trend")}: ${t("completeness")}`), h("div", { class: "trend" }, bars));
}

const share = (value) => (value === null ? "–" : `${number(100 * value, 1)} %`);
const when = (text) => valueText("created_at", text);
const count = (value) => (value === null ? "–" : number(value));

function listOf(runs) {
  const rows = runs.map((run) => [
    h("button", { class: "link", onclick: () => app.go("quality", { run: run.run_id }) }, run.run_id),
    when(run.began_at),
    h("span", { class: run.state === "promoted" ? "tag exact" : run.state === "failed" ? "tag approximate" : "tag" }, t(`run:${run.state.replace(" ", "-")}`)),
    count(run.rows_read),
    count(run.indexed),
    count(run.merged),
    count(run.quarantined),
    share(run.completeness),
  ]);
  const heads = [[t("run")], [t("began")], [t("state")], [t("read"), true], [t("indexed"), true], [t("merged"), true], [t("quarantined"), true], [t("completeness"), true]];
  return h("section", { class: "card wide" }, h("h3", {}, t("runs")), table(t("runs"), heads, rows));
}

async function report(run) {
  return h("div", { class: "cards" }, funnel(run), inputs(run), reasons(run, await ruleWords()), completeness(run));
}

function funnel(run) {
  const steps = [["read", run.rows_read], ["indexed", run.indexed], ["merged", run.merged], ["quarantined", run.quarantined], ["removedRows", run.removed], ["unchanged", run.unchanged]];
  const rows = steps.filter(([name, n]) => n || ["read", "indexed", "quarantined"].includes(name));
  return h(
    "section",
    { class: "card" },
    h("h3", {}, `${t("funnel")} · ${run.run_id}`),
    run.failure ? h("div", { class: "field-problem" }, t("failure"), " ", asTold(run.failure)) : null,
    h("dl", { class: "funnel" }, rows.map(([name, n]) => [h("dt", {}, t(name)), h("dd", {}, meter(run.rows_read ? n / run.rows_read : 0, number(n)))])),
  );
}

function inputs(run) {
  const rows = run.inputs.map((each) => [h("code", {}, each.path.split("/").at(-1)), t(`kind:${each.kind}`), number(each.rows_read), number(each.indexed), number(each.merged), number(each.quarantined)]);
  const heads = [[t("table")], [""], [t("read"), true], [t("indexed"), true], [t("merged"), true], [t("quarantined"), true]];
  return h("section", { class: "card" }, h("h3", {}, t("tables")), table(t("tables"), heads, rows));
}

function reasons(run, words) {
  const rows = run.reasons.slice(0, MOST_REASONS).map((each) => [
    h("span", {}, h("code", {}, each.code), " ", h("span", { class: each.severity === "reject" ? "tag approximate" : "tag" }, t(`severity:${each.severity}`))),
    h("span", {}, words(each), each.kind === "customers" ? null : h("span", { class: "note" }, ` (${t(`kind:${each.kind}`)})`)),
    number(each.rows),
    h("span", { class: "samples" }, each.samples.map((sample) => h("code", {}, sample))),
  ]);
  return h("section", { class: "card wide" }, h("h3", {}, t("reasons")), table(t("reasons"), [[t("reason")], [t("meaning")], [t("rows"), true], [t("samples")]], rows));
}

function completeness(run) {
  const rows = run.fields.filter((each) => each.valid !== null).map((each) => [fieldLabel(each.field), meter(each.filled_before), meter(each.filled_after)]);
  return h("section", { class: "card wide" }, h("h3", {}, t("completeness")), table(t("completeness"), [[t("field")], [t("filledBefore"), true], [t("filledAfter"), true]], rows));
}
