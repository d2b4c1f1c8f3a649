// The settings: the rules of the server, saved all at once after a look at what changes.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { app, assertAccessible, call, close, go, grant, headingIsFirst, launch, open, screenshot, sideScroll, signIn, stepUp } from './browser.js';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());
// Every test begins with the defaults: other tests of this stack rely on them.
afterEach(async () => {
  for (const name of ['auth.mfa.required', 'auth.mfa.issuer', 'auth.mfa.enabled', 'logs.days', 'logs.rows', 'audit.days', 'agents.rate']) await app(['policy', 'reset', name]);
});

async function settings(options) {
  const page = await open(browser, options);
  await signIn(page);
  await go(page, '/settings');
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  await page.getByText('Everything is saved.').waitFor();
  return page;
}

const rule = async (page, name) => (await call(page, 'GET', '/api/policy')).rules.find((each) => each.name === name);

test('every rule stands in its group, with what it means and its default', async () => {
  const page = await settings();
  for (const { name, help } of (await call(page, 'GET', '/api/policy')).rules) {
    const field = page.locator(`#rule-${name.replaceAll('.', '-')}`);
    assert.ok(await field.isVisible(), name);
    const around = await page.locator('.rule', { has: field }).innerText(); // what the label says is not said again
    assert.ok(around.includes(help.slice(0, -1)), `${name}: ${around}`);
    assert.match(around, /Default: /);
  }
  assert.match(await page.locator('#rule-agents-rate-hint').innerText(), /120, from the configuration file/);
  await page.getByText('Database').waitFor();
  assert.ok(await headingIsFirst(page));
  await assertAccessible(page, 'settings');
  await screenshot(page, 'settings');
  await close(page);
});

test('a change is looked at, proven and saved; the trail has it', async () => {
  const page = await settings();
  await page.getByLabel('Name in authenticator apps').fill('Here');
  await page.getByText('1 change not saved').waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  const dialog = page.getByRole('dialog', { name: 'Change 1 setting' });
  await dialog.getByText('“Muster” →').waitFor();
  await assertAccessible(page, 'the dialog');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await stepUp(page);
  await page.getByText('1 setting saved.').waitFor();
  await page.getByText('Everything is saved.').waitFor();
  assert.equal((await rule(page, 'auth.mfa.issuer')).value, 'Here');
  const { items: [row] } = await call(page, 'GET', '/api/audit?action=policy.change');
  assert.deepEqual(row.detail, { 'auth.mfa.issuer': { old: 'Muster', new: 'Here' } });
  await close(page);
});

test('what cannot be taken back is said before it is saved', async () => {
  const page = await settings();
  await page.getByLabel('Days that the audit trail is kept').fill('90');
  await page.getByLabel('Everybody has to have a second factor').check();
  await page.getByRole('button', { name: 'Save' }).click();
  const dialog = page.getByRole('dialog', { name: 'Change 2 settings' });
  await dialog.getByText('Rows of the audit trail that are older than 90 days are removed for good.').waitFor();
  await dialog.getByText('That may be you.').waitFor();
  await screenshot(page, 'settings-warning');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('2 changes not saved').waitFor();
  await page.getByRole('button', { name: 'Discard' }).click();
  await page.getByText('Everything is saved.').waitFor();
  assert.equal((await rule(page, 'audit.days')).value, 0);
  await close(page);
});

test('a wrong value is named at its field, and nothing is saved', async () => {
  const page = await settings();
  await grant(page, 'PATCH /api/policy');
  await page.getByLabel('Days that the audit trail is kept').fill('7');
  await page.getByLabel('Name in authenticator apps').fill('Here');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await page.getByText('must be 0, or a whole number from 30 to 36500').waitFor();
  assert.equal(await page.getByRole('spinbutton', { name: 'Days that the audit trail is kept' }).getAttribute('aria-invalid'), 'true');
  assert.equal((await rule(page, 'auth.mfa.issuer')).value, 'Muster');
  await close(page);
});

test('a rule goes back to its default by one press of a key', async () => {
  await app(['policy', 'set', 'logs.rows', '500']);
  const page = await settings();
  await grant(page, 'PATCH /api/policy');
  const back = page.getByRole('button', { name: 'Newest events of each agent that are kept: back to the default' });
  await back.focus();
  await page.keyboard.press('Enter');
  assert.equal(await page.getByRole('spinbutton', { name: 'Newest events of each agent that are kept' }).inputValue(), '100000');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await page.getByText('1 setting saved.').waitFor();
  assert.equal((await rule(page, 'logs.rows')).value, 100000);
  assert.equal(await back.count(), 0);
  await close(page);
});

test('on a phone nothing is wider than the screen', async () => {
  const page = await settings({ viewport: { width: 360, height: 740 }, hasTouch: true });
  assert.equal(await sideScroll(page), 0);
  await assertAccessible(page, 'settings, narrow');
  await screenshot(page, 'settings-narrow');
  await close(page);
});
