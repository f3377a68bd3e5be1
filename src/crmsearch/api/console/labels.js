// Words of the page in both languages, and how values are written. Names of fields come from the API's catalogue.

import en from "./words.en.js";
import zh from "./words.zh.js";

const STORE = "crmsearch.language";

const WORDS = { en, zh };

// Values of the closed vocabularies; every other value is data and is shown as it is.
const VALUES = {
  gender: { female: ["Female", "女"], male: ["Male", "男"], other: ["Other", "其他"], unknown: ["Unknown", "未知"] },
  kind: { person: ["Person", "个人"], company: ["Company", "公司"] },
  lifecycle: { lead: ["Lead", "线索"], prospect: ["Prospect", "潜在客户"], customer: ["Customer", "客户"], churned: ["Churned", "已流失"] },
  source_system: {
    salesforce: ["Salesforce", "Salesforce"],
    zoho: ["Zoho", "Zoho"],
    dynamics365: ["Dynamics 365", "Dynamics 365"],
    hubspot: ["HubSpot", "HubSpot"],
    generic: ["Other file", "其他文件"],
  },
};

const SHARES = new Set(["quality_score", "match_confidence", "churn_risk"]);

let language = localStorage.getItem(STORE) ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
if (!(language in WORDS)) language = "en";
let fields = new Map();

export const isChinese = () => language === "zh";
export const locale = () => (isChinese() ? "zh-CN" : "en");

export function switchLanguage() {
  language = isChinese() ? "en" : "zh";
  localStorage.setItem(STORE, language);
}

export function setFields(catalogue) {
  fields = new Map(catalogue.map((field) => [field.name, field]));
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

export function number(value, digits = 0) {
  return new Intl.NumberFormat(locale(), { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

export function valueText(name, value) {
  const known = VALUES[name]?.[value];
  if (known) return known[isChinese() ? 1 : 0];
  if (name === "country" && /^[A-Z]{2}$/.test(value)) return new Intl.DisplayNames(locale(), { type: "region" }).of(value);
  const type = fields.get(name)?.type;
  if (name === "phones") return phone(value);
  if (type === "date") return date(value);
  if (type === "geo_point") return `${value.lat.toFixed(4)}, ${value.lon.toFixed(4)}`;
  if (typeof value !== "number") return String(value);
  if (SHARES.has(name)) return new Intl.NumberFormat(locale(), { style: "percent" }).format(value);
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: 2 }).format(value);
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
    return new Intl.RelativeTimeFormat(locale(), { numeric: count ? "always" : "auto" }).format(-count, UNITS[unit]);
  }
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime())) return text;
  const style = text.includes("T") ? { dateStyle: "medium", timeStyle: "short" } : { dateStyle: "medium", timeZone: "UTC" };
  return new Intl.DateTimeFormat(locale(), style).format(moment);
}
