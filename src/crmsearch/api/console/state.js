// What is asked for: the page, the text, the filters, the order. All but the text live in the location's fragment, so that a view can be
// bookmarked or sent on; the text never does, since it is a customer's name or number.

export const state = { q: "", filters: [], sort: "", page: "search", more: {} };

const RANGED = new Set(["integer", "double", "date"]);
const NUMERIC = new Set(["integer", "double"]);
const BOUNDS = ["gte", "gt", "lte", "lt"];

// Every filter is one of the API's, as it stands in a request. What is ticked of a field is one of them, and so is its range.

export function toggleValue(field, value, on) {
  const found = state.filters.find((each) => each.field === field && each.in && (on || each.in.includes(value)));
  if (on) replaceFilter(found, { field, in: [...(found?.in ?? []), value] });
  else if (found) dropFilter(found, value);
}

// The range of a field, both ends included where its values are whole numbers; else as it was asked for.
export function rangeEnds(field, isWhole) {
  const { gte, gt, lte, lt } = rangeOf(field) ?? {};
  const moved = (value, step) => (isWhole && Number.isInteger(value) ? value + step : isWhole ? undefined : value);
  return { from: moved(gte, 0) ?? moved(gt, 1), to: moved(lte, 0) ?? moved(lt, -1) };
}

// Bounds by name, such as { gte: 20, lt: 40 }; without any, the range goes.
export function setRange(field, bounds) {
  const given = Object.fromEntries(Object.entries(bounds).filter(([, value]) => value !== undefined));
  replaceFilter(rangeOf(field), Object.keys(given).length ? { field, ...given } : null);
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

// The fragment: #page=statistics&f=city:北京|上海&f=age:20..39&sort=-revenue, each filter in the string form that the API and the command
// line use. Pages add parts of their own, such as the name of a segment; the id of a customer is kept beside it, in the history's state.

export function writeFragment(replace, more = state.more, kept = null) {
  state.more = more;
  const parts = Object.entries({ ...(state.page !== "search" && { page: state.page }), ...more }).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  parts.push(...state.filters.map((each) => `f=${encodeURIComponent(formatFilter(each))}`));
  if (state.sort) parts.push(`sort=${encodeURIComponent(state.sort)}`);
  const fragment = parts.length ? `#${parts.join("&")}` : "";
  if (fragment !== location.hash || kept) history[replace ? "replaceState" : "pushState"](kept, "", location.pathname + fragment);
}

// Takes the state from the fragment. Nothing of it is left out: what makes no sense is the API's to refuse, with its reason.
export function readFragment(fields) {
  const found = { filters: [], sort: "", page: "search", more: {} };
  for (const part of location.hash.slice(1).split("&")) {
    const at = part.indexOf("=");
    const [name, value] = [part.slice(0, at), decoded(part.slice(at + 1))];
    if (name === "f" && value) found.filters.push(parseFilter(value, fields));
    else if (name === "sort" || name === "page") found[name] = value;
    else if (name) found.more[name] = value;
  }
  Object.assign(state, found);
}

// A key that came with the address, as `crmsearch demo` may print it; it is taken out at once.
export function takeKey() {
  const parts = location.hash.slice(1).split("&");
  const key = parts.find((part) => part.startsWith("key="));
  if (!key) return null;
  const rest = parts.filter((part) => part !== key).join("&");
  history.replaceState(null, "", location.pathname + (rest ? `#${rest}` : ""));
  return decoded(key.slice(4));
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function formatFilter(filter) {
  const { field, segment, not_segment: others, in: among, not_in: without, exists, gte, gt, lte, lt } = filter;
  if (segment !== undefined) return `segment:${segment}`;
  if (others !== undefined) return `-segment:${others}`;
  if (exists !== undefined) return `${exists ? "" : "-"}${field}:*`;
  const values = among ?? without;
  if (values) return `${among ? "" : "-"}${field}:${values.map((value) => String(value).replace(/[\\|*]/g, "\\$&")).join("|")}`;
  return `${field}:${gt === undefined ? (gte ?? "") : `${gt}<`}..${lt === undefined ? (lte ?? "") : `<${lt}`}`;
}

export function parseFilter(text, fields) {
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
