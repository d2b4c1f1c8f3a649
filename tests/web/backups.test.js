import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { URL_BASE, app, call, close, go, launch, open, registerAgent, screenshot, signIn, unique } from './browser.js';

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

test('a completed run leads to its details', async () => {
  const { items: [run] } = await call(page, 'GET', '/api/runs?status=completed&limit=1');
  await go(page, '/backups?status=completed');
  await page.locator(`a[href="/backups/${run.id}"]`).first().click();
  await page.getByRole('heading', { level: 1, name: run.configName }).waitFor();
  await page.getByText(run.filename).first().waitFor();
  await page.getByText(run.sha256).waitFor();
  await screenshot(page, 'run');
});

test('the choice of state is in the address and marked', async () => {
  await go(page, '/backups');
  await page.getByRole('navigation', { name: 'Runs by state' }).getByRole('link', { name: 'Cancelled' }).click();
  await page.waitForURL(`${URL_BASE}/backups?status=cancelled`);
  assert.equal(await page.getByRole('link', { name: 'Cancelled' }).getAttribute('aria-current'), 'true');
  await page.getByText('No run in this state.').waitFor();
});

test('a run that does not exist is said so', async () => {
  await go(page, '/backups/00000000-0000-7000-8000-000000000000');
  await page.getByRole('heading', { name: 'No such run' }).waitFor();
});

test('a name with markup in it is text', async () => {
  const name = `<img src=x onerror=alert(1)>${unique('x')}`.slice(0, 100);
  const agent = await registerAgent(page, name);
  await go(page, `/agents/${agent.id}`);
  await page.getByRole('heading', { level: 1, name }).waitFor();
  assert.equal(await page.locator('img[src=x]').count(), 0);
  await call(page, 'DELETE', `/api/agents/${agent.id}`);
});

test('a viewer sees the fleet and no way to change it', async () => {
  const email = `${unique('viewer')}@example.net`;
  const password = `${unique('a long enough password')}!`;
  await app(['user', 'add', email, '--role', 'viewer'], `${password}\n`);
  const viewer = await open(browser);
  await signIn(viewer, { email, password });
  await go(viewer, '/agents');
  await viewer.getByRole('heading', { level: 1, name: 'Agents' }).waitFor();
  assert.equal(await viewer.getByRole('button', { name: 'Add an agent' }).count(), 0);
  await go(viewer, '/add');
  await viewer.getByText('Your role does not add agents.').waitFor();
  await close(viewer);
});
