// The browser module for passkeys, against Chromium's own authenticator and the real server.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PASSWORD, URL_BASE, app, close, go, launch, open, signIn, unique } from './browser.js';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

// Somebody of their own, signed in, with an authenticator plugged in; what it holds goes with the page.
async function someone({ verifies = true, resident = true } = {}) {
  const email = `${unique('key')}@example.org`;
  await app(['user', 'add', email, '--role', 'viewer'], `${PASSWORD}\n`);
  const page = await open(browser);
  await signIn(page, { email, password: PASSWORD });
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable', { enableUI: false });
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: resident, hasUserVerification: verifies, isUserVerified: verifies, automaticPresenceSimulation: true },
  });
  page.authenticator = (method, more = {}) => cdp.send(`WebAuthn.${method}`, { authenticatorId, ...more });
  page.email = email;
  await go(page, '/');
  return page;
}

// Runs in the page: one call of the module with what the server asks, and what came of it.
const withModule = (page, name, ...args) => page.evaluate(async ([name, args, password]) => {
  const module = await import('/js/passkey.js');
  const session = await (await fetch('/api/auth/session')).json();
  const post = async (path, body = {}) => {
    const reply = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': session.csrfToken ?? '' }, body: JSON.stringify(body) });
    return { status: reply.status, ...await reply.json() };
  };
  const stepUp = async (refusal) => {
    const proof = refusal.proof === 'password' ? { password }
      : { passkey: await module.getPasskey(await post('/api/auth/passkeys/challenge', { purpose: 'stepup' })) };
    return post('/api/auth/step-up', { action: refusal.action, target: refusal.target, ...proof });
  };
  const steps = {
    async make(keyName) {
      let options = await post('/api/auth/passkeys/options');
      if (options.status === 403) {
        await stepUp(options);
        options = await post('/api/auth/passkeys/options');
      }
      return post('/api/auth/passkeys', { name: keyName, credential: await module.createPasskey(options) });
    },
    async signIn() {
      const options = await post('/api/auth/passkeys/challenge', { purpose: 'signin' });
      return post('/api/auth/passkeys/login', { passkey: await module.getPasskey(options) });
    },
    async factor() {
      const options = await post('/api/auth/passkeys/challenge', { purpose: 'factor' });
      return post('/api/auth/mfa/verify', { passkey: await module.getPasskey(options) });
    },
    login: (email) => post('/api/auth/login', { email, password }),
    supported: () => module.passkeysSupported(),
  };
  try {
    return await steps[name](...args);
  } catch (error) {
    return { failed: error.message, reason: error.reason };
  }
}, [name, args, PASSWORD]);

const session = async (page) => (await page.context().request.get(`${URL_BASE}/api/auth/session`)).json();

test('a passkey is made and signs in without a password', async () => {
  const page = await someone();
  assert.equal(await withModule(page, 'supported'), true);
  const made = await withModule(page, 'make', 'this laptop');
  assert.equal(made.status, 201, JSON.stringify(made));
  assert.equal(made.backupCodes.length, 10);
  const { credentials } = await page.authenticator('getCredentials');
  assert.equal(credentials.length, 1);
  assert.equal(credentials[0].rpId, new URL(URL_BASE).hostname);

  await page.context().clearCookies();
  const signedIn = await withModule(page, 'signIn');
  assert.equal(signedIn.status, 200, JSON.stringify(signedIn));
  assert.equal(signedIn.user.email, page.email);
  assert.equal((await session(page)).session.method, 'passkey');
  await close(page);
});

test('a passkey is the second factor, and shows once more that one is there', async () => {
  const page = await someone();
  assert.equal((await withModule(page, 'make', 'first')).status, 201);
  // The second one asks for the first.
  const second = await withModule(page, 'make', 'second');
  assert.equal(second.reason, 'exists', JSON.stringify(second));
  assert.match(second.failed, /already/);

  await page.context().clearCookies();
  const begun = await withModule(page, 'login', page.email);
  assert.deepEqual([begun.mfaRequired, begun.methods.includes('passkey')], [true, true]);
  const signedIn = await withModule(page, 'factor');
  assert.equal(signedIn.status, 200, JSON.stringify(signedIn));
  assert.equal((await session(page)).session.method, 'passkey');
  await close(page);
});

test('a key that cannot verify its holder is a second factor but no password', async () => {
  const page = await someone({ verifies: false, resident: false });
  assert.equal((await withModule(page, 'make', 'plain key')).status, 201);
  await page.context().clearCookies();
  await withModule(page, 'login', page.email);
  assert.equal((await withModule(page, 'factor')).status, 200);
  await page.context().clearCookies();
  assert.equal((await withModule(page, 'signIn')).reason, 'cancelled');
  await close(page);
});

test('who is not recognized or has no passkey is told in a sentence', async () => {
  const page = await someone();
  assert.equal((await withModule(page, 'make', 'mine')).status, 201);
  await page.context().clearCookies();
  await page.authenticator('setUserVerified', { isUserVerified: false });
  const unverified = await withModule(page, 'signIn');
  assert.deepEqual([unverified.reason, /Try again/.test(unverified.failed)], ['cancelled', true]);
  await page.authenticator('setUserVerified', { isUserVerified: true });
  await page.authenticator('clearCredentials');
  assert.equal((await withModule(page, 'signIn')).reason, 'cancelled');
  await close(page);
});

test('a server that is reached by its address has no passkeys', async () => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const byAddress = new URL(URL_BASE);
  byAddress.hostname = '127.0.0.1';
  await page.goto(byAddress.href);
  const told = await page.evaluate(async () => {
    const { getPasskey, passkeysSupported } = await import('/js/passkey.js');
    const failed = await getPasskey({ challenge: 'AAAA' }).catch((error) => error.reason);
    return [passkeysSupported(), failed];
  });
  assert.deepEqual(told, [false, 'unsupported']);
  await context.close();
});
