// The API as this page uses it. Who is signed in is known by a cookie that no script can read; nothing personal goes into a URL but the id
// of a customer in a path, which the service does not log.

const SVG = "image/svg+xml";
const BROWSE = "browse"; // the purpose for which contact data comes masked

// An answer that is an error, as the problem+json the API gives, or our own words when nothing of the kind came back.
export class Problem extends Error {
  constructor({ title, detail, code, request_id: requestId, status = 0 }) {
    super(title);
    Object.assign(this, { title, detail, code, requestId, status });
  }
}

export const getSession = () => call("GET", "session");
export const signIn = (key) => call("POST", "session", { body: { key } });
export const signOut = () => call("DELETE", "session");

export const get = (path, options) => call("GET", path, options);
export const post = (path, body, options) => call("POST", path, { ...options, body });
export const put = (path, body, options) => call("PUT", path, { ...options, body });
export const remove = (path, options) => call("DELETE", path, options);

export const searchCustomers = (body, signal) => call("POST", "customers/search", { body, signal, purpose: BROWSE });
export const ofCustomer = (id, part = "", options = {}) => call("GET", `customers/${encodeURIComponent(id)}${part}`, { purpose: BROWSE, ...options });

// The same figures as a picture: the text of an SVG.
export const draw = (method, path, body, signal) => call(method, path, { body, signal, accept: SVG });

// A file of the API, handed to the reader as a download. Through a request of ours, since a link could not send our header.
export async function download(method, path, name, { body, purpose } = {}) {
  const response = await request(method, path, { body, purpose, accept: "*/*" });
  saveFile(await response.blob(), name);
}

export function saveFile(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function call(method, path, options = {}) {
  const response = await request(method, path, options);
  if (options.accept === SVG) return response.text();
  return response.status === 204 ? null : response.json();
}

async function request(method, path, { body, signal, accept = "application/json", purpose, headers: more }) {
  const headers = { Accept: accept, "X-Requested-With": "console", ...more };
  if (purpose) headers["X-Purpose"] = purpose;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(`v1/${path}`, { method, headers, body: body && JSON.stringify(body), signal, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ code: "unreachable" });
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401 && path !== "session") dispatchEvent(new Event("signedout"));
  throw new Problem({
    title: problem.title ?? response.statusText,
    detail: problem.detail,
    code: problem.code ?? "unknown",
    request_id: problem.request_id ?? response.headers.get("X-Request-ID"),
    status: response.status,
  });
}
