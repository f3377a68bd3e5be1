// The API as this page uses it. The key, when the service wants one, stays in this tab's session and goes into a header, never a URL.

const KEY = "crmsearch.key";
const SVG = "image/svg+xml";

// An answer that is an error, as the problem+json the API gives, or our own words when nothing of the kind came back.
export class Problem extends Error {
  constructor({ title, detail, code, request_id: requestId, status = 0 }) {
    super(title);
    Object.assign(this, { title, detail, code, requestId, status });
  }
}

export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

export function keepKey(key) {
  sessionStorage.setItem(KEY, key.trim());
}

export function forgetKey() {
  sessionStorage.removeItem(KEY);
}

export const listFields = () => call("GET", "v1/fields");
export const searchCustomers = (body, signal) => call("POST", "v1/customers/search", body, signal);
export const getCustomer = (id, signal) => call("GET", `v1/customers/${encodeURIComponent(id)}`, undefined, signal);
export const computeStats = (body, signal) => call("POST", "v1/stats", body, signal);
// The same figures as a picture: the text of an SVG.
export const drawStats = (body, options, signal) => call("POST", `v1/stats?${new URLSearchParams(options)}`, body, signal, SVG);

async function call(method, path, body, signal, accept = "application/json") {
  const headers = { Accept: accept };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal, credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ code: "unreachable" });
  }
  if (response.ok) return accept === SVG ? response.text() : response.json();
  const problem = await response.json().catch(() => ({}));
  throw new Problem({
    title: problem.title ?? response.statusText,
    detail: problem.detail,
    code: problem.code ?? "unknown",
    request_id: problem.request_id ?? response.headers.get("X-Request-ID"),
    status: response.status,
  });
}
