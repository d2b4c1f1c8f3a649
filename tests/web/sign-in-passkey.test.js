// Passkeys, with the authenticator that Chromium plays: added, used instead of a password, as second factor and before an
// act, renamed and removed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { URL_BASE, assertAccessible, call, close, fillSignIn, go, launch, open, screenshot, signIn, stepUp } from './browser.js';
import { PHONE, addAuthenticator, addPerson, enrol, forgetProofs, nextCode, stepUpCode } from './people.js';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const dialog = (page) => page.getByRole('dialog');
const passkeys = (page) => page.getByRole('region', { name: 'Passkeys' });

async function addPasskey(page, name) {
  await go(page, '/account');
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await dialog(page).getByLabel('What you call it').fill(name);
  await dialog(page).getByRole('button', { name: 'Add it' }).click();
  await stepUp(page);
}

async function storeCodes(page) {
  const codes = await dialog(page).getByRole('list', { name: 'Backup codes' }).getByRole('listitem').allInnerTexts();
  await dialog(page).getByLabel('I have stored them').check();
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  return codes;
}

// Somebody whose only second factor is a passkey, on a page that has it.
async function withPasskey(options) {
  const person = await addPerson('admin');
  const page = await open(browser, options);
  const authenticator = await addAuthenticator(page);
  await signIn(page, person);
  await addPasskey(page, 'This laptop');
  await dialog(page).getByRole('heading', { name: 'Store your backup codes' }).waitFor();
  person.codes = await storeCodes(page);
  return { person, page, authenticator };
}

for (const [size, options] of [['desktop', {}], ['phone', PHONE]]) {
  test(`a passkey is added and signs in without a password (${size})`, async () => {
    const { person, page, authenticator } = await withPasskey(options);
    await passkeys(page).getByText('This laptop').waitFor();
    await page.getByText('10 of 10 left').waitFor();
    assert.equal((await authenticator.credentials()).length, 1);
    await assertAccessible(page, `passkey, ${size}`);
    await screenshot(page, `passkeys-${size}`);
    await page.context().clearCookies();
    await go(page, '/backups?status=failed');
    await page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor();
    await assertAccessible(page, `sign in, ${size}`);
    await screenshot(page, `sign-in-${size}`);
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByRole('heading', { level: 1, name: 'Backups' }).waitFor();
    assert.equal(page.url(), `${URL_BASE}/backups?status=failed`);
    const session = await call(page, 'GET', '/api/auth/session');
    assert.equal(session.user.email, person.email);
    assert.equal(session.session.method, 'passkey');
    await close(page);
  });
}

test('a passkey is the second factor after the password', async () => {
  const { person, page } = await withPasskey();
  await page.context().clearCookies();
  await go(page, '/');
  await fillSignIn(page, person.email, person.password);
  await page.getByRole('heading', { name: 'Show that it is you' }).waitFor();
  await page.waitForFunction(() => document.activeElement.textContent.includes('Use my passkey'));
  await assertAccessible(page, 'second stage by passkey');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  await close(page);
});

test('without the passkey a backup code is the way in', async () => {
  const { person, page } = await withPasskey();
  await close(page);
  const other = await open(browser);
  await go(other, '/');
  await fillSignIn(other, person.email, person.password);
  await other.getByRole('button', { name: 'Use a backup code instead' }).click();
  await other.getByLabel('Backup code').fill(person.codes[3]);
  await other.keyboard.press('Enter');
  await other.getByText('You signed in with a backup code; 9 are left.').waitFor();
  await close(other);
});

test('an act is confirmed by the passkey, a refusal of it can be repeated, and removing it asks too', async () => {
  const { person, page, authenticator } = await withPasskey();
  await forgetProofs(person);
  await page.getByRole('button', { name: 'Rename This laptop' }).click();
  await dialog(page).getByLabel('What you call it').fill('The old laptop');
  await dialog(page).getByRole('button', { name: 'Rename' }).click();
  await passkeys(page).getByText('The old laptop').waitFor();

  await page.getByRole('button', { name: 'Remove The old laptop' }).click();
  await dialog(page).getByText('It is your last second factor').waitFor();
  await dialog(page).getByLabel('Your password').fill(person.password);
  await dialog(page).getByRole('button', { name: 'Remove' }).click();
  const asks = page.getByRole('dialog', { name: /^Remove a passkey/ });
  await assertAccessible(page, 'step-up by passkey');
  await authenticator.verifies(false);
  await asks.getByRole('button', { name: 'Use my passkey' }).click();
  await asks.getByRole('alert').getByText(/\w/).waitFor();
  assert.equal((await call(page, 'GET', '/api/auth/passkeys')).passkeys.length, 1);
  await authenticator.verifies(true);
  await asks.getByRole('button', { name: 'Use my passkey' }).click();
  await page.getByText('No passkey yet.').waitFor();
  assert.deepEqual((await call(page, 'GET', '/api/auth/passkeys')).passkeys, []);
  await close(page);
});

test('the app is turned off with the password and the passkey', async () => {
  const person = await addPerson();
  const page = await open(browser);
  const authenticator = await addAuthenticator(page);
  await signIn(page, person);
  await enrol(page, person);
  await go(page, '/account');
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await dialog(page).getByRole('button', { name: 'Add it' }).click();
  await stepUpCode(page, await nextCode(person));
  await passkeys(page).getByRole('button', { name: /^Remove / }).waitFor();
  const app = page.getByRole('region', { name: 'Authenticator app' });
  await app.getByRole('button', { name: 'Turn it off' }).click();
  await dialog(page).getByText('Your passkeys stay').waitFor();
  const off = dialog(page).getByRole('button', { name: 'Turn it off' });
  await dialog(page).getByRole('button', { name: 'Use a passkey instead' }).click();
  assert.ok(await off.isDisabled(), 'the passkey is not enough');
  await dialog(page).getByLabel('Your password').fill('not my password at all');
  await assertAccessible(page, 'turn off by passkey');
  await off.click();
  await dialog(page).getByRole('alert').getByText('not your password').waitFor();
  await dialog(page).getByLabel('Your password').fill(person.password);
  await authenticator.verifies(false);
  await off.click();
  await dialog(page).getByRole('alert').getByText('Nothing was chosen').waitFor();
  assert.equal((await call(page, 'GET', '/api/auth/mfa')).totp.enabled, true);
  await authenticator.verifies(true);
  await off.click();
  await app.getByText('Off', { exact: true }).waitFor();
  const mfa = await call(page, 'GET', '/api/auth/mfa');
  assert.deepEqual([mfa.totp.enabled, mfa.passkeys, mfa.codesLeft], [false, 1, 10]);
  await close(page);
});

test('the same device is told that it has a passkey already', async () => {
  const { page } = await withPasskey();
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await dialog(page).getByRole('button', { name: 'Add it' }).click();
  await dialog(page).getByRole('alert').getByText('has a passkey of yours already').waitFor();
  await page.keyboard.press('Escape');
  assert.equal((await call(page, 'GET', '/api/auth/passkeys')).passkeys.length, 1);
  await close(page);
});

test('where a browser has no passkeys, none are offered', async () => {
  const person = await addPerson();
  const page = await open(browser);
  await page.addInitScript(() => { delete globalThis.PublicKeyCredential; });
  await go(page, '/login');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Sign in with a passkey' }).count(), 0);
  await signIn(page, person);
  await go(page, '/account');
  await page.getByText('This browser makes no passkeys at this address.').waitFor();
  await close(page);
});
