// The one way to the server: JSON in, JSON out, every failure an ApiError with a sentence that can be shown as it is.
import { createStore } from './store.js';
import { setServerTime } from './clock.js';
import { formatDuration } from './format.js';
import { askStepUp, dropStepUps } from './stepup.js';

const TIMEOUT_MS = 20000;

// undefined: not asked yet; null: signed out; else {user, csrfToken, version}.
export const session = createStore(undefined);

// Why the sign-in page appeared under somebody's hands, or ''.
export const ended = createStore('');

const ENDED = {
  reauthenticate: 'It is more than twelve hours since you signed in. Sign in again to go on where you were.',
  usual: 'Your session has ended. Sign in to go on where you were.',
};

export class ApiError extends Error {
  constructor(message, { status = 0, slug = '', pointer = '', requestId = '', retryAfterS = 0, asks = null } = {}) {
    super(message);
    Object.assign(this, { status, slug, pointer, requestId, retryAfterS, asks });
  }
}

export async function api(path, options = {}) {
  let renewed = false;
  for (;;) {
    try {
      return await send(path, options);
    } catch (error) {
      if (error.slug === 'step-up-required') {
        await askStepUp(error.asks, options.signal);
      } else if (error.slug === 'csrf' && !renewed) {
        // Signing in from another tab rotates the token that this one holds: take the new one and try once more.
        renewed = true;
        await loadSession();
      } else throw error;
    }
  }
}

// proof: {password} or {code}, for what a 403 step-up-required asked for.
export const stepUp = ({ action, target }, proof) => api('/api/auth/step-up', {
  method: 'POST', body: { action, target, ...proof },
});

async function send(path, { method = 'GET', body, signal } = {}) {
  const headers = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET' && session.get()) headers['X-CSRF-Token'] = session.get().csrfToken;

  let response;
  let text;
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), TIMEOUT_MS);
  const abort = () => timeout.abort();
  signal?.addEventListener('abort', abort);
  try {
    response = await fetch(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal: timeout.signal,
    });
    text = await response.text();
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError('The server cannot be reached. Check that it runs and that you are connected, then try again.');
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }

  const data = parse(text);
  if (response.ok && data) return data;
  const error = problem(response, data);
  if (error.status === 401 && session.get()) {
    ended.set(ENDED[error.slug] ?? ENDED.usual);
    session.set(null);
    dropStepUps(error);
  }
  if (error.slug === 'mfa-enrolment-required') requireFactor();
  throw error;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// Anything can answer with an error (a proxy too): what is not problem+json still becomes a sentence.
function problem(response, data) {
  const details = {
    status: response.status,
    slug: typeof data?.type === 'string' ? data.type.split('/').pop() : '',
    pointer: data?.pointer ?? '',
    requestId: data?.requestId ?? '',
    retryAfterS: Number(response.headers.get('Retry-After')) || 0,
    asks: data?.action ? { action: data.action, target: data.target ?? '', proof: data.proof } : null,
  };
  const advice = {
    403: 'Your role does not allow this. Ask an administrator.',
    404: 'It is not here any more, or it is not yours to see.',
    429: `Too many requests. Try again in ${details.retryAfterS || 60} seconds.`,
    502: 'The server is starting or has stopped. Try again in a moment.',
    503: 'The server is busy or starting. Try again in a moment.',
    504: 'The server took too long. Try again in a moment.',
  };
  const unknown = `The server answered ${response.status}. Try again; its log says more.`;
  const said = data?.detail || data?.title || advice[response.status] || unknown;
  // "Wait a little" is not enough for somebody who waits.
  const wait = details.status === 429 && details.retryAfterS && !/\d/.test(said)
    ? ` Try again in ${formatDuration(details.retryAfterS * 1000)}.` : '';
  return new ApiError(said + wait, details);
}

export async function loadSession() {
  try {
    const reply = await api('/api/auth/session');
    setServerTime(reply.serverTime_ms);
    session.set(reply);
  } catch (error) {
    if (error.status !== 401) throw error;
    session.set(null);
  }
}

// An admin has just begun to ask everybody for a second factor: main.js leads to setting one up.
function requireFactor() {
  const now = session.get();
  if (now && !now.mfa.required) session.set({ ...now, mfa: { ...now.mfa, required: true } });
}

export const hasFactor = (now = session.get()) => Boolean(now?.mfa.totp || now?.mfa.passkeys);

export const lacksFactor = (now) => Boolean(now?.mfa.required) && !hasFactor(now);

const RANK = { viewer: 0, operator: 1, admin: 2 };

// Hides what the server would refuse; the server decides.
export const may = (role) => (RANK[session.get()?.user?.role] ?? -1) >= RANK[role];
