// Administration, a tab for each part: keys, customer bases, the audit trail. Whether the service is well stands above them all.

import { get, post, remove } from "./api.js";
import { app, may } from "./app.js";
import { askIn, copyButton, fill, h, labelled, problemNotice, table } from "./dom.js";
import { alertsCard, auditCard } from "./audit.js";
import { number, t, valueText } from "./labels.js";
import { state } from "./state.js";
import { problemText } from "./told.js";

const ROLES = ["agent", "app", "analyst", "admin"];
const when = (text) => (text ? valueText("created_at", text) : t("never"));

// Each part with the scope that opens it, and its cards.
const PARTS = {
  apiKeys: ["keys:write", () => [loading("apiKeys", () => get("keys"), keys)]],
  generations: ["runs:read", () => [loading("generations", () => get("generations"), generations)]],
  audit: ["audit:read", () => [alertsCard(), auditCard()]],
};

export function show(place) {
  const parts = Object.keys(PARTS).filter((name) => may(PARTS[name][0]));
  const shown = parts.includes(state.more.part) ? state.more.part : parts[0];
  const tab = (name) => h("button", { class: "tab", "aria-current": name === shown ? "page" : undefined, onclick: () => app.go("admin", { part: name }) }, t(name));
  place.replaceChildren(
    h("h2", { tabindex: "-1" }, t("page:admin")),
    health(),
    h("nav", { class: "tabs", "aria-label": t("page:admin") }, parts.map(tab)),
    h("div", { class: "cards" }, shown ? PARTS[shown][1]() : []),
  );
}

// A card that asks anew after every change made in it.
function loading(name, ask, showAnswer) {
  const body = h("div", {});
  const again = () => fill(body, ask, (answer) => showAnswer(answer, again, body));
  again();
  return h("section", { class: "card wide", id: name }, h("h3", {}, t(name)), body);
}

function health() {
  const body = h("p", { class: "health", role: "status" });
  fill(body, async () => {
    const answer = await fetch("health/ready", { cache: "no-store" }).catch(() => null);
    if (answer?.ok) return h("span", { class: "tag exact" }, t("healthy"));
    const problem = (await answer?.json().catch(() => null)) ?? { code: "unreachable" };
    return h("span", { class: "tag approximate" }, problemText(problem).text);
  }, (words) => words);
  return body;
}

// Keys

function keys({ keys: all }, again, place) {
  const told = (action) => () => action().then(again, (error) => place.prepend(problemNotice(error)));
  const revoke = async (key) => {
    if (await askIn(t("revokeSure", key.name || key.prefix), [], t("revoke"), { danger: true })) await remove(`keys/${key.prefix}`);
  };
  const rows = all.map((key) => [
    h("span", {}, h("code", {}, key.prefix), key.name ? ` ${key.name}` : ""),
    [t(`role:${key.role}`), key.role === "custom" ? h("p", { class: "note" }, key.scopes.join(", ")) : null],
    key.rows.length ? h("code", {}, key.rows.join(" ")) : t("allCustomers"),
    h("span", { class: key.state === "good" ? "tag exact" : "tag" }, t(`keystate:${key.state}`)),
    when(key.created_at),
    when(key.expires_at),
    key.last_used_at ? when(key.last_used_at) : t("notYet"),
    key.state === "good" ? h("button", { class: "link", onclick: told(() => revoke(key)) }, t("revoke")) : "",
  ]);
  const heads = [[t("keyPrefix")], [t("role")], [t("customers")], [t("state")], [t("made")], [t("expires")], [t("lastUsed")], [""]];
  return [h("button", { class: "primary", onclick: told(makeKey) }, t("newKey")), all.length ? table(t("apiKeys"), heads, rows) : null];
}

async function makeKey() {
  const given = await askIn(
    t("newKey"),
    [
      labelled(t("name"), h("input", { name: "name", maxlength: 100, autocomplete: "off" })),
      labelled(t("role"), h("select", { name: "role" }, ROLES.map((role) => new Option(t(`role:${role}`), role)))),
      labelled(t("onlyCustomers"), h("input", { name: "rows", autocomplete: "off", placeholder: "country:CN|HK -tags:vip" })),
      labelled(t("expires"), h("input", { name: "expires_at", type: "date" })),
    ],
    t("newKey"),
  );
  if (!given) return;
  const rows = given.rows.split(" ").filter(Boolean);
  const { key } = await post("keys", { name: given.name, role: given.role, rows, ...(given.expires_at && { expires_at: given.expires_at }) });
  await askIn(t("keyMade"), [h("p", {}, t("keyOnce")), h("p", {}, h("code", { id: "made-key" }, key), " ", copyButton(key, t("keyMade")))]);
}

// Customer bases

function generations({ generations: all, loading: holder }, again, place) {
  const back = async () => {
    if (!(await askIn(t("rollback"), [h("p", {}, t("rollbackSure"))], t("rollback"), { danger: true }))) return;
    await post("generations/rollback");
    await again();
  };
  const rows = all.map((each) => [
    h("code", {}, each.index),
    each.live ? h("span", { class: "tag exact" }, t("live")) : each.complete ? "" : h("span", { class: "tag" }, t("incomplete")),
    number(each.documents),
    number(each.size_bytes / 1e6, 1),
    when(each.created_at),
  ]);
  const earlier = all.slice(all.findIndex((each) => each.live) + 1).some((each) => each.complete);
  return [
    holder ? h("p", { class: "note" }, t("loadingNow", holder)) : null,
    table(t("generations"), [[t("name")], [""], [t("documents"), true], [t("megabytes"), true], [t("created")]], rows),
    may("index:write") && earlier ? h("button", { class: "quiet danger", onclick: () => back().catch((error) => place.prepend(problemNotice(error))) }, t("rollback")) : null,
  ];
}
