// Passkeys (WebAuthn): what the server asks in JSON goes to the browser in bytes, and its answer comes back in JSON.

// A sentence that can be shown as it is. reason: cancelled, exists, unsupported, site, failed.
export class PasskeyError extends Error {
  constructor(reason, message, cause) {
    super(message, { cause });
    this.reason = reason;
  }
}

const ADDRESS = /^(\d+\.){3}\d+$|^\[/;

// Browsers make none for a server that is reached by its address, nor without TLS.
export const passkeysSupported = () => Boolean(window.isSecureContext && window.PublicKeyCredential
  && navigator.credentials?.create && !ADDRESS.test(window.location.hostname));

function bytes(text) {
  const plain = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  const plain = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join('');
  return btoa(plain).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

const descriptors = (list = []) => list.map((one) => ({ ...one, id: bytes(one.id), transports: one.transports?.length ? one.transports : undefined }));

function explain(error, making) {
  const sentences = {
    NotAllowedError: ['cancelled', 'Nothing was chosen, or it took too long. Try again.'],
    AbortError: ['cancelled', 'Nothing was chosen.'],
    InvalidStateError: making ? ['exists', 'This device or key has a passkey of yours already; use another one.']
      : ['failed', 'This device or key does not work here. Try another one.'],
    NotSupportedError: ['unsupported', 'This device or key makes no passkeys that the server takes. Try another one.'],
    ConstraintError: ['unsupported', 'This device or key cannot ask who you are, with a PIN or a fingerprint. Try another one.'],
    SecurityError: ['site', 'The browser allows no passkeys at this address. Open the server by its own name.'],
  };
  const [reason, sentence] = sentences[error?.name] ?? ['failed', 'The passkey could not be used. Try again, or use another way.'];
  return new PasskeyError(reason, sentence, error);
}

async function ask(making, request) {
  if (!passkeysSupported()) throw new PasskeyError('unsupported', 'This browser has no passkeys, or allows none at this address.');
  let credential;
  try {
    credential = await (making ? navigator.credentials.create(request) : navigator.credentials.get(request));
  } catch (error) {
    throw explain(error, making);
  }
  if (!credential) throw explain(null, making);
  return credential;
}

const named = (credential, response) => ({ id: credential.id, type: credential.type, response });

// options: the answer of POST /api/auth/passkeys/options. Resolves with `credential` of POST /api/auth/passkeys.
export async function createPasskey(options, { signal } = {}) {
  const publicKey = {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: descriptors(options.excludeCredentials),
  };
  const credential = await ask(true, { publicKey, signal });
  return named(credential, {
    clientDataJSON: text(credential.response.clientDataJSON),
    attestationObject: text(credential.response.attestationObject),
    transports: credential.response.getTransports?.() ?? [],
  });
}

// options: the answer of POST /api/auth/passkeys/challenge. Resolves with the `passkey` that sign-in, second stage and
// step-up take.
export async function getPasskey(options, { signal } = {}) {
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: descriptors(options.allowCredentials) };
  const credential = await ask(false, { publicKey, signal });
  const { response } = credential;
  return named(credential, {
    clientDataJSON: text(response.clientDataJSON),
    authenticatorData: text(response.authenticatorData),
    signature: text(response.signature),
    ...(response.userHandle && { userHandle: text(response.userHandle) }),
  });
}
