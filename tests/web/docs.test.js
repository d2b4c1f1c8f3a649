// The description of the API, as people read it at /docs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, go, launch, open, screenshot, signIn } from './browser.js';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

test('the description of the API is shown from this server alone', async () => {
  const page = await open(browser);
  await go(page, '/docs');
  await page.getByRole('heading', { name: /^Muster/ }).waitFor();
  await page.locator('[data-path="/api/agents/{id}/approve"]').first().waitFor();
  await screenshot(page, 'docs');
  await close(page);
});

test('what only reads can be tried out as the one who is signed in', async () => {
  const page = await open(browser);
  await signIn(page);
  await go(page, '/docs/#/people/authSession');
  await page.getByRole('button', { name: 'Try it out' }).click();
  await page.getByRole('button', { name: 'Execute' }).click();
  await page.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();
  await page.locator('.live-responses-table', { hasText: 'csrfToken' }).waitFor();
  await close(page);
});

test('what changes something cannot be tried out there', async () => {
  const page = await open(browser);
  await signIn(page);
  await go(page, '/docs/#/people/authLogout');
  await page.locator('[data-path="/api/auth/logout"]').first().waitFor();
  assert.equal(await page.getByRole('button', { name: 'Try it out' }).count(), 0);
  await close(page);
});
