// What is asked for: the text, the filters, the order. Filters and order live in the location's fragment, so that a view can be
// bookmarked or sent on; the text never does, since it is a customer's name or number.

export const state = { q: "", filters: [], sort: "" };

const RANGED = new Set(["integer", "double", "date"]);
const NUMERIC = new Set(["integer", "double"]);
const BOUNDS = ["gte", "gt", "lte", "lt"];

// Every filter is one of the API's, as it stands in a request. What is ticked of a field is one of them, and so is its range.

export function toggleValue(field, value, on) {
  const found = state.filters.find((each) => each.field === field && each.in && (on || each.in.includes(value)));
  if (on) replaceFilter(found, { field, in: [...(found?.in ?? []), value] });
  else if (found) dropFilter(found, value);
}

// The range of a field of whole numbers, both ends included.
export function wholeRange(field) {
  const { gte, gt, lte, lt } = rangeOf(field) ?? {};
  const whole = (value, step) => (Number.isInteger(value) ? value + step : undefined);
  return { gte: whole(gte, 0) ?? whole(gt, 1), lte: whole(lte, 0) ?? whole(lt, -1) };
}

export function setRange(field, gte, lte) {
  replaceFilter(rangeOf(field), gte === undefined && lte === undefined ? null : { field, gte, lte });
}

function rangeOf(field) {
  return state.filters.find((each) => each.field === field && BOUNDS.some((bound) => each[bound] !== undefined));
}

// Without the value the whole filter goes.
export function dropFilter(filter, value) {
  const kind = filter.in ? "in" : "not_in";
  const rest = value === undefined ? [] : filter[kind].filter((each) => each !== value);
  replaceFilter(filter, rest.length ? { ...filter, [kind]: rest } : null);
}

function replaceFilter(old, filter) {
  const at = state.filters.indexOf(old);
  state.filters.splice(at < 0 ? state.filters.length : at, at < 0 ? 0 : 1, ...(filter ? [filter] : []));
}

// The fragment: #f=city:北京|上海&f=age:20..39&sort=-revenue, each filter in the string form that the API and the command line use.

export function writeFragment(replace) {
  const parts = state.filters.map((each) => `f=${encodeURIComponent(formatFilter(each))}`);
  if (state.sort) parts.push(`sort=${encodeURIComponent(state.sort)}`);
  const fragment = parts.length ? `#${parts.join("&")}` : "";
  if (fragment !== location.hash) history[replace ? "replaceState" : "pushState"](null, "", location.pathname + fragment);
}

// Takes the state from the fragment. Nothing of it is left out: what makes no sense is the API's to refuse, with its reason.
// Returns the key if the fragment carried one.
export function readFragment(fields) {
  const filters = [];
  let key = null;
  let sort = "";
  for (const part of location.hash.slice(1).split("&")) {
    const at = part.indexOf("=");
    const [name, value] = [part.slice(0, at), decoded(part.slice(at + 1))];
    if (name === "key") key = value;
    if (name === "sort") sort = value;
    if (name === "f" && value && fields) filters.push(parseFilter(value, fields));
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
  const { field, segment, not_segment: others, in: among, not_in: without, exists, gte, gt, lte, lt } = filter;
  if (segment !== undefined) return `segment:${segment}`;
  if (others !== undefined) return `-segment:${others}`;
  if (exists !== undefined) return `${exists ? "" : "-"}${field}:*`;
  const values = among ?? without;
  if (values) return `${among ? "" : "-"}${field}:${values.map((value) => String(value).replace(/[\\|*]/g, "\\$&")).join("|")}`;
  return `${field}:${gt === undefined ? (gte ?? "") : `${gt}<`}..${lt === undefined ? (lte ?? "") : `<${lt}`}`;
}

function parseFilter(text, fields) {
  const [, minus, name, rest = ""] = /^(-?)([^:]*):?([^]*)$/.exec(text);
  if (name === "segment") return minus ? { not_segment: rest } : { segment: rest };
  if (rest === "*") return { field: name, exists: !minus };
  const type = fields.get(name)?.type;
  const bounds = /^([^|<]*?)(<?)\.\.(<?)([^|<]*)$/.exec(rest);
  if (bounds && RANGED.has(type) && !minus) {
    const [, low, above, below, high] = bounds;
    const ends = [[above ? "gt" : "gte", low, above], [below ? "lt" : "lte", high, below]].filter(([, value, sign]) => value || sign);
    return { field: name, ...Object.fromEntries(ends.map(([bound, value]) => [bound, scalar(value, type)])) };
  }
  return { field: name, [minus ? "not_in" : "in"]: splitValues(rest).map((value) => scalar(value, type)) };
}

function splitValues(text) {
  const values = [""];
  for (const [token] of text.matchAll(/\\.|[^\\]/gsu)) {
    if (token === "|") values.push("");
    else values[values.length - 1] += token.length > 1 && token[0] === "\\" ? token.slice(1) : token;
  }
  return values;
}

function scalar(text, type) {
  return NUMERIC.has(type) && text.trim() && Number.isFinite(Number(text)) ? Number(text) : text;
}
