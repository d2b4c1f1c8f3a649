// The ways in and out: password, second factor, passkey.
import { api, ended, loadSession, session } from './api.js';
import { getPasskey } from './passkey.js';

async function signedIn() {
  await loadSession();
  ended.set('');
  return null;
}

// Gives {methods, expires_ms} when a second factor is still to come, or null once signed in.
export async function signIn(email, password) {
  const reply = await api('/api/auth/login', { method: 'POST', body: { email, password } });
  return reply.mfaRequired ? reply : signedIn();
}

// proof: {code} or {passkey}; for the sign-in that this browser has begun.
export async function signInFactor(proof, trustDevice) {
  await api('/api/auth/mfa/verify', { method: 'POST', body: { ...proof, trustDevice } });
  return signedIn();
}

// Has the person choose a passkey. purpose: signin, factor or stepup.
export async function askPasskey(purpose) {
  return getPasskey(await api('/api/auth/passkeys/challenge', { method: 'POST', body: { purpose } }));
}

// A passkey instead of a password.
export async function signInPasskey() {
  const passkey = await askPasskey('signin');
  await api('/api/auth/passkeys/login', { method: 'POST', body: { passkey } });
  return signedIn();
}

export async function signOut() {
  await api('/api/auth/logout', { method: 'POST' });
  ended.set('');
  session.set(null);
}
