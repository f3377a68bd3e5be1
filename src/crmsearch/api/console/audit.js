// The audit trail: what is worth a look, and who has seen which customers.

import { download, get } from "./api.js";
import { app, may } from "./app.js";
import { fill, h, labelled, problemNotice, table } from "./dom.js";
import { number, t, valueText } from "./labels.js";
import { purposeName } from "./purposes.js";
import { shapeText } from "./told.js";

const SIZE = 50;
const ACTIONS = ["search", "suggest", "get", "lineage", "similar", "lookup", "export", "segment_export", "segment_versions", "put", "batch", "withdraw", "person_export", "erase", "anonymise", "restrict", "unrestrict", "audit", "keys", "key_create", "key_revoke", "rollback", "refused", "anchor", "end"];
const SHOWN_IDS = 3;
const when = (text) => valueText("created_at", text);
const who = ({ name, key }) => (key ? name || key : t(`caller:${name}`)); // without a key it is one of the service's own names

export function alertsCard() {
  const body = h("div", {});
  fill(body, () => get("audit/alerts"), alerts);
  return h("section", { class: "card wide", id: "alerts" }, h("h3", {}, t("alerts")), body);
}

export function auditCard() {
  const events = h("div", { id: "events" });
  const action = h("select", { name: "action" }, new Option(t("anyAction"), ""), ACTIONS.map((each) => new Option(t(`act:${each}`), each)));
  const toFile = () => download("GET", `audit?${query({ format: "csv" })}`, "audit.csv").catch((error) => events.prepend(problemNotice(error)));
  const form = h(
    "form",
    {
      class: "choices",
      onsubmit: (event) => {
        event.preventDefault();
        list();
      },
    },
    labelled(t("action"), action),
    labelled(t("keyPrefix"), h("input", { name: "key", autocomplete: "off" })),
    labelled(t("customerId"), h("input", { name: "customer", autocomplete: "off" })),
    labelled(t("since"), h("input", { name: "since", type: "date" })),
    h("button", { type: "submit", class: "primary" }, t("apply")),
    h("button", { class: "quiet", onclick: toFile }, t("exportCsv")),
  );
  const query = (more) => {
    const given = [...new FormData(form)].filter(([, value]) => value.trim());
    return new URLSearchParams([...given.map(([name, value]) => [name, value.trim()]), ...Object.entries(more)]);
  };
  const ask = (before) => Promise.all([get(`audit?${query({ size: SIZE, ...(before && { before }) })}`), purposeName()]);
  const list = (before) => fill(events, () => ask(before), ([page, purpose]) => listed(page, purpose, list));
  list();
  return h("section", { class: "card wide", id: "audit" }, h("h3", {}, t("audit")), form, events);
}

function alerts({ alerts: found }) {
  if (!found.length) return h("p", { class: "note" }, t("noAlerts"));
  const rows = found.map((each) => [t(`alert:${each.rule}`), who(each), when(each.hour), number(each.value)]);
  return table(t("alerts"), [[t("rule")], [t("who")], [t("hour")], [t("number"), true]], rows);
}

function listed({ events, next }, purpose, list) {
  if (!events.length) return h("p", { class: "note" }, t("noEvents"));
  const rows = events.map((event) => [when(event.at), `${who(event)} · ${t(`role:${event.role}`)}`, [t(`act:${event.action}`), status(event)], purpose(event.purpose), question(event.shape ?? []), customers(event)]);
  const heads = [[t("at")], [t("who")], [t("action")], [t("purpose")], [t("question")], [t("shown")]];
  return [table(t("audit"), heads, rows), next ? h("button", { class: "quiet", onclick: () => list(next) }, t("older")) : null];
}

const status = ({ status: code }) => (code < 400 ? null : [" ", h("span", { class: "tag approximate" }, String(code))]);

// What every search of this page asks for beside its question is folded away.
function question(shape) {
  const isUsual = (part) => /^(facets?|size) /.test(part);
  const usual = shape.filter(isUsual).map(shapeText);
  const told = shape.filter((part) => !isUsual(part)).map(shapeText).join(" · ");
  if (!usual.length) return told;
  return h("details", {}, h("summary", {}, told || t("noQuestion")), h("p", { class: "note" }, usual.join(" · ")));
}

function customers({ customers: ids = [], hits }) {
  const links = ids.slice(0, SHOWN_IDS).map((id) => (may("customers:read") ? h("button", { class: "link", onclick: () => app.openCustomer(id) }, id) : h("code", {}, id)));
  const rest = (hits ?? ids.length) - links.length;
  return h("span", { class: "actions" }, links, rest > 0 ? h("span", { class: "note" }, `+${number(rest)}`) : null);
}
