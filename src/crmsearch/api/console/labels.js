// Words of the page in both languages, and how values are written. Names of fields come from the API's catalogue.

import en from "./words.en.js";
import zh from "./words.zh.js";

const STORE = "crmsearch.language";

const WORDS = { en, zh };

const SHARES = new Set(["quality_score", "match_confidence", "churn_risk"]);

let language = localStorage.getItem(STORE) ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
if (!(language in WORDS)) language = "en";
let fields = new Map();
let values = new Map(); // field -> value -> what the catalogue calls it; every other value is data and is shown as it is
const formats = new Map(); // to make one takes longer than to use it a hundred times

export const isChinese = () => language === "zh";
export const locale = () => (isChinese() ? "zh-CN" : "en");

export function switchLanguage() {
  language = isChinese() ? "en" : "zh";
  formats.clear();
  localStorage.setItem(STORE, language);
}

export function setFields(catalogue) {
  fields = new Map(catalogue.map((field) => [field.name, field]));
  values = new Map(catalogue.map((field) => [field.name, new Map(field.values.map((each) => [each.value, each]))]));
  return fields;
}

export function t(key, ...values) {
  const word = WORDS[language][key] ?? key.replace(/^\w+:/, "");
  return typeof word === "function" ? word(...values) : word;
}

export function fieldLabel(name) {
  const field = fields.get(name);
  return (isChinese() ? field?.label_zh : field?.label) ?? name;
}

// A label within an English sentence: without its capital, unless it is an abbreviation.
export const inSentence = (label) => (/^[A-Z]{2}/.test(label) ? label : label.charAt(0).toLowerCase() + label.slice(1));

function format(kind, options) {
  const key = kind.name + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new kind(locale(), options));
  return formats.get(key);
}

export function number(value, digits = 0) {
  return format(Intl.NumberFormat, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

function known(name, value) {
  const word = values.get(name)?.get(value);
  return word && (isChinese() ? word.label_zh : word.label);
}

// A cluster is named by several words, and by a number where others have the same: “many orders, recent orders 2”.
function cluster(text) {
  const [, words, count] = /^(.*?)(?: (\d+))?$/.exec(text);
  const said = words.split(", ").map((word) => known("cluster", word) ?? word);
  return said.join(isChinese() ? "，" : ", ") + (count ? ` ${count}` : "");
}

export function valueText(name, value) {
  const word = known(name, value);
  if (word) return word;
  if (name === "cluster") return cluster(value);
  if (name === "country" && /^[A-Z]{2}$/.test(value)) return format(Intl.DisplayNames, { type: "region" }).of(value);
  const type = fields.get(name)?.type;
  if (name === "phones") return phone(value);
  if (type === "date") return date(value);
  if (type === "geo_point") return `${value.lat.toFixed(4)}, ${value.lon.toFixed(4)}`;
  if (typeof value !== "number") return String(value);
  if (SHARES.has(name)) return format(Intl.NumberFormat, { style: "percent" }).format(value);
  return format(Intl.NumberFormat, { maximumFractionDigits: 2 }).format(value);
}

// +8613812345678 as +86 138 1234 5678; numbers of other plans stay in one piece rather than being grouped wrongly.
function phone(text) {
  return text.replace(/^(\+86)(1\d\d)(\d{4})(\d{4})$/, "$1 $2 $3 $4").replace(/^(\+1)(\d{3})(\d{3})(\d{4})$/, "$1 $2 $3 $4");
}

const UNITS = { d: "day", w: "week", M: "month", y: "year" };

// A day is a day everywhere; a moment is shown in the reader's time zone; now-90d is 90 days ago.
function date(text) {
  const back = /^now(?:-(\d+)([dwMy]))?$/.exec(text);
  if (back) {
    const [, count = 0, unit = "d"] = back;
    return format(Intl.RelativeTimeFormat, { numeric: count ? "always" : "auto" }).format(-count, UNITS[unit]);
  }
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime())) return text;
  const style = text.includes("T") ? { dateStyle: "medium", timeStyle: "short" } : { dateStyle: "medium", timeZone: "UTC" };
  return format(Intl.DateTimeFormat, style).format(moment);
}

const SPANS = [["year", 365.25], ["month", 30.44], ["day", 1]];
const DAY_MS = 86_400_000;

// How long ago a moment was, in the largest unit of which there is one.
export function agoText(text) {
  const days = (Date.now() - new Date(text).getTime()) / DAY_MS;
  const [unit, length] = SPANS.find(([, each]) => Math.abs(days) >= each) ?? SPANS.at(-1);
  return format(Intl.RelativeTimeFormat, { numeric: "auto" }).format(-Math.round(days / length), unit);
}
