// One customer on one page: who, figures against others, quality, where the records come from, look-alikes, a person's rights.

import { get, ofCustomer, post, put, remove, saveFile } from "./api.js";
import { app, may } from "./app.js";
import { askIn, copyButton, fill, h, labelled, problemNotice, table } from "./dom.js";
import { agoText, fieldLabel, number, t, valueText } from "./labels.js";
import { CONTACT, askPurpose, purposeText, reveals } from "./purposes.js";
import { ruleTable, ruleWords } from "./rules.js";
import { forgetRecent } from "./saved.js";
import { state } from "./state.js";
import { likenessText, linkText } from "./told.js";

const GROUPS = ["identity", "contact", "work", "relationship", "commerce", "service", "marketing", "mined", "quality"];
const COPIED = new Set(["emails", "phones", "address", "national_id"]);
const ELSEWHERE = new Set(["quality_issues", "source_records", "merge_reasons"]);
const FIGURES = ["age", "revenue", "order_count", "average_order_value", "recency_days", "ticket_count", "average_resolution_hours", "satisfaction", "campaigns_converted", "churn_risk"];
// The moments that a customer's document holds, each with the kind of event and what else is known of it.
const MOMENTS = {
  created_at: ["record"],
  first_order_at: ["order"],
  last_order_at: ["order", "order_count", "revenue"],
  last_ticket_at: ["ticket", "last_ticket_subject", "open_ticket_count"],
  last_activity_at: ["record"],
  updated_at: ["record"],
};
const CAMPAIGNS = ["campaigns_sent", "campaigns_opened", "campaigns_clicked", "campaigns_converted"];

export async function show(place) {
  const id = history.state?.customer;
  const back = h("button", { class: "quiet back", onclick: app.back }, `← ${t("back")}`);
  if (!id) {
    place.replaceChildren(back, nobody());
    return;
  }
  try {
    const customer = await ofCustomer(id);
    // The reader may have gone on before the answer came.
    if (state.page === "customer" && history.state?.customer === id) draw(place, back, customer, null);
  } catch (error) {
    place.replaceChildren(back, error.status === 404 ? nobody() : problemNotice(error, () => show(place)));
  }
}

function nobody() {
  return h("div", { class: "notice", role: "alert" }, h("h2", { tabindex: "-1" }, t("noCustomer")), h("p", {}, t("noCustomerText")));
}

// `purpose` is what the contact data was asked for, or null as long as it is masked.
function draw(place, back, customer, purpose) {
  const title = h("h2", { id: "customer-name", tabindex: "-1" }, customer.name ?? customer.company ?? t("noName"));
  const reveal = h("button", { class: "primary", onclick: () => revealContact(place, back, customer.customer_id) }, t("revealAll"));
  const head = h(
    "header",
    { class: "customer-head" },
    h("div", {}, title, h("p", { class: "note" }, customer.customer_id, " ", copyButton(customer.customer_id, fieldLabel("customer_id")))),
    purpose ? h("p", { class: "tag exact", role: "status" }, t("revealed", purposeText(purpose))) : reveal,
  );
  const cards = h("div", { class: "cards masonry" }, GROUPS.map((group) => groupCard(group, customer, purpose)));
  place.replaceChildren(back, head, cards);
  cards.append(figuresCard(customer), issuesCard(customer), timelineCard(customer), lineageCard(customer), similarCard(customer));
  if (may("rights:write")) cards.append(rightsCard(place, back, customer));
  title.focus({ preventScroll: true });
}

const card = (title, ...parts) => h("section", { class: "card" }, h("h3", {}, title), parts);

function loadingCard(title, ask, showAnswer, wide = false) {
  const body = h("div", {});
  fill(body, ask, showAnswer);
  const node = card(title, body);
  node.classList.toggle("wide", wide);
  return node;
}

// Who: fields by group

function groupCard(group, customer, purpose) {
  const members = [...app.fields.values()].filter((field) => field.group === group && !ELSEWHERE.has(field.name));
  const known = members.filter(({ name }) => customer[name] !== undefined && customer[name] !== null && customer[name].length !== 0);
  if (!known.length) return null;
  return card(t(`group:${group}`), h("dl", {}, known.map((field) => [h("dt", {}, fieldLabel(field.name)), h("dd", {}, valueOf(field, customer[field.name], purpose))])));
}

function valueOf(field, value, purpose) {
  const isWhole = !CONTACT.has(field.name) || Boolean(purpose?.reveals.includes(field.name));
  const values = (Array.isArray(value) ? value : [value]).map((each) => item(field, each, isWhole));
  return values.length === 1 ? values : h("ul", {}, values.map((each) => h("li", {}, each)));
}

function item(field, value, isWhole) {
  const text = valueText(field.name, value);
  const copy = COPIED.has(field.name) && isWhole ? [" ", copyButton(String(value), fieldLabel(field.name))] : [];
  if (field.name === "phones" && isWhole) return [h("a", { href: `tel:${value}` }, text), copy];
  if (field.name === "emails" && isWhole) return [h("a", { href: `mailto:${encodeURIComponent(value).replace("%40", "@")}` }, text), copy];
  if (field.name === "tags") return h("span", { class: "tag" }, text);
  return [["customer_id", "run_id"].includes(field.name) ? h("code", {}, text) : text, copy];
}

async function revealContact(place, back, id) {
  const purpose = await askPurpose(t("revealTitle"), t("revealAll"), reveals);
  if (!purpose) return;
  try {
    draw(place, back, await ofCustomer(id, "", { purpose: purpose.name }), purpose);
  } catch (error) {
    place.append(problemNotice(error));
  }
}

// Figures against the median of the customer's own RFM segment

function figuresCard(customer) {
  const names = FIGURES.filter((name) => app.fields.get(name)?.statistic && typeof customer[name] === "number");
  const filters = customer.rfm_segment ? [{ field: "rfm_segment", in: [customer.rfm_segment] }] : [];
  const ask = () => (names.length ? post("stats", { fields: names, filters }) : null);
  return loadingCard(t("against"), ask, (answer) => {
    if (!answer) return h("p", { class: "note" }, t("notKnown"));
    const rows = names.map((name) => {
      const { median } = answer.fields[name];
      const by = median ? (customer[name] - median) / Math.abs(median) : null;
      const change = by === null ? "–" : `${by > 0 ? "▲ +" : by < 0 ? "▼ −" : ""}${number(Math.abs(100 * by))} %`;
      return [fieldLabel(name), valueText(name, customer[name]), median === null ? "–" : valueText(name, median), change];
    });
    const heads = [[t("field")], [t("value"), true], [t("typical"), true], [t("difference"), true]];
    return [h("p", { class: "note" }, filters.length ? t("againstText", valueText("rfm_segment", customer.rfm_segment)) : t("againstAll")), table(t("against"), heads, rows)];
  }, true);
}

function issuesCard(customer) {
  const codes = customer.quality_issues ?? [];
  if (!codes.length) return card(t("issues"), h("p", { class: "note" }, t("noIssues")));
  return loadingCard(t("issues"), () => Promise.all([ruleTable(), ruleWords()]), ([known, words]) =>
    h(
      "ul",
      { class: "plain" },
      codes.map((code) => {
        const rule = known.get(code);
        return h("li", {}, h("span", { class: "tag" }, rule ? t(`severity:${rule.severity}`) : code), " ", h("code", {}, code), rule ? `: ${words(rule)}` : "");
      }),
    ),
  );
}

// Newest first. The document has the first and the last of what happened, and how much there was in between.
function timelineCard(customer) {
  const isOne = customer.first_order_at !== undefined && customer.first_order_at === customer.last_order_at;
  const known = Object.keys(MOMENTS).filter((name) => customer[name] && !(isOne && name === "first_order_at"));
  known.sort((a, b) => (customer[a] > customer[b] ? -1 : 1));
  const between = (customer.order_count ?? 0) - 2;
  const notes = (name) => [
    ...MOMENTS[name].slice(1).filter((other) => customer[other]).map((other) => `${fieldLabel(other)}: ${valueText(other, customer[other])}`),
    ...(name === "first_order_at" && between > 0 ? [t("ordersBetween", number(between))] : []),
  ];
  const event = (kind, when, title, notes) => h("li", { class: kind }, when, h("strong", {}, title), notes.map((note) => h("span", { class: "note" }, note)));
  const entries = known.map((name) => {
    const when = h("span", { class: "note" }, h("time", { datetime: customer[name] }, valueText(name, customer[name])), ` · ${agoText(customer[name])}`);
    return event(MOMENTS[name][0], when, isOne && name === "last_order_at" ? t("onlyOrder") : fieldLabel(name), notes(name));
  });
  if (customer.last_campaign) {
    const sums = CAMPAIGNS.filter((name) => customer[name]).map((name) => `${fieldLabel(name)}: ${number(customer[name])}`);
    entries.push(event("campaign", h("span", { class: "note" }, t("noDay")), `${fieldLabel("last_campaign")}: ${customer.last_campaign}`, [sums.join(" · ")]));
  }
  return card(t("timeline"), h("p", { class: "note" }, t("timelineNote")), h("ol", { class: "timeline" }, entries));
}

function lineageCard(customer) {
  return loadingCard(t("lineage"), () => ofCustomer(customer.customer_id, "/lineage"), ({ records, match_confidence: confidence }) => [
    records.length > 1 ? h("p", { class: "note" }, `${fieldLabel("merged_count")}: ${number(records.length)} · ${fieldLabel("match_confidence")}: ${confidence === null ? "–" : valueText("match_confidence", confidence)}`) : h("p", { class: "note" }, t("lineageAlone")),
    h("ul", { class: "plain" }, records.map(({ record, links }) => h("li", {}, h("code", {}, record), h("ul", { class: "note" }, links.map((link) => h("li", {}, linkText(link))))))),
  ], true);
}

function similarCard(customer) {
  return loadingCard(t("similar"), () => ofCustomer(customer.customer_id, "/similar?size=5"), ({ similar }) =>
    similar.length
      ? h(
          "ol",
          { class: "plain" },
          similar.map(({ id, score, customer: other, parts }) =>
            h(
              "li",
              {},
              h("button", { class: "link", onclick: () => app.openCustomer(id) }, other.name ?? other.company ?? t("noName")),
              ` ${t("likeness", valueText("churn_risk", score))}`,
              h("p", { class: "note" }, parts.slice(0, 4).map((part) => likenessText(part, customer, other)).join(" · ")),
            ),
          ),
        )
      : h("p", { class: "note" }, t("similarNone")),
  );
}

// What a person may ask for. Everything but a copy changes what is held, so it wants the id typed first.
function rightsCard(place, back, customer) {
  const id = customer.customer_id;
  const outcome = h("div", { role: "status" });
  const path = `customers/${encodeURIComponent(id)}`;
  const leave = (what) => {
    forgetRecent(); // in which a name may stand
    app.stale = true;
    place.replaceChildren(back, what);
    place.querySelector("h2").focus();
  };
  const takeOut = async () => {
    const everything = await post(`${path}/export`, undefined, { purpose: "privacy_request" });
    saveFile(new Blob([JSON.stringify(everything, null, 2)], { type: "application/json" }), "person.json");
  };
  const changes = {
    withdraw: async () => {
      await remove(`${path}/consents`);
      app.stale = true;
      await show(place);
    },
    restrict: async () => {
      await put(`${path}/restriction`);
      leave(restrictedCard(path));
    },
    anonymise: async () => leave(certificateCard(await post(`${path}/anonymise`))),
    erase: async () => leave(certificateCard(await remove(path))),
  };
  const told = (action) => () => action().catch((error) => outcome.replaceChildren(problemNotice(error)));
  const confirmed = (name) => async () => {
    const typed = labelled(fieldLabel("customer_id"), h("input", { name: "id", required: true, autocomplete: "off" }));
    const given = await askIn(t(`${name}Title`), [h("p", {}, t(`${name}Text`)), typed], t(`rights:${name}`), { danger: true });
    if (!given) return;
    if (given.id.trim() === id) await changes[name]();
    else outcome.replaceChildren(h("p", { class: "field-problem" }, t("otherId")));
  };
  const offered = Object.keys(changes).filter((name) => name !== "withdraw" || (customer.consents?.length && may("customers:write")));
  return card(
    t("rights"),
    h(
      "div",
      { class: "actions" },
      h("button", { class: "quiet", onclick: told(takeOut) }, t("rightsExport")),
      offered.map((name) => h("button", { class: `quiet${name === "erase" || name === "anonymise" ? " danger" : ""}`, onclick: told(confirmed(name)) }, t(`rights:${name}`))),
    ),
    outcome,
  );
}

// Somebody whose processing is restricted is shown nowhere; here it can be taken back at once.
function restrictedCard(path) {
  const outcome = h("div", { role: "status" });
  // Every process of the service knows it a second later, so that the page is not asked for at once.
  const lift = () =>
    remove(`${path}/restriction`)
      .then(() => outcome.replaceChildren(t("lifted")))
      .catch((error) => outcome.replaceChildren(problemNotice(error)));
  return h(
    "section",
    { class: "card", id: "restricted" },
    h("h2", { tabindex: "-1" }, t("restricted")),
    h("p", {}, t("restrictedText")),
    h("button", { class: "quiet", onclick: lift }, t("liftRestriction")),
    outcome,
  );
}

// What remains of somebody who was erased: that it was done, without a word about whom.
function certificateCard(certificate) {
  const { certificate_id: id, erased_at: at, by, subject, removed, marks } = certificate;
  const rows = [["id", h("code", {}, id)], ["at", valueText("created_at", at)], ["by", h("code", {}, by || "–")], ["subject", h("code", {}, subject)], ["marks", number(marks)]];
  const save = () => saveFile(new Blob([JSON.stringify(certificate, null, 2)], { type: "application/json" }), `certificate-${id}.json`);
  return h(
    "section",
    { class: "card certificate", id: "certificate" },
    h("h2", { tabindex: "-1" }, t("erased")),
    h("p", {}, t("certificateText")),
    h("dl", {}, rows.map(([name, value]) => [h("dt", {}, t(`certificate:${name}`)), h("dd", {}, value)])),
    table(t("removed"), [[t("removed")], [t("documents:removed"), true]], Object.entries(removed).map(([index, n]) => [h("code", {}, index), number(n)])),
    h("button", { class: "primary", onclick: save }, t("certificateSave")),
  );
}
