import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EMAIL, PASSWORD, URL_BASE, assertAccessible, close, fillSignIn, go, launch, open, screenshot, signIn } from './browser.js';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

test('a wrong password says so, keeps the e-mail and signs nobody in', async () => {
  const page = await open(browser);
  await go(page, '/');
  await fillSignIn(page, `nobody-${process.pid}@example.net`, 'not the password');
  await page.getByRole('alert').filter({ hasText: /\w/ }).waitFor();
  assert.match(await page.getByRole('alert').innerText(), /password/i);
  assert.equal(await page.getByLabel('Password').inputValue(), '');
  assert.match(await page.getByLabel('E-mail').inputValue(), /^nobody-/);
  assert.equal((await page.context().cookies()).length, 0);
  await close(page);
});

test('the keyboard alone signs in, and the page that was asked for follows', async () => {
  const page = await open(browser);
  await go(page, '/backups?status=failed');
  await page.waitForURL(/\/login\?next=/);
  await assertAccessible(page, 'sign in');
  await screenshot(page, 'sign-in');
  await page.locator('#email:focus').waitFor();
  await page.keyboard.type(EMAIL);
  await page.keyboard.press('Tab');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Backups' }).waitFor();
  assert.equal(page.url(), `${URL_BASE}/backups?status=failed`);
  await close(page);
});

test('a session that has ended leads to sign in and back to the same view', async () => {
  const page = await open(browser);
  await signIn(page);
  await go(page, '/agents?q=web&sort=version&order=desc');
  await page.getByRole('heading', { level: 1, name: 'Agents' }).waitFor();
  await page.context().clearCookies();
  await page.getByText('Your session has ended').waitFor();
  await fillSignIn(page, EMAIL, PASSWORD);
  await page.getByRole('heading', { level: 1, name: 'Agents' }).waitFor();
  assert.equal(page.url(), `${URL_BASE}/agents?q=web&sort=version&order=desc`);
  assert.equal(await page.getByPlaceholder('Search name, host or id').inputValue(), 'web');
  await close(page);
});

test('an address from elsewhere is not followed after signing in', async () => {
  for (const next of ['//example.net/', 'https://example.net/', '/\\example.net/', 'javascript:alert(1)']) {
    const page = await open(browser);
    await signIn(page);
    await go(page, `/login?next=${encodeURIComponent(next)}`);
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    assert.equal(page.url(), `${URL_BASE}/`, next);
    await close(page);
  }
});

test('signing out ends the session on the server too', async () => {
  const page = await open(browser);
  await signIn(page);
  await go(page, '/');
  await page.getByLabel(`Account of ${EMAIL}`).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  const reply = await page.context().request.get(`${URL_BASE}/api/auth/session`);
  assert.equal(reply.status(), 401);
  await close(page);
});
