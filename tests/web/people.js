// People that these tests make, and what they carry: a password, an authenticator app, a passkey.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import jsQR from 'jsqr';
import { app, call, close, open, signIn, sql, unique } from './browser.js';

export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

// A password that no list of common ones has, and a person who has it.
export async function addPerson(role = 'operator') {
  const email = `${unique(role)}@example.net`;
  const password = `${unique('a long enough password')}!`;
  await app(['user', 'add', email, '--role', role], `${password}\n`);
  return { email, password };
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function base32(text) {
  const bits = [...text.replaceAll(' ', '')].map((letter) => LETTERS.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}

// What an authenticator app shows (RFC 6238): steps is how many half minutes from now.
export function totp(secret, steps = 0) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + steps));
  const mac = createHmac('sha1', base32(secret)).update(counter).digest();
  const at = mac.at(-1) & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, '0');
}

export const wrongCode = (secret) => {
  const near = [-2, -1, 0, 1, 2].map((steps) => totp(secret, steps));
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !near.includes(code));
};

export const userId = (email) => `(SELECT id FROM users WHERE email_lower = '${email.toLowerCase()}')`;

// As if the half minute of the last code were long over: each code is good once.
export const nextCode = async (person) => {
  await sql(`UPDATE user_totp SET last_step = 0 WHERE user_id = ${userId(person.email)}`);
  return totp(person.secret);
};

// As if the minute and the lock were over.
export const forgetTries = (person) => sql(`DELETE FROM user_lockouts WHERE user_id = ${userId(person.email)}`);

// As if the ten minutes after each step-up were over.
export const forgetProofs = (person) => sql(`DELETE FROM stepups WHERE session_id IN (SELECT id FROM sessions WHERE user_id = ${userId(person.email)})`);

// What a phone's camera reads off the screen.
export async function readQr(page, image) {
  await image.scrollIntoViewIfNeeded();
  const png = (await image.screenshot()).toString('base64');
  const blank = await page.context().newPage();
  const { width, height, data } = await blank.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    canvas.drawImage(bitmap, 0, 0);
    return { width: bitmap.width, height: bitmap.height, data: [...canvas.getImageData(0, 0, bitmap.width, bitmap.height).data] };
  }, png);
  await blank.close();
  const found = jsQR(Uint8ClampedArray.from(data), width, height);
  assert.ok(found, 'there is no QR code that can be read');
  return found.data;
}

// Sets the app up over the API: {secret, codes} are the person's from now on. page is signed in as them.
export async function enrol(page, person) {
  const { secret } = await call(page, 'POST', '/api/auth/mfa/setup', {});
  person.secret = secret.replaceAll(' ', '');
  await call(page, 'POST', '/api/auth/mfa/verify', { code: totp(person.secret) });
  person.codes = (await call(page, 'POST', '/api/auth/mfa/enable', {})).backupCodes;
  return person;
}

export async function addUserWithFactor(browser, role = 'operator') {
  const person = await addPerson(role);
  const page = await open(browser);
  await signIn(page, person);
  await enrol(page, person);
  await close(page);
  return person;
}

// Answers the dialog that asks for a second factor.
export async function stepUpCode(page, code) {
  const field = page.locator('#step-up-totp');
  await field.fill(code);
  await field.waitFor({ state: 'detached' });
}

// A device with a fingerprint reader, as Chromium plays it.
export async function addAuthenticator(page) {
  const wire = await page.context().newCDPSession(page);
  await wire.send('WebAuthn.enable');
  const { authenticatorId } = await wire.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    credentials: async () => (await wire.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
    verifies: (isUserVerified) => wire.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
  };
}

// A rule of the server for as long as work() takes; the stack is everybody's, so it goes back to what it was.
export async function withRule(name, value, work) {
  const change = (statement) => sql(`${statement}; UPDATE changes SET counter = counter + 1 WHERE topic = 'policy'`);
  await change(`INSERT INTO policy (name, value, updated_ms) VALUES ('${name}', '${value}', 0)`);
  try {
    await work();
  } finally {
    await change(`DELETE FROM policy WHERE name = '${name}'`);
  }
}

// Until the server has heard of it: it looks every 200 ms.
export async function untilRequired(page, required) {
  for (;;) {
    const { mfa } = await call(page, 'GET', '/api/auth/session');
    if (mfa.required === required) return;
  }
}
