import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PATIENCE, URL_BASE, assertAccessible, call, close, go, headingIsFirst, launch, liveAgent, open, registerAgent, screenshot, signIn, stepUp, unique } from './browser.js';

let browser;
let page;
before(async () => {
  browser = await launch();
  page = await open(browser);
  await signIn(page);
});
after(async () => {
  await close(page);
  await browser.close();
});

const dialog = () => page.getByRole('dialog');

async function visit(agent) {
  await go(page, `/agents/${agent.id}`);
  await page.getByRole('heading', { level: 1, name: agent.name }).waitFor();
}

test('an agent has its facts, its runs and its events', async () => {
  const agent = await liveAgent(page);
  await visit(agent);
  await page.getByText(agent.id).waitFor();
  await page.getByText(`${agent.platform}/${agent.arch}`).waitFor();
  await page.getByRole('table', { name: 'Backup runs' }).getByText('Completed').first().waitFor();
  await page.locator('.event').first().waitFor();
  const times = page.locator('time');
  assert.match(await times.first().getAttribute('datetime'), /^\d{4}-\d\d-\d\dT.*Z$/);
  assert.ok(await times.first().getAttribute('title'));
  await screenshot(page, 'agent');
});

test('the level of the events is in the address', async () => {
  const agent = await liveAgent(page);
  await visit(agent);
  await page.getByLabel('Level').selectOption('debug');
  await page.waitForURL((url) => url.searchParams.get('level') === 'debug');
  await page.reload();
  await page.getByLabel('Level').waitFor();
  assert.equal(await page.getByLabel('Level').inputValue(), 'debug');
});

test('“back up now” starts a run that is seen to complete', async () => {
  const agent = await liveAgent(page);
  const { total } = await call(page, 'GET', `/api/agents/${agent.id}/runs?limit=1`);
  await visit(agent);
  await page.getByRole('button', { name: /^Back up now/ }).first().click();
  await page.getByText(/is asked for/).waitFor();
  let newest;
  await assert.doesNotReject(async () => {
    const until = Date.now() + 90000 * PATIENCE;
    do {
      await page.waitForResponse((reply) => reply.url().includes(`/api/agents/${agent.id}/runs`));
      const runs = await call(page, 'GET', `/api/agents/${agent.id}/runs?limit=1`);
      newest = runs.total > total ? runs.items[0] : null;
    } while ((!newest || ['queued', 'running'].includes(newest.status)) && Date.now() < until);
  });
  assert.ok(newest, 'no run began');
  assert.match(newest.status, /^(completed|warning)$/);
  await page.locator(`a[href="/backups/${newest.id}"]`).first().waitFor();
});

test('a host without a backup leads to the form, which knows the host', async () => {
  const agent = await registerAgent(page, unique('bare'));
  await visit(agent);
  await page.getByText('Nothing is backed up from this host.').waitFor();
  await page.locator('a[href^="/configs/new"]').first().click();
  await page.getByRole('heading', { level: 1, name: 'Add a backup' }).waitFor();
  await page.getByLabel('Host', { exact: true }).waitFor();
  assert.equal(await page.getByLabel('Host', { exact: true }).inputValue(), agent.id);
});

test('renaming keeps the agent and its address', async () => {
  const agent = await registerAgent(page, unique('before'));
  const name = unique('after');
  await visit(agent);
  await page.getByRole('button', { name: 'Rename' }).click();
  await dialog().getByLabel('Name').fill(name);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name }).waitFor();
  assert.equal(page.url(), `${URL_BASE}/agents/${agent.id}`);
});

test('deactivating asks first, refuses the key, and can be undone', async () => {
  const agent = await registerAgent(page, unique('paused'));
  await visit(agent);
  await page.getByRole('button', { name: 'Deactivate' }).click();
  await dialog().getByText(`Deactivate ${agent.name}?`).waitFor();
  await page.keyboard.press('Escape');
  await dialog().waitFor({ state: 'detached' });
  assert.equal((await call(page, 'GET', `/api/agents/${agent.id}`)).agent.status, 'offline');
  // The dialog gives the focus back to what opened it.
  await page.waitForFunction(() => document.activeElement.textContent === 'Deactivate');

  await page.getByRole('button', { name: 'Deactivate' }).click();
  await dialog().getByRole('button', { name: 'Deactivate' }).click();
  await page.getByText('Its key is refused').first().waitFor();
  assert.equal((await call(page, 'GET', `/api/agents/${agent.id}`)).agent.status, 'deactivated');
  await page.getByRole('button', { name: 'Activate', exact: true }).click();
  await dialog().getByRole('button', { name: 'Activate' }).click();
  await page.getByText('is active again').waitFor();
  assert.notEqual((await call(page, 'GET', `/api/agents/${agent.id}`)).agent.status, 'deactivated');
  await page.getByText('Its key is refused').first().waitFor({ state: 'detached' });
  assert.ok(await headingIsFirst(page));
});

test('deleting needs the name typed, and then the agent is gone', async () => {
  const agent = await registerAgent(page, unique('doomed'));
  await visit(agent);
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await assertAccessible(page, 'delete dialog');
  const confirm = dialog().getByRole('button', { name: 'Delete for good' });
  assert.ok(await confirm.isDisabled());
  await dialog().getByRole('textbox').fill(agent.name.slice(0, -1));
  assert.ok(await confirm.isDisabled());
  await page.keyboard.press('Enter');
  assert.ok(await dialog().isVisible());
  await dialog().getByRole('textbox').fill(agent.name);
  await screenshot(page, 'delete');
  await confirm.click();
  await stepUp(page);
  await page.waitForURL(`${URL_BASE}/agents`);
  await go(page, `/agents/${agent.id}`);
  await page.getByRole('heading', { name: 'No such agent' }).waitFor();
});
