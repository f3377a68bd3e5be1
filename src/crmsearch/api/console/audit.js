// The audit trail: what is worth a look, and who has seen which customers.

import { download, get } from "./api.js";
import { app, may } from "./app.js";
import { fill, h, labelled, table } from "./dom.js";
import { number, t, valueText } from "./labels.js";

const SIZE = 50;
const ACTIONS = ["search", "suggest", "get", "lineage", "similar", "lookup", "export", "segment_export", "segment_versions", "put", "batch", "withdraw", "person_export", "erase", "anonymise", "restrict", "unrestrict", "audit", "keys", "key_create", "key_revoke", "rollback", "refused"];
const SHOWN_IDS = 3;
const when = (text) => valueText("created_at", text);

export function auditCard() {
  const warnings = h("div", {});
  const events = h("div", { id: "events" });
  const action = h("select", { name: "action" }, new Option(t("anyAction"), ""), ACTIONS.map((each) => new Option(each, each)));
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
    h("button", { type: "submit", class: "quiet" }, t("apply")),
    h("button", { class: "quiet", onclick: () => download("GET", `audit?${query({ format: "csv" })}`, "audit.csv") }, t("exportCsv")),
  );
  const query = (more) => {
    const given = [...new FormData(form)].filter(([, value]) => value.trim());
    return new URLSearchParams([...given.map(([name, value]) => [name, value.trim()]), ...Object.entries(more)]);
  };
  const list = (before) => fill(events, () => get(`audit?${query({ size: SIZE, ...(before && { before }) })}`), (page) => listed(page, list));
  list();
  fill(warnings, () => get("audit/alerts"), alerts);
  return h("section", { class: "card wide", id: "audit" }, h("h3", {}, t("alerts")), warnings, h("h3", {}, t("audit")), form, events);
}

function alerts({ alerts: found }) {
  if (!found.length) return h("p", { class: "note" }, t("noAlerts"));
  const rows = found.map((each) => [each.rule, each.name || each.key, when(each.hour), number(each.value)]);
  return table(t("alerts"), [[t("rule")], [t("who")], [t("hour")], [t("number"), true]], rows);
}

function listed({ events, next }, list) {
  if (!events.length) return h("p", { class: "note" }, t("noEvents"));
  const rows = events.map((event) => [when(event.at), `${event.name || event.key} · ${t(`role:${event.role}`)}`, `${event.action} ${event.status}`, event.purpose, (event.shape ?? []).join(" · "), customers(event)]);
  const heads = [[t("at")], [t("who")], [t("action")], [t("purpose")], [t("question")], [t("shown")]];
  return [table(t("audit"), heads, rows), next ? h("button", { class: "quiet", onclick: () => list(next) }, t("older")) : null];
}

function customers({ customers: ids = [], hits }) {
  const links = ids.slice(0, SHOWN_IDS).map((id) => (may("customers:read") ? h("button", { class: "link", onclick: () => app.openCustomer(id) }, id) : h("code", {}, id)));
  const rest = (hits ?? ids.length) - links.length;
  return h("span", { class: "actions" }, links, rest > 0 ? h("span", { class: "note" }, `+${number(rest)}`) : null);
}
