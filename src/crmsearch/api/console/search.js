// The page of customers: reads what the user does, asks the API, and puts the answers in their places. Hits come first, as soon as a key
// is pressed; the counts of the facets, which take several times as long, follow when typing rests.

import { Problem, download, searchCustomers } from "./api.js";
import { app, facetNames, may } from "./app.js";
import { $, delayed, h, paced, problemNotice } from "./dom.js";
import { facetBlock, filterChips, rangeFacet } from "./facets.js";
import { emptyNotice, hitCard, stageNotice } from "./hits.js";
import { fieldLabel, number, t } from "./labels.js";
import { askPurpose } from "./purposes.js";
import { noteRecent, savedList } from "./saved.js";
import { dropFilter, state, toggleValue, writeFragment } from "./state.js";

const FACETS = ["city", "gender", "lifecycle", "rfm_segment", "industry", "source_system", "tags", "kind"];
const RANGES = ["age", "revenue", "last_order_at"];
const SORTS = ["name", "-last_activity_at", "-revenue"];
const SIZE = 20; // hits in one answer: about two screens
const GAP_MS = 60; // between two searches while one types, which the fastest fingers reach
const REST_MS = 250; // after the last letter, before values are counted
const OWN_PAGES = 5; // pages that scrolling loads by itself; then the button waits, so that the end of the page stays within reach

const box = $("q");
const hits = $("hits");

let answer = null; // the last first page
let counts = null; // the facets that were counted last
let last = null; // the last problem
let asked = null; // AbortController of the search under way
let nextCursor = null;
let pages = 0;
let loading = false; // a further page is on its way
let focusFirst = false; // Enter was pressed: go to the first hit when it is there
let opened = null; // the hit that was opened, where the keyboard returns to
let ranges = [];
const expanded = new Set();

export const searchSoon = paced(() => search(true), GAP_MS);
searchSoon.now = () => search();
const countSoon = delayed(count, REST_MS);

function request(cursor) {
  const body = { q: box.value, filters: state.filters, sort: state.sort ? [state.sort] : [], size: SIZE, explain: Boolean(box.value.trim()) };
  return cursor ? { ...body, cursor } : body;
}

async function search(isTyping = false) {
  asked?.abort();
  const mine = (asked = new AbortController());
  state.q = box.value;
  loading = false;
  setBusy(true);
  try {
    const found = await searchCustomers(request(), mine.signal);
    if (asked !== mine) return;
    [answer, last, nextCursor, pages] = [found, null, found.next_cursor, 1];
    showAnswer();
    if (isTyping) countSoon();
    else countSoon.now();
  } catch (error) {
    if (asked === mine) fail(error);
  } finally {
    if (asked === mine) setBusy(false);
  }
}

async function count() {
  const mine = asked;
  const facets = [...facetNames(FACETS), ...ranges.map(({ name }) => ({ field: name, interval: "auto" }))];
  const side = $("filters");
  side.setAttribute("aria-busy", "true");
  try {
    const found = await searchCustomers({ q: state.q, filters: state.filters, facets, size: 0 }, mine.signal);
    if (asked !== mine) return;
    counts = found.facets;
    showFacets();
  } catch (error) {
    if (asked === mine && error.name !== "AbortError") $("facets").replaceChildren(problemNotice(error, count));
  } finally {
    if (asked === mine) side.setAttribute("aria-busy", "false");
  }
}

function searchFor(text) {
  box.value = text;
  box.focus();
  searchSoon.now();
}

export async function loadMore() {
  if (!nextCursor || loading) return;
  loading = true;
  $("more-problem").replaceChildren();
  const mine = asked;
  setBusy(true);
  try {
    const found = await searchCustomers(request(nextCursor), mine.signal);
    if (asked !== mine) return;
    nextCursor = found.next_cursor;
    pages += 1;
    answer.hits.push(...found.hits);
    hits.append(...found.hits.map((hit) => hitCard(hit, open)));
    showMore();
  } catch (error) {
    if (asked !== mine || error.name === "AbortError") return;
    // A cursor ends when a new load of the data takes over: the first page of the new one is the way on.
    if (error.code === "invalid_cursor") search();
    else $("more-problem").replaceChildren(problemNotice(error, loadMore));
  } finally {
    if (asked === mine) {
      loading = false;
      setBusy(false);
    }
  }
}

function setBusy(busy) {
  $("results").setAttribute("aria-busy", String(busy));
  if (busy && !answer && !last) $("total").textContent = t("loading");
}

function fail(error) {
  if (error.name === "AbortError") return;
  last = error instanceof Problem ? error : new Problem({ title: t("problem"), detail: String(error.message ?? error) });
  if (!(error instanceof Problem)) console.error(error);
  answer = null;
  nextCursor = null;
  for (const place of [hits, $("total"), $("stage"), $("more-problem")]) place.replaceChildren();
  $("more").hidden = true;
  $("message").replaceChildren(problemNotice(last, search));
}

// Showing

function showAnswer() {
  $("more-problem").replaceChildren();
  const text = number(answer.total);
  const total = t("total", answer.total, answer.total_relation === "gte" ? t("atLeast", text) : text);
  $("total").replaceChildren(total, " ", h("span", { class: "took" }, t("took", number(answer.took_ms))));
  $("stage").className = `stage ${answer.stage}`;
  $("stage").replaceChildren(...(answer.stage !== "precise" && answer.hits.length ? stageNotice(answer, searchFor) : []));
  const focus = document.activeElement?.dataset.id;
  hits.replaceChildren(...answer.hits.map((hit) => hitCard(hit, open)));
  $("message").replaceChildren(...(answer.hits.length ? [] : [emptyNotice(state.filters.length > 0, clearFilters)]));
  showMore();
  showChips();
  const names = [...hits.querySelectorAll(".hit-name")];
  if (focusFirst) names[0]?.focus();
  // The nodes are new; the keyboard stays on the customer it was on, or in the list.
  else if (focus !== undefined) (names.find(({ dataset }) => dataset.id === focus) ?? names[0] ?? box).focus({ preventScroll: true });
  focusFirst = false;
}

function showMore() {
  const button = $("more");
  button.hidden = !nextCursor;
  // Watching anew makes the observer report again when the button is still in sight.
  watcher.unobserve(button);
  if (nextCursor && pages < OWN_PAGES) watcher.observe(button);
}

const watcher = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && loadMore(), { rootMargin: "300px" });

function showFacets() {
  const focus = document.activeElement?.dataset ?? {};
  const actions = {
    toggle: (field, value, on) => {
      toggleValue(field, value, on);
      changed();
    },
    expand: (field) => {
      if (!expanded.delete(field)) expanded.add(field);
      showFacets();
    },
  };
  const counted = new Map(counts.map((facet) => [facet.field, facet]));
  for (const { name, facet } of ranges) facet.showBars(counted.get(name));
  const blocks = facetNames(FACETS).map((name) => counted.get(name)).filter((facet) => facet?.buckets.length);
  $("facets").replaceChildren(...blocks.map((facet) => facetBlock(facet, expanded.has(facet.field), actions)));
  // The nodes are new; the keyboard stays where it was.
  const same = ({ dataset }) => dataset.field === focus.field && dataset.value === focus.value;
  if (focus.field) [...$("facets").querySelectorAll("[data-field]")].find(same)?.focus();
}

function showChips() {
  const drop = (filter, value) => {
    dropFilter(filter, value);
    showEnds();
    changed();
    ($("chips").querySelector("button") ?? box).focus();
  };
  const { count, nodes } = filterChips(state.filters, drop, clearFilters);
  $("filters-count").textContent = number(count);
  $("filters-count").hidden = count === 0;
  $("chips").replaceChildren(...nodes);
}

function showSorts() {
  const options = SORTS.filter((sort) => app.fields.get(sort.replace("-", ""))?.sortable);
  if (state.sort && !options.includes(state.sort)) options.push(state.sort);
  const nodes = ["", ...options].map((sort) => {
    const own = SORTS.includes(sort) ? t(`sort:${sort}`) : `${fieldLabel(sort.replace("-", ""))} ${sort.startsWith("-") ? "↓" : "↑"}`;
    return new Option(sort ? own : t("relevance"), sort, false, sort === state.sort);
  });
  $("sort").replaceChildren(...nodes);
}

function showActions() {
  const definition = () => ({ q: state.q, filters: state.filters });
  const write = async () => {
    const purpose = await askPurpose(t("exportCsv"), t("exportCsv"));
    const body = { ...definition(), sort: state.sort ? [state.sort] : [], format: "csv" };
    if (purpose) await download("POST", "customers/export", "customers.csv", { body, purpose: purpose.name });
  };
  const toFile = ({ target }) => {
    target.disabled = true;
    write()
      .catch((error) => $("more-problem").replaceChildren(problemNotice(error)))
      .finally(() => (target.disabled = false));
  };
  $("actions").replaceChildren(
    ...[
      h("button", { class: "quiet", onclick: () => app.go("statistics") }, t("toStatistics")),
      may("segments:write") && h("button", { class: "quiet", onclick: () => app.go("segments", { new: "1" }) }, t("toSegment")),
      may("customers:export") && h("button", { class: "quiet", onclick: toFile }, t("exportCsv")),
    ].filter(Boolean),
  );
}

function showSaved() {
  const open = ({ q, filters, sort }) => {
    Object.assign(state, { filters: structuredClone(filters), sort });
    box.value = q;
    showState();
    changed();
    box.focus();
  };
  $("saved-body").replaceChildren(...savedList(() => ({ q: box.value, filters: state.filters, sort: state.sort }), open, showSaved));
}

const showEnds = () => ranges.forEach(({ facet }) => facet.showEnds());

export function showState() {
  showSorts();
  showEnds();
  showChips();
}

export function showWords() {
  showActions();
  showSaved();
  ranges.forEach(({ facet }) => facet.showWords());
  showState();
  if (counts) showFacets();
  if (answer) showAnswer();
  else if (last) fail(last);
}

// Filters

function changed(replace = false) {
  writeFragment(replace, {});
  showChips();
  searchSoon.now();
}

function clearFilters() {
  state.filters = [];
  showEnds();
  changed();
  box.focus();
}

// From and to one customer

function open(id) {
  opened = id;
  noteRecent(box.value);
  showSaved();
  app.openCustomer(id);
}

export function focusOpened() {
  const at = answer?.hits.findIndex((hit) => hit.id === opened) ?? -1;
  reach(hits.querySelectorAll(".hit-name")[at] ?? box);
}

// Keyboard

export function onSearchKey(event) {
  const names = [...hits.querySelectorAll(".hit-name")];
  const at = names.indexOf(document.activeElement);
  if (event.key === "Escape" && event.target === box && box.value) {
    event.preventDefault();
    box.value = "";
    searchSoon.now();
  } else if (event.key === "Escape" && at >= 0) {
    box.focus();
  } else if (event.key === "ArrowDown" && (event.target === box || at >= 0)) {
    event.preventDefault();
    reach(names[at + 1]);
    if (at + 1 >= names.length - 1) loadMore();
  } else if (event.key === "ArrowUp" && at >= 0) {
    event.preventDefault();
    reach(names[at - 1] ?? box);
  } else if (at >= 0 && event.key.length === 1 && event.key !== " ") {
    box.focus(); // typing goes on in the box
  }
}

function reach(node) {
  node?.focus({ preventScroll: true });
  (node?.closest(".hit") ?? node)?.scrollIntoView({ block: "nearest" });
}

// Beginning: once, when the fields are known

export function begin() {
  ranges = RANGES.filter((name) => app.fields.get(name)?.ranged).map((name) => ({ name, facet: rangeFacet(app.fields.get(name), changed) }));
  $("ranges").replaceChildren(...ranges.map(({ facet }) => facet.node));
  showWords();
}

export function submit() {
  focusFirst = true;
  noteRecent(box.value);
  showSaved();
  searchSoon.now();
}

export function forget() {
  asked?.abort();
  [answer, counts, last, nextCursor] = [null, null, null, null];
  box.value = state.q = "";
  for (const place of [hits, $("total"), $("facets"), $("chips"), $("message"), $("stage")]) place.replaceChildren();
}

$("sort").addEventListener("change", () => {
  state.sort = $("sort").value;
  changed();
});
$("more").addEventListener("click", loadMore);
$("filters-toggle").addEventListener("click", () => {
  const open = $("filters").classList.toggle("open");
  $("filters-toggle").setAttribute("aria-expanded", String(open));
});
