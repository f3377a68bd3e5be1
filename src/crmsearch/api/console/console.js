// The shell: who is signed in, which page is shown, language, colours and the keys that work everywhere. Pages but the first load when asked for.

import { Problem, getSession, get, post, signIn, signOut } from "./api.js";
import { app, may } from "./app.js";
import { $, askIn, h, problemNotice } from "./dom.js";
import { isChinese, locale, setFields, switchLanguage, t } from "./labels.js";
import { forgetRecent } from "./saved.js";
import * as search from "./search.js";
import { readFragment, state, takeKey, writeFragment } from "./state.js";
import { problemText } from "./told.js";

// Each page with a scope that opens it, and the module that shows it.
const PAGES = {
  search: [["customers:read"]],
  segments: [["statistics:read"], () => import("./segments.js")],
  statistics: [["statistics:read"], () => import("./statistics.js")],
  quality: [["runs:read"], () => import("./quality.js")],
  admin: [["keys:write", "audit:read", "index:write"], () => import("./admin.js")],
  customer: [["customers:read"], () => import("./customer.js")],
};
const THEME = "crmsearch.theme";
const DARK = matchMedia("(prefers-color-scheme: dark)");

const box = $("q");
const view = $("view");
let shown = ""; // the page
let over = false; // the session ended while the page was open

const mayOpen = (page) => PAGES[page]?.[0].some(may) ?? false;

// Pages

app.go = (page, more = {}) => {
  state.page = page;
  writeFragment(false, more);
  showPage();
};

app.openCustomer = (id) => {
  state.page = "customer";
  writeFragment(false, {}, { customer: id });
  showPage();
};

app.back = () => (history.state?.customer && shown === "customer" ? history.back() : app.go("search"));

async function showPage() {
  if (!mayOpen(state.page)) state.page = Object.keys(PAGES).find(mayOpen) ?? "";
  const before = shown;
  shown = state.page;
  $("page").hidden = shown !== "search";
  view.hidden = shown === "search";
  showTabs();
  document.title = shown === "search" || shown === "customer" ? "crmsearch" : `${t(`page:${shown}`)} · crmsearch`;
  if (shown === "") {
    view.replaceChildren(h("p", { class: "notice" }, t("nothingAllowed")));
  } else if (shown === "search") {
    view.replaceChildren();
    search.showState();
    if (before === "customer" && $("hits").childElementCount && !app.stale) search.focusOpened();
    else search.searchSoon.now();
    app.stale = false;
  } else {
    scrollTo(0, 0);
    try {
      const wanted = shown;
      const module = await PAGES[wanted][1]();
      if (shown !== wanted) return; // another page was opened while this one was loaded
      await module.show(view);
      if (before && before !== shown) (view.querySelector("h2") ?? view).focus({ preventScroll: true });
    } catch (error) {
      if (!("status" in error)) console.error(error);
      view.replaceChildren(problemNotice(error, showPage));
    }
  }
}

function showTabs() {
  const tabs = Object.keys(PAGES).filter((page) => page !== "customer" && mayOpen(page));
  const current = shown === "customer" ? "search" : shown;
  $("tabs").replaceChildren(
    ...tabs.map((page) => h("button", { class: "tab", "aria-current": page === current ? "page" : undefined, onclick: () => app.go(page) }, t(`page:${page}`))),
  );
  $("tabs").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" }); // on a phone they do not all fit
  $("search-form").hidden = !mayOpen("search");
}

// Language and colours

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
  const { state: signed, name, role } = app.session ?? {};
  $("me").hidden = !app.session || signed === "signed_out";
  $("me").textContent = signed === "open" ? t("openToAll") : [name || app.session?.prefix, t(`role:${role}`), ...(app.session?.rows ?? [])].join(" · ");
  $("sign-out").hidden = signed !== "signed_in";
}

function showTheme() {
  const wanted = localStorage.getItem(THEME) ?? (DARK.matches ? "dark" : "light");
  document.documentElement.dataset.theme = wanted;
}

// Signing in and out

function lock(problem) {
  shown = "";
  $("page").hidden = true;
  view.hidden = false;
  $("search-form").hidden = true;
  $("tabs").replaceChildren();
  const input = h("input", { type: "password", id: "key", required: true, autocomplete: "off", spellcheck: "false", "aria-describedby": "key-help" });
  const form = h(
    "form",
    {
      class: "notice",
      onsubmit: (event) => {
        event.preventDefault();
        enter(input.value);
      },
    },
    h("h2", {}, t("signInTitle")),
    h("p", { id: "key-help" }, t("signInText")),
    over ? h("p", { role: "status" }, t("sessionOver")) : null,
    problem ? h("p", { class: "field-problem", role: "alert" }, problem.status === 401 ? t("keyWrong") : problemText(problem).text) : null,
    h("label", { for: "key" }, t("keyLabel")),
    h("div", { class: "range" }, input, h("button", { type: "submit", class: "primary" }, t("signInGo"))),
  );
  view.replaceChildren(form);
  input.focus();
}

async function enter(key) {
  try {
    await signIn(key.trim());
    over = false;
    await start();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    lock(error);
  }
}

async function leave() {
  await signOut();
  forgetRecent();
  search.forget();
  app.session = null;
  history.replaceState(null, "", location.pathname);
  readFragment(app.fields);
  showWords();
  lock();
}

async function start() {
  try {
    app.session = await getSession();
    showWords();
    if (app.session.state === "signed_out") {
      lock();
      return;
    }
    app.fields = setFields(await get("fields"));
    readFragment(app.fields);
    if (mayOpen("search")) search.begin();
    if (!(await openReference())) await showPage();
    if (shown === "search") box.focus();
  } catch (error) {
    if (!("status" in error)) console.error(error);
    view.hidden = false;
    view.replaceChildren(problemNotice(error, start));
  }
}

// #ref=… names a customer without telling who it is; what stands behind it is asked of the API.
async function openReference() {
  const { ref } = state.more;
  if (!ref || !mayOpen("search")) return false;
  let id = null;
  try {
    id = (await post("customers/lookup", { refs: [ref] })).customers[0]?.customer_id;
  } catch (error) {
    if (![400, 404].includes(error.status)) throw error;
  }
  state.page = "customer";
  writeFragment(true, {}, { customer: id ?? "" });
  await showPage();
  return true;
}

// Keyboard

function showHelp() {
  askIn(t("help"), h("dl", {}, t("helpKeys").map(([keys, does]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, does)])));
}

function onKey(event) {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey || $("dialog").open) return;
  const editable = event.target.closest("input:not([type=checkbox]), select, textarea");
  if (event.key === "/" && !editable && mayOpen("search")) {
    event.preventDefault();
    box.focus();
    box.select();
  } else if (event.key === "?" && !editable) {
    showHelp();
  } else if (event.key === "Escape" && shown === "customer") {
    app.back();
  } else if (shown === "search") {
    search.onSearchKey(event);
  }
}

const typed = () => {
  if (shown !== "search") app.go("search");
  search.searchSoon();
};
box.addEventListener("input", (event) => event.isComposing || typed());
box.addEventListener("compositionend", typed);
$("search-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (shown !== "search") app.go("search");
  search.submit();
});
$("language").addEventListener("click", () => {
  switchLanguage();
  showWords();
  if (app.session?.state === "signed_out" || !app.session) lock();
  else {
    search.showWords();
    if (shown === "search") showTabs();
    else showPage();
  }
});
$("theme").addEventListener("click", () => {
  localStorage.setItem(THEME, document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  showTheme();
});
$("help").addEventListener("click", showHelp);
$("sign-out").addEventListener("click", leave);
$("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment is the state's
  (shown === "search" ? $("results") : view).focus();
});
document.addEventListener("keydown", onKey);
addEventListener("popstate", () => {
  const key = takeKey();
  if (key) enter(key);
  else if (app.session && app.session.state !== "signed_out") {
    readFragment(app.fields);
    showPage();
  }
});
addEventListener("signedout", () => {
  if (app.session === null) return;
  app.session = null;
  over = true;
  showWords();
  lock();
});
DARK.addEventListener("change", showTheme);

showTheme();
showWords();
const key = takeKey();
if (key) enter(key);
else start();
