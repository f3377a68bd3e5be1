// The page: reads what the user does, asks the API, and puts the answers in their places.

import { Problem, computeStats, drawStats, forgetKey, getCustomer, hasKey, keepKey, listFields, searchCustomers } from "./api.js";
import { fieldLabel, isChinese, locale, number, setFields, switchLanguage, t } from "./labels.js";
import { chartFigure, chip, chipText, detailPanel, emptyNotice, facetBlock, h, hitCard, keyNotice, problemNotice, stageNotice, statsTable } from "./render.js";
import { dropFilter, readFragment, setRange, state, toggleValue, wholeRange, writeFragment } from "./state.js";

const FACETS = ["city", "gender", "lifecycle", "industry", "source_system", "tags", "kind"];
const SORTS = ["name", "-last_activity_at", "-revenue"];
const SIZE = 20; // hits in one answer: about two screens
const PAUSE_MS = 120; // after the last letter; shorter asks for every letter, longer is felt
const STATS_PAUSE_MS = 400; // statistics follow once the hits have settled
const AGE_PAUSE_MS = 400;
const OWN_PAGES = 5; // pages that scrolling loads by itself; then the button waits, so that the end of the page stays within reach
const STATS_GROUPS = 8;
const CHART_GROUPS = 12;
// The charts that fit numbers, and everything else; alone, and in groups.
const CHARTS = { true: [["histogram", "box", "line"], ["bars", "box", "line"]], false: [["bars"], ["heatmap", "bars"]] };
const WIDE = matchMedia("(min-width: 1400px)");

const $ = (id) => document.getElementById(id);
const box = $("q");
const hits = $("hits");

let fields = new Map();
let answer = null; // the last first page
let last = null; // the last problem
let asked = null; // AbortController of the search under way
let nextCursor = null;
let pages = 0;
let loading = false; // a further page is on its way
let agesTyped = false; // the ages being typed have their entry in the history, where the next step takes its place
let focusFirst = false; // Enter was pressed: go to the first hit when it is there
let statsBy = "city";
let chosen = { field: "age", by: "", chart: "histogram" }; // the figure that is shown
let detailAsked = null;
let shownCustomer = null;
const expanded = new Set();

const searchSoon = delayed(search, PAUSE_MS);
const stats = panel("stats", askStats);
const figures = panel("figures", askFigure);
const panelsSoon = delayed(() => [stats, figures].forEach((each) => each.load()), STATS_PAUSE_MS);
const agesSoon = delayed(applyAges, AGE_PAUSE_MS);

function delayed(action, pause) {
  let timer = 0;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(action, pause);
  };
  soon.now = () => {
    clearTimeout(timer);
    action();
  };
  return soon;
}

// Searching

function request(cursor) {
  const body = { q: box.value, filters: state.filters, facets: facetNames(), sort: state.sort ? [state.sort] : [], size: SIZE };
  return cursor ? { ...body, cursor } : body;
}

function facetNames() {
  return FACETS.filter((name) => fields.get(name)?.facet);
}

async function search() {
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
    panelsSoon();
  } catch (error) {
    if (asked === mine) fail(error);
  } finally {
    if (asked === mine) setBusy(false);
  }
}

function searchFor(text) {
  box.value = text;
  box.focus();
  searchSoon.now();
}

async function loadMore() {
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
    hits.append(...found.hits.map((hit) => hitCard(hit, openDetail)));
    showMore();
  } catch (error) {
    if (asked !== mine || error.name === "AbortError") return;
    // A cursor ends when a new load of the data takes over: the first page of the new one is the way on.
    if (error.code === "invalid_cursor") search();
    else if (error.status === 401) fail(error);
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
  for (const each of [stats, figures]) each.clear();
  for (const place of [hits, $("total"), $("stage"), $("more-problem")]) place.replaceChildren();
  $("more").hidden = true;
  if (last.status === 401) askKey();
  else $("message").replaceChildren(problemNotice(last, start));
}

function askKey() {
  const wrong = hasKey();
  forgetKey();
  $("page").classList.add("locked");
  $("message").replaceChildren(
    keyNotice(wrong, (key) => {
      keepKey(key);
      start();
    }),
  );
  $("key").focus();
}

// Showing

function showAnswer() {
  $("page").classList.remove("locked");
  $("more-problem").replaceChildren();
  const text = number(answer.total);
  const total = t("total", answer.total, answer.total_relation === "gte" ? t("atLeast", text) : text);
  $("total").replaceChildren(total, " ", h("span", { class: "took" }, t("took", number(answer.took_ms))));
  $("stage").className = `stage ${answer.stage}`;
  $("stage").replaceChildren(...(answer.stage !== "precise" && answer.hits.length ? stageNotice(answer, searchFor) : []));
  hits.replaceChildren(...answer.hits.map((hit) => hitCard(hit, openDetail)));
  $("message").replaceChildren(...(answer.hits.length ? [] : [emptyNotice(state.filters.length > 0, clearFilters)]));
  showMore();
  showFacets();
  showChips();
  if (focusFirst) hits.querySelector(".hit-name")?.focus();
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
  const blocks = answer.facets.filter((facet) => facet.buckets.length).map((facet) => facetBlock(facet, expanded.has(facet.field), actions));
  $("facets").replaceChildren(...blocks);
  // The nodes are new; the keyboard stays where it was.
  const same = ({ dataset }) => dataset.field === focus.field && dataset.value === focus.value;
  if (focus.field) [...$("facets").querySelectorAll("[data-field]")].find(same)?.focus();
}

function showChips() {
  const chips = state.filters.flatMap((filter) =>
    (filter.in ?? filter.not_in ?? [undefined]).map((value) => {
      const one = value === undefined ? filter : { field: filter.field, [filter.in ? "in" : "not_in"]: [value] };
      return chip(chipText(one), () => {
        dropFilter(filter, value);
        showAges();
        changed();
        ($("chips").querySelector("button") ?? box).focus();
      });
    }),
  );
  $("filters-count").textContent = number(chips.length);
  $("filters-count").hidden = chips.length === 0;
  if (chips.length > 1) chips.push(h("li", {}, h("button", { class: "link", onclick: clearFilters }, t("clearAll"))));
  $("chips").replaceChildren(...chips);
}

function showSorts() {
  const options = SORTS.filter((sort) => fields.get(sort.replace("-", ""))?.sortable);
  if (state.sort && !options.includes(state.sort)) options.push(state.sort);
  const nodes = ["", ...options].map((sort) => {
    const own = SORTS.includes(sort) ? t(`sort:${sort}`) : `${fieldLabel(sort.replace("-", ""))} ${sort.startsWith("-") ? "↓" : "↑"}`;
    return new Option(sort ? own : t("relevance"), sort, false, sort === state.sort);
  });
  $("sort").replaceChildren(...nodes);
}

function showGroupings() {
  $("stats-by").replaceChildren(...facetNames().map((name) => new Option(fieldLabel(name), name, false, name === statsBy)));
  $("stats-title").textContent = t("stats", fieldLabel(statsBy));
  showChoices();
}

function showChoices() {
  const drawn = [...fields.values()].filter((field) => field.statistic || field.facet);
  const groups = facetNames().filter((name) => name !== chosen.field);
  if (!groups.includes(chosen.by)) chosen.by = "";
  const charts = CHARTS[fields.get(chosen.field)?.statistic === true][chosen.by ? 1 : 0];
  if (!charts.includes(chosen.chart)) chosen.chart = charts[0];
  const fill = (name, values, word) => $(`figures-${name}`).replaceChildren(...values.map((value) => new Option(word(value), value, false, value === chosen[name])));
  fill("field", drawn.map((field) => field.name), fieldLabel);
  fill("by", ["", ...groups], (name) => (name ? fieldLabel(name) : t("noGroups")));
  fill("chart", charts, (name) => t(`chart:${name}`));
}

function showAges() {
  const { gte, lte } = wholeRange("age");
  $("age-from").value = gte ?? "";
  $("age-to").value = lte ?? "";
  $("age-problem").textContent = "";
}

function showWords() {
  document.documentElement.lang = locale();
  for (const node of document.querySelectorAll("[data-t], [data-t-placeholder], [data-t-label]")) {
    const { t: text, tPlaceholder: placeholder, tLabel: label } = node.dataset;
    if (text) node.textContent = t(text);
    if (placeholder) node.placeholder = t(placeholder);
    if (label) node.ariaLabel = t(label);
  }
  $("language").textContent = isChinese() ? "English" : "中文";
  $("language").lang = isChinese() ? "en" : "zh-CN";
}

function showAll() {
  showWords();
  showSorts();
  showGroupings();
  showChips();
  if (answer) showAnswer();
  else if (last) fail(last);
  stats.show();
  figures.load(); // its words come from the API
  if (shownCustomer) $("detail").replaceChildren(...detailPanel(shownCustomer, [...fields.values()], closeDetail));
}

// Filters

function changed(replace = false) {
  writeFragment(replace);
  showChips();
  searchSoon.now();
}

function clearFilters() {
  state.filters = [];
  showAges();
  changed();
  box.focus();
}

function applyAges() {
  const [from, to] = [$("age-from"), $("age-to")];
  const bad = [from, to].filter((input) => !input.validity.valid);
  const [gte, lte] = [from, to].map((input) => (input.value === "" ? undefined : Number(input.value)));
  const crossed = gte !== undefined && lte !== undefined && gte > lte;
  for (const input of [from, to]) input.setAttribute("aria-invalid", String(bad.includes(input) || crossed));
  $("age-problem").textContent = bad.length ? t("ageWhole") : crossed ? t("ageOrder") : "";
  if (bad.length || crossed) return;
  const before = wholeRange("age");
  if (before.gte === gte && before.lte === lte) return;
  setRange("age", gte, lte);
  changed(agesTyped);
  agesTyped = true;
}

// Statistics and figures of the customers found: asked for only while their panel is open

function panel(name, ask) {
  const place = () => $(`${name}-body`);
  let asked = null;
  let render = null; // shows the last answer, in the language of the moment
  const show = () => render && place().replaceChildren(...render());
  const clear = () => {
    asked?.abort();
    render = null;
    place().replaceChildren();
  };
  const load = async () => {
    if (!$(name).open || !answer) return;
    asked?.abort();
    const mine = (asked = new AbortController());
    place().setAttribute("aria-busy", "true");
    try {
      const found = await ask(mine.signal);
      if (asked !== mine) return;
      render = found;
      show();
    } catch (error) {
      if (error.name === "AbortError" || asked !== mine) return;
      render = null;
      place().replaceChildren(problemNotice(error, load));
    } finally {
      if (asked === mine) place().setAttribute("aria-busy", "false");
    }
  };
  return { load, show, clear };
}

async function askStats(signal) {
  const by = statsBy;
  const found = await computeStats({ fields: ["age"], q: state.q, filters: state.filters, by, size: STATS_GROUPS }, signal);
  return () => statsTable(found, by);
}

async function askFigure(signal) {
  const { field, by, chart } = chosen;
  const body = { fields: [field], q: state.q, filters: state.filters, size: CHART_GROUPS, ...(by && { by }) };
  const text = await drawStats(body, { chart, lang: isChinese() ? "zh" : "en" }, signal);
  return () => chartFigure(text);
}

// One customer

async function openDetail(id) {
  const panel = $("detail");
  detailAsked?.abort();
  const mine = (detailAsked = new AbortController());
  try {
    shownCustomer = await getCustomer(id, mine.signal);
    panel.replaceChildren(...detailPanel(shownCustomer, [...fields.values()], closeDetail));
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.status === 401) {
      fail(error);
      return;
    }
    const notice = problemNotice(error, () => {
      closeDetail();
      openDetail(id);
    });
    notice.querySelector("h2").id = "detail-name";
    panel.replaceChildren(notice);
  }
  if (!panel.open) panel.showModal();
  panel.querySelector(".detail-body")?.focus();
}

function closeDetail() {
  $("detail").close();
}

// Keyboard

function onKey(event) {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey || $("detail").open) return;
  const editable = event.target.closest("input, select, textarea");
  const names = [...hits.querySelectorAll(".hit-name")];
  const at = names.indexOf(document.activeElement);
  if (event.key === "/" && !(editable && editable.type !== "checkbox")) {
    event.preventDefault();
    box.focus();
    box.select();
  } else if (event.key === "Escape" && event.target === box && box.value) {
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

// Beginning

async function start() {
  try {
    if (!fields.size) {
      setBusy(true);
      fields = setFields(await listFields());
      readFragment(fields);
      showSorts();
      showGroupings();
      showAges();
      showChips();
    }
    last = null;
    await search();
  } catch (error) {
    setBusy(false);
    fail(error);
  }
}

function takeKey() {
  const key = readFragment(null);
  if (!key) return false;
  keepKey(key);
  const rest = location.hash.slice(1).split("&").filter((part) => !part.startsWith("key=")).join("&");
  history.replaceState(null, "", location.pathname + (rest ? `#${rest}` : ""));
  return true;
}

function onMove() {
  const unlocked = takeKey();
  agesTyped = false;
  if (fields.size) {
    readFragment(fields);
    showSorts();
    showAges();
    showChips();
    search();
  } else if (unlocked) start();
}

function adaptWidth() {
  $("stats").open = WIDE.matches;
}

box.addEventListener("input", (event) => event.isComposing || searchSoon());
box.addEventListener("compositionend", () => searchSoon());
$("search-form").addEventListener("submit", (event) => {
  event.preventDefault();
  focusFirst = true;
  searchSoon.now();
});

$("sort").addEventListener("change", () => {
  state.sort = $("sort").value;
  changed();
});
$("age-from").addEventListener("input", agesSoon);
$("age-to").addEventListener("input", agesSoon);
$("ages").addEventListener("change", () => agesSoon.now());
$("ages").addEventListener("focusin", (event) => {
  if (!$("ages").contains(event.relatedTarget)) agesTyped = false;
});
$("more").addEventListener("click", loadMore);
$("stats").addEventListener("toggle", stats.load);
$("figures").addEventListener("toggle", figures.load);
for (const name of ["field", "by", "chart"]) {
  $(`figures-${name}`).addEventListener("change", (event) => {
    chosen = { ...chosen, [name]: event.target.value };
    showChoices();
    figures.load();
  });
}
$("stats-by").addEventListener("change", () => {
  statsBy = $("stats-by").value;
  showGroupings();
  stats.load();
});
$("filters-toggle").addEventListener("click", () => {
  const open = $("filters").classList.toggle("open");
  $("filters-toggle").setAttribute("aria-expanded", String(open));
});
$("language").addEventListener("click", () => {
  switchLanguage();
  showAll();
});
$("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment is the state's
  $("results").focus();
});
$("detail").addEventListener("click", (event) => event.target === $("detail") && closeDetail());
$("detail").addEventListener("close", () => {
  shownCustomer = null;
  $("detail").replaceChildren();
});
document.addEventListener("keydown", onKey);
window.addEventListener("popstate", onMove);
WIDE.addEventListener("change", adaptWidth);

showWords();
adaptWidth();
takeKey();
start();
