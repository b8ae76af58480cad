// Calls of the management API. The key stays in this tab's session storage, and in no URL.

export class ApiError extends Error {
  constructor(status, code, message, details = []) {
    super(message);
    Object.assign(this, { status, code, details });
  }
}

export const session = {
  // What GET /admin says of the key.
  me: null,
  get key() {
    return sessionStorage.getItem("key");
  },
  enter(key, me) {
    sessionStorage.setItem("key", key);
    this.me = me;
  },
  leave() {
    // Not removed: the demo key is not taken by itself again.
    sessionStorage.setItem("key", "");
    this.me = null;
  },
};

export const can = (scope) => Boolean(session.me?.scopes.includes(scope));

export const get = async (path) => (await send("GET", path)).body;
export const post = async (path, body, headers) => (await send("POST", path, { body, headers })).body;
export const remove = async (path) => (await send("DELETE", path)).body;

/** A path of encoded parts: keys may hold what a URL does not. */
export const path = (...parts) => ["admin", ...parts.map(encodeURIComponent)].join("/");

export async function send(method, url, { body, headers, key = session.key } = {}) {
  let response, text;
  try {
    response = await fetch(url, {
      method,
      credentials: "omit",
      cache: "no-store",
      signal: AbortSignal.timeout(30_000),
      headers: {
        Authorization: `Bearer ${key}`,
        ...(body && { "Content-Type": "application/json" }),
        ...headers,
      },
      body: body && JSON.stringify(body),
    });
    text = await response.text();
  } catch {
    throw new ApiError(0, "offline", "The API does not answer. Is this device online, and the service up?");
  }
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    // a gateway's own page
  }
  if (response.ok && answer) return { body: answer, text, etag: response.headers.get("ETag") };
  const { code = "no_json", message, details } = answer?.error ?? {};
  const status = response.status;
  throw new ApiError(status, code, message ?? `The API answered ${status}, and not as it should.`, details);
}

/** Whether this browser can send a definition back without rounding its numbers: 1.0 is not 1. */
export const isExact = "rawJSON" in JSON;

/** JSON whose numbers are written again as they were. */
export const parseExactly = (text) => JSON.parse(text, (_name, value, context) =>
  isExact && typeof value === "number" && String(value) !== context.source ? JSON.rawJSON(context.source) : value);
