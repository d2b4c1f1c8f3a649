// Many agents at once: labels, acts on a choice, the file; and an agent's log as it comes.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { URL_BASE, assertAccessible, call, close, freeze, go, launch, onlyTold, open, registerAgent, screenshot, sideScroll, signIn, unique } from './browser.js';
import { addHost } from './fleet.js';

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

const row = (name) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
const dialog = () => page.getByRole('dialog');
const bar = () => page.getByRole('region', { name: 'Chosen agents' });

async function register(stem, count) {
  const agents = [];
  for (let n = 0; n < count; n++) agents.push(await registerAgent(page, `${stem}-${n}`));
  return agents;
}

test('labels are edited on the agent, and lead to all that have them', async () => {
  const [agent, other] = await register(unique('labelled'), 2);
  const env = unique('env');
  await call(page, 'PATCH', `/api/agents/${other.id}`, { labels: { env } });
  await go(page, `/agents/${agent.id}`);
  await page.getByRole('button', { name: 'Labels' }).click();
  await dialog().getByLabel('Labels').fill(`env=${env}\n canary \n`);
  await assertAccessible(page, 'labels');
  await dialog().getByRole('button', { name: 'Save' }).click();
  await dialog().waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'canary' }).waitFor();
  assert.deepEqual((await call(page, 'GET', `/api/agents/${agent.id}`)).agent.labels, { env, canary: '' });
  await page.getByRole('link', { name: `env=${env}` }).click();
  await page.waitForURL((url) => url.searchParams.get('label') === `env=${env}`);
  await page.getByText('2 found').waitFor();
  await row(other.name).waitFor();
});

test('a choice of rows is labelled, deactivated and activated together', async () => {
  const stem = unique('many');
  const agents = await register(stem, 3);
  await go(page, `/agents?q=${stem}`);
  await page.getByLabel(`Choose ${agents[0].name}`).check();
  await page.getByLabel(`Choose ${agents[2].name}`).check();
  await bar().getByText('2 agents chosen').waitFor();
  await assertAccessible(page, 'agents with a choice');
  await screenshot(page, 'agents-bulk');
  await bar().getByRole('button', { name: 'Add labels' }).click();
  await dialog().getByLabel('Labels').fill('ring=first');
  await dialog().getByRole('button', { name: 'Add' }).click();
  await page.getByText('Done for 2 agents.').waitFor();
  await bar().waitFor({ state: 'detached' });
  await row(agents[0].name).getByText('ring=first').waitFor();
  assert.equal(await row(agents[1].name).getByText('ring=first').count(), 0);

  await page.getByLabel('Choose all of this page').check();
  await bar().getByText('3 agents chosen').waitFor();
  await bar().getByRole('button', { name: 'Deactivate' }).click();
  await dialog().getByText('Deactivate 3 agents?').waitFor();
  await dialog().getByRole('button', { name: 'Deactivate' }).click();
  for (const agent of agents) await row(agent.name).getByText('Deactivated').waitFor();
});

test('all that the filters let through can be chosen, beyond the page', async () => {
  const stem = unique('beyond');
  await register(stem, 52);
  await go(page, `/agents?q=${stem}`);
  await page.getByText('52 found').waitFor();
  await page.getByLabel('Choose all of this page').check();
  await bar().getByRole('button', { name: 'Choose all 52' }).click();
  await bar().getByText('52 agents chosen').waitFor();
  await bar().getByRole('button', { name: 'Add labels' }).click();
  await dialog().getByLabel('Labels').fill(stem);
  await dialog().getByRole('button', { name: 'Add' }).click();
  await page.getByText('Done for 52 agents.').waitFor();
  assert.equal((await call(page, 'GET', `/api/agents?label=${stem}`)).total, 52);
});

test('what some refuse is said of each', async () => {
  const stem = unique('full');
  const [full] = await register(stem, 1);
  const labels = Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`n${n}`, '']));
  await call(page, 'PATCH', `/api/agents/${full.id}`, { labels });
  await go(page, `/agents?q=${stem}`);
  await page.getByLabel(`Choose ${full.name}`).check();
  await bar().getByRole('button', { name: 'Add labels' }).click();
  await dialog().getByLabel('Labels').fill('more');
  await dialog().getByRole('button', { name: 'Add' }).click();
  await dialog().getByText('Done for 0 agents, refused by 1.').waitFor();
  await dialog().getByText('more than 32 labels').waitFor();
  await dialog().getByRole('button', { name: 'Close' }).last().click();
  await dialog().waitFor({ state: 'detached' });
});

test('the list is a file with what the address shows', async () => {
  const stem = unique('file');
  await register(stem, 2);
  await go(page, `/agents?q=${stem}&order=desc&sort=name`);
  await page.getByText('2 found').waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export the agents as CSV' }).click()]);
  assert.equal(download.suggestedFilename(), 'agents.csv');
  const lines = (await readFile(await download.path(), 'utf8')).trim().split('\r\n');
  assert.equal(lines.length, 3);
  assert.match(lines[1], new RegExp(`,${stem}-1,`));
  assert.equal(page.url(), `${URL_BASE}/agents?q=${stem}&order=desc&sort=name`);
});

test('a choice made before the typing has paused stays, and so does what was typed', async () => {
  const tab = await open(browser);
  await signIn(tab);
  await tab.clock.install();
  await go(tab, '/agents');
  await tab.getByRole('row').nth(1).waitFor();
  await freeze(tab);
  await tab.getByPlaceholder('Search name, host or id').fill('typed');
  await tab.getByLabel('State', { exact: true }).selectOption('offline');
  await tab.waitForURL(`${URL_BASE}/agents?status=offline`);
  await tab.clock.runFor(1000); // the typing has paused
  await tab.waitForURL(({ searchParams }) => searchParams.get('q') === 'typed');
  assert.equal(new URL(tab.url()).searchParams.get('status'), 'offline');
  await close(tab);
});

test('two lists of a page keep their places in the address apart', async () => {
  await go(page, '/backups');
  await page.getByRole('table', { name: 'Backup runs' }).waitFor();
  await page.getByRole('table', { name: 'Backups', exact: true }).getByRole('button', { name: 'Next run' }).click();
  await page.waitForURL((url) => url.searchParams.get('c.sort') === 'next');
  await page.getByRole('table', { name: 'Backup runs' }).getByRole('button', { name: 'State' }).click();
  await page.waitForURL((url) => url.searchParams.get('sort') === 'status' && url.searchParams.get('c.sort') === 'next');
  await page.reload();
  const head = (table, name) => page.getByRole('table', { name: table, exact: true }).getByRole('columnheader', { name });
  await head('Backups', 'Next run').waitFor();
  assert.equal(await head('Backups', 'Next run').getAttribute('aria-sort'), 'ascending');
  assert.equal(await head('Backup runs', 'State').getAttribute('aria-sort'), 'ascending');
});

test('every alert has a page, and its state is in the address', async () => {
  await go(page, '/alerts');
  await page.getByRole('heading', { level: 1, name: 'Alerts' }).waitFor();
  await page.getByLabel('State', { exact: true }).selectOption('acknowledged');
  await page.waitForURL((url) => url.searchParams.get('state') === 'acknowledged');
  await assertAccessible(page, 'alerts');
});

// --- the log ---

const events = () => page.locator('.event');

test('what an agent says is on its page as it comes, by level, and can be paused', async () => {
  const host = await addHost(page);
  const tab = await open(browser);
  await signIn(tab);
  await onlyTold(tab);
  await go(tab, `/agents/${host.id}`);
  await tab.locator('#events-title').waitFor();
  await tab.getByText('live', { exact: true }).waitFor();
  const said = (text) => tab.locator('.event').filter({ hasText: text });
  await host.event('info', 'log', 'the first word');
  await said('the first word').waitFor();
  await host.event('debug', 'log', 'a whisper');
  await host.event('error', 'log', 'a cry');
  await said('a cry').waitFor();
  assert.equal(await said('a whisper').count(), 0);
  assert.match(await tab.locator('.event').first().innerText(), /a cry/);

  await tab.getByRole('button', { name: 'Pause' }).click();
  await tab.getByText('paused', { exact: true }).waitFor();
  await host.event('info', 'log', 'while paused');
  assert.equal(await said('while paused').count(), 0);
  await tab.getByRole('button', { name: 'Follow' }).click();
  await said('while paused').waitFor();
  await assertAccessible(tab, 'log');
  await close(tab);
});

test('a log that many lines come into at once shows them all, the newest first, and older ones by pages', async () => {
  const host = await addHost(page);
  for (let n = 0; n < 60; n++) await host.event('info', 'log', `old ${n}`);
  await go(page, `/agents/${host.id}`);
  await events().nth(49).waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  for (let n = 0; n < 20; n++) await host.event('info', 'log', `new ${n}`);
  await events().filter({ hasText: /new 19$/ }).waitFor();
  assert.match(await events().first().innerText(), /new 19/);
  assert.equal(await events().count(), 70);
  await page.getByRole('button', { name: 'Load older events' }).click();
  await events().filter({ hasText: /old 0$/ }).waitFor();
  assert.equal(await events().count(), 80);
});

test('the list of agents fits a phone, with a choice too', async () => {
  const stem = unique('phone');
  const [agent] = await register(stem, 1);
  await page.setViewportSize({ width: 390, height: 800 });
  await go(page, `/agents?q=${stem}`);
  await page.getByLabel(`Choose ${agent.name}`).check();
  await bar().waitFor();
  assert.ok(await sideScroll(page) <= 0);
  await screenshot(page, 'agents-phone');
  await page.setViewportSize({ width: 1280, height: 900 });
});
