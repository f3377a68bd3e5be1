// What is asked for: the text, the filters, the order. Filters and order live in the location's fragment, so that a view can be
// bookmarked or sent on; the text never does, since it is a customer's name or number.

export const state = { q: "", filters: [], sort: "" };

const RANGED = new Set(["integer", "double", "date"]);
const NUMERIC = new Set(["integer", "double"]);

// A field has at most one filter: the ticked values, or a range.

export function toggleValue(field, value, on) {
  const found = state.filters.find((each) => each.field === field);
  const values = (found?.in ?? []).filter((each) => each !== value);
  if (on) values.push(value);
  replaceFilter(field, values.length ? { field, in: values } : null);
}

export function range(field) {
  return state.filters.find((each) => each.field === field) ?? {};
}

export function setRange(field, gte, lte) {
  replaceFilter(field, gte === undefined && lte === undefined ? null : { field, gte, lte });
}

function replaceFilter(field, filter) {
  const at = state.filters.findIndex((each) => each.field === field);
  state.filters.splice(at < 0 ? state.filters.length : at, at < 0 ? 0 : 1, ...(filter ? [filter] : []));
}

export function dropFilter(filter) {
  state.filters = state.filters.filter((each) => each !== filter);
}

// The fragment: #f=city:北京|上海&f=age:20..39&sort=-revenue, each filter in the string form that the API and the command line use.

export function writeFragment() {
  const parts = state.filters.map((each) => `f=${encodeURIComponent(formatFilter(each))}`);
  if (state.sort) parts.push(`sort=${encodeURIComponent(state.sort)}`);
  const fragment = parts.length ? `#${parts.join("&")}` : "";
  if (fragment !== location.hash) history.pushState(null, "", location.pathname + fragment);
}

// Takes the state from the fragment; what is not understood (an unknown field, an odd value) is left out, and the chips show what holds.
// Returns the key if the fragment carried one.
export function readFragment(fields) {
  const filters = [];
  let key = null;
  let sort = "";
  for (const part of location.hash.slice(1).split("&")) {
    const at = part.indexOf("=");
    const [name, value] = [part.slice(0, at), decoded(part.slice(at + 1))];
    if (name === "key") key = value;
    if (name === "sort" && fields?.get(value.replace(/^-/, ""))?.sortable) sort = value;
    const filter = name === "f" && fields ? parseFilter(value, fields) : null;
    if (filter && !filters.some((each) => each.field === filter.field)) filters.push(filter);
  }
  if (fields) Object.assign(state, { filters, sort });
  return key;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function formatFilter(filter) {
  if (!filter.in) return `${filter.field}:${filter.gte ?? ""}..${filter.lte ?? ""}`;
  return `${filter.field}:${filter.in.map((value) => String(value).replace(/[\\|*]/g, "\\$&")).join("|")}`;
}

function parseFilter(text, fields) {
  const [, name, rest] = /^([a-z_]+):(.+)$/su.exec(text) ?? [];
  const field = fields.get(name);
  if (!field?.filterable || rest === "*") return null;
  const bounds = /^([^|]*?)\.\.([^|]*)$/.exec(rest);
  if (bounds && RANGED.has(field.type)) {
    const ends = ["gte", "lte"].map((end, at) => [end, scalar(bounds[at + 1], field)]).filter(([, value]) => value !== "");
    return !ends.length || ends.some(([, value]) => value === null) ? null : { field: name, ...Object.fromEntries(ends) };
  }
  const values = splitValues(rest).map((value) => scalar(value, field));
  if (values.some((value) => value === null || value === "")) return null;
  return { field: name, in: values };
}

function splitValues(text) {
  const values = [""];
  for (const [token] of text.matchAll(/\\.|[^\\]/gsu)) {
    if (token === "|") values.push("");
    else values[values.length - 1] += token.length > 1 && token[0] === "\\" ? token.slice(1) : token;
  }
  return values;
}

function scalar(text, field) {
  if (!NUMERIC.has(field.type) || text === "") return text;
  return Number.isFinite(Number(text)) ? Number(text) : null;
}
