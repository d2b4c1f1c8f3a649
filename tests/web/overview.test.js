import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { URL_BASE, app, assertAccessible, call, close, forgetAgents, go, headingIsFirst, launch, liveAgent, onlyTold, open, registerAgent, screenshot, seedAgents, sideScroll, signIn, sql, unique } from './browser.js';
import { publishRelease } from './fleet.js';
import { PHONE, addPerson, enrol } from './people.js';

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

test('the overview shows the live agent online with its completed backup', async () => {
  const agent = await liveAgent(page);
  await go(page, `/?q=${agent.name}`);
  await row(agent.name).getByText('Online').waitFor();
  await row(agent.name).getByTitle(/Completed|Warning/).waitFor();
  await page.getByRole('heading', { name: 'Latest runs' }).waitFor();
  const { items: [run] } = await call(page, 'GET', '/api/runs?limit=1');
  await page.getByRole('listitem').filter({ hasText: run.agentName }).filter({ hasText: run.configName }).first().waitFor();
  await screenshot(page, 'overview');
});

test('the counts are what the command line counts', async () => {
  await registerAgent(page, unique('counted'));
  const agents = await app(['agent', 'list']);
  const list = Array.isArray(agents) ? agents : agents.items;
  await go(page, '/');
  const tile = page.getByRole('navigation', { name: 'Agents by state' }).getByRole('link', { name: /^All agents/ });
  await tile.filter({ hasText: new RegExp(`^All agents\\s*${list.length.toLocaleString("en-US")}$`) }).waitFor();
});

test('a state card leads to the list of the agents it counts', async () => {
  const name = unique('silent');
  await registerAgent(page, name);
  await go(page, '/');
  await page.getByRole('navigation', { name: 'Agents by state' }).getByRole('link', { name: /^Offline/ }).click();
  await page.waitForURL(`${URL_BASE}/agents?status=offline`);
  await page.getByPlaceholder('Search name, host or id').fill(name);
  await row(name).getByText('Offline').waitFor();
  assert.equal(await page.getByLabel('State', { exact: true }).inputValue(), 'offline');
});

test('a search goes into the address, and the address brings the search back', async () => {
  const name = unique('needle');
  await registerAgent(page, name);
  await go(page, '/agents');
  await page.getByPlaceholder('Search name, host or id').pressSequentially(name);
  await page.waitForURL((url) => url.searchParams.get('q') === name);
  await row(name).waitFor();
  await page.getByText('1 found').waitFor();
  await page.reload();
  await row(name).waitFor();
  assert.equal(await page.getByPlaceholder('Search name, host or id').inputValue(), name);
});

test('a search without a match offers to clear it', async () => {
  await go(page, '/agents?q=there-is-no-such-agent');
  await page.getByText('No agent matches.').waitFor();
  await page.getByRole('button', { name: 'Clear the filters' }).click();
  await page.waitForURL(`${URL_BASE}/agents`);
  await page.getByRole('row').nth(1).waitFor();
});

test('sorting is in the address, reverses, and going back undoes it', async () => {
  const stem = unique('sorted');
  for (const letter of ['a', 'b', 'c']) await registerAgent(page, `${stem}-${letter}`);
  await go(page, `/agents?q=${stem}`);
  await page.getByRole('row').nth(3).waitFor();
  const names = () => page.locator('td.col-name a').allInnerTexts();
  assert.deepEqual(await names(), ['a', 'b', 'c'].map((letter) => `${stem}-${letter}`));
  await page.getByRole('columnheader', { name: 'Agent' }).getByRole('button').click();
  await page.waitForURL((url) => url.searchParams.get('order') === 'desc');
  await page.waitForFunction((first) => document.querySelector('td.col-name a')?.textContent === first, `${stem}-c`);
  assert.equal(await page.getByRole('columnheader', { name: 'Agent' }).getAttribute('aria-sort'), 'descending');
  await page.goBack();
  await page.waitForFunction((first) => document.querySelector('td.col-name a')?.textContent === first, `${stem}-a`);
});

test('a refresh moves neither the focus, the cursor nor what is looked at', async () => {
  const name = unique('watched');
  await registerAgent(page, name);
  await go(page, `/?q=${name}`);
  const search = page.getByPlaceholder('Search name, host or id');
  await page.setViewportSize({ width: 1280, height: 400 });
  const node = await page.locator('td.col-name a').filter({ hasText: name }).elementHandle();
  await search.focus();
  await search.evaluate((input) => input.setSelectionRange(2, 2));
  await node.evaluate((element) => element.scrollIntoView({ block: 'start' }));
  // Others' alerts may come in above: the page grows, and what is in view stays where it is.
  const top = () => node.evaluate((element) => Math.round(element.getBoundingClientRect().top));
  const before = await top();
  for (let n = 0; n < 2; n++) await page.waitForResponse((reply) => reply.url().includes('/api/agents?'));
  assert.deepEqual(await page.evaluate(() => [document.activeElement.name, document.activeElement.selectionStart]), ['q', 2]);
  assert.ok(await node.evaluate((element) => element.isConnected), 'the rows were made anew instead of being changed');
  assert.equal(await top(), before);
  await page.setViewportSize({ width: 1280, height: 900 });
});

test('without the stream the pages poll; a hidden tab asks for nothing, and catches up when it is looked at', async () => {
  const tab = await open(browser);
  await signIn(tab);
  await tab.route('**/api/live', (route) => route.fulfill({ status: 503, body: '' }));
  await tab.clock.install();
  const first = ['alerts', 'rollouts', 'agents', 'runs', 'overview', 'releases'].map((name) => tab.waitForResponse((reply) => new URL(reply.url()).pathname === `/api/${name}`));
  await go(tab, '/');
  await Promise.all([...first, tab.locator('.plot canvas').waitFor(), tab.getByRole('row').nth(1).waitFor()]);
  const show = (hidden) => tab.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  // What the page has asked for until now has been told of when this request has.
  const mark = async (name) => {
    const marked = tab.waitForRequest(`**/logo.svg?${name}`);
    await tab.evaluate((query) => fetch(`/logo.svg?${query}`), name);
    await marked;
  };
  await show(true);
  await mark('hidden');
  const asked = [];
  tab.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await tab.clock.fastForward(60000);
  await mark('still-hidden');
  assert.deepEqual(asked, ['/logo.svg']);
  const caughtUp = tab.waitForResponse('**/api/overview');
  await show(false);
  await caughtUp;
  const again = tab.waitForRequest('**/api/overview');
  await tab.clock.fastForward(60000); // the same minute, seen: it does ask
  await again;
  await close(tab);
});

// Bytes as they came over the wire, headers and all, in a browser that has none of it yet.
async function weigh(path, ready) {
  const tab = await open(browser);
  await signIn(tab);
  const wire = await tab.context().newCDPSession(tab);
  await wire.send('Network.enable');
  await wire.send('Performance.enable', { timeDomain: 'threadTicks' }); // the processor's time, however many share it
  let bytes = 0;
  wire.on('Network.loadingFinished', (event) => { bytes += event.encodedDataLength; });
  const begun = Date.now();
  await go(tab, path);
  await ready(tab);
  const readyMs = Date.now() - begun;
  const paintMs = await tab.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
  const { metrics } = await wire.send('Performance.getMetrics');
  const busyMs = metrics.find(({ name }) => name === 'TaskDuration').value * 1000;
  const asked = await tab.evaluate(() => performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname));
  await close(tab);
  return { bytes, readyMs, paintMs, busyMs, asked };
}

test('the overview of ten thousand agents weighs less than 150 KiB and is drawn at once', async () => {
  const stem = unique('weight');
  await seedAgents(10000, stem);
  try {
    const { bytes, readyMs, paintMs, busyMs, asked } = await weigh('/', async (tab) => {
      await tab.locator('#glance-title').waitFor();
      await tab.locator('.plot canvas').waitFor();
      await tab.getByRole('row').nth(20).waitFor();
    });
    console.log(`overview with 10,000 agents: ${(bytes / 1024).toFixed(1)} KiB, first paint ${Math.round(paintMs)} ms, all there after ${readyMs} ms, busy for ${Math.round(busyMs)} ms`);
    assert.ok(bytes < 150 * 1024, `${bytes} bytes`);
    assert.ok(busyMs < 1000, `${busyMs} ms`);
    assert.ok(!asked.some((path) => /agent\.js|restore\.js|rollout-new/.test(path)), 'pages that nobody has gone to were fetched');
  } finally {
    await forgetAgents(stem);
  }
});

test('a change is on the page when the server tells of it', async () => {
  const agent = await registerAgent(page, unique('told'));
  const tab = await open(browser);
  await signIn(tab);
  await onlyTold(tab);
  let loads = 0;
  const begun = tab.waitForResponse((reply) => reply.url().includes('/api/agents?') && ++loads === 2);
  await go(tab, `/agents?q=${agent.name}`);
  const row = tab.getByRole('row').filter({ hasText: agent.name });
  await row.getByText('Offline').waitFor();
  await begun; // the stream tells to look again when it begins, and of each change from then on
  await call(page, 'POST', `/api/agents/${agent.id}/deactivate`);
  await row.getByText('Deactivated').waitFor();
  await close(tab);
});

test('a change while the first answer is on its way is not lost', async () => {
  const agent = await registerAgent(page, unique('early'));
  const tab = await open(browser);
  await signIn(tab);
  await onlyTold(tab);
  const wire = await tab.context().newCDPSession(tab);
  await wire.send('Network.enable');
  const told = (name) => new Promise((resolve) => {
    wire.on('Network.eventSourceMessageReceived', ({ eventName }) => eventName === name && resolve());
  });
  const begun = told('begun');
  await tab.route('**/api/agents?*', async (route) => {
    const reply = await route.fetch();
    await begun;
    const changed = told('changed');
    await call(page, 'POST', `/api/agents/${agent.id}/deactivate`);
    await changed;
    await route.fulfill({ response: reply });
  }, { times: 1 });
  await go(tab, `/agents?q=${agent.name}`);
  await tab.getByRole('row').filter({ hasText: agent.name }).getByText('Deactivated').waitFor();
  await close(tab);
});

test('the overview shows fleet, backups and rollouts as charts that can be read out', async () => {
  await go(page, '/');
  await page.getByRole('img', { name: /^Agents by state: .*Online/ }).waitFor();
  await page.getByRole('img', { name: /^14 days: [1-9]\d* completed/ }).waitFor();
  await page.locator('.plot canvas').first().waitFor();
  await page.getByRole('heading', { name: 'Rollouts' }).waitFor();
  await assertAccessible(page, 'overview');
  await page.setViewportSize({ width: 390, height: 800 });
  assert.ok(await sideScroll(page) <= 0);
  await screenshot(page, 'overview-phone');
  await page.setViewportSize({ width: 1280, height: 900 });
  await screenshot(page, 'overview-charts');
});

test('an acknowledged alert leaves the overview', async () => {
  const message = unique('something to look at');
  // The newest of all, whatever else comes in meanwhile: the overview shows five.
  await sql(`INSERT INTO alerts (id, kind, message, created_ms) VALUES ('${unique('alert')}', 'test', '${message}', ${Date.now() + 600000})`);
  await go(page, '/');
  await page.getByRole('button', { name: `Acknowledge: ${message}` }).click();
  await page.getByText('Alert acknowledged.').waitFor();
  await page.getByText(message).waitFor({ state: 'detached' });
});

// What the server has used of the processor, however many share it.
async function serverMs() {
  const pid = await readFile(join(dirname(process.env.MUSTER_CONF), 'run/app.pid'), 'utf8');
  const [user, system] = (await readFile(`/proc/${pid.trim()}/stat`, 'utf8')).split(') ')[1].split(' ').slice(11, 13);
  return (Number(user) + Number(system)) * 10; // told in hundredths of a second
}

test('ten thousand agents page on the server and stay quick', async () => {
  const stem = unique('crowd');
  await seedAgents(10000, stem);
  try {
    await go(page, `/agents?q=${stem}`);
    await page.getByText('1–50 of 10,000').waitFor();
    assert.equal(await page.locator('tbody tr').count(), 50);
    const before = await serverMs();
    await page.getByRole('link', { name: 'Next page' }).click();
    await page.getByText('51–100 of 10,000').waitFor();
    const took = await serverMs() - before;
    assert.ok(took < 1000, `the next page took ${took} ms of a processor's time`);
    assert.equal(new URL(page.url()).searchParams.get('page'), '2');
    await page.getByPlaceholder('Search name, host or id').fill(`${stem}-04242`);
    await page.getByText('1 found').waitFor();
    assert.equal(new URL(page.url()).searchParams.get('page'), null);
    await screenshot(page, 'agents-many');
  } finally {
    await forgetAgents(stem);
  }
});

// Last: what an admin sees whose server has all but their own second factor.
test('the first steps say what is missing, lead there, and go when they are put aside or done', async () => {
  const admin = await addPerson('admin');
  const tab = await open(browser);
  await signIn(tab, admin);
  await publishRelease();
  await go(tab, '/');
  const steps = tab.getByRole('region', { name: /^First steps/ });
  await steps.getByText('3 of 4 done').waitFor();
  await assertAccessible(tab, 'first steps');
  await screenshot(tab, 'first-steps');
  await steps.getByRole('button', { name: 'Set up a second factor' }).click();
  await tab.waitForURL(`${URL_BASE}/account/mfa`);
  await enrol(tab, admin);
  await Promise.all([tab.waitForResponse('**/api/releases'), go(tab, '/')]);
  await tab.waitForResponse('**/api/overview');
  assert.equal(await steps.count(), 0);
  await close(tab);

  const other = await open(browser, PHONE);
  await signIn(other, await addPerson('admin'));
  await go(other, '/');
  const theirs = other.getByRole('region', { name: /^First steps/ });
  await theirs.getByText('3 of 4 done').waitFor();
  assert.equal(await sideScroll(other), 0);
  await theirs.getByRole('button', { name: 'Put the first steps aside' }).click();
  await theirs.waitFor({ state: 'detached' });
  assert.ok(await headingIsFirst(other));
  await Promise.all([other.waitForResponse('**/api/overview'), other.reload()]);
  await other.waitForResponse('**/api/overview'); // the next look: what comes late is there by then
  assert.equal(await theirs.count(), 0);
  await close(other);

  const viewer = await open(browser);
  await signIn(viewer, await addPerson('viewer'));
  await Promise.all([viewer.waitForResponse('**/api/overview'), go(viewer, '/')]);
  await viewer.getByText('No agents yet.').waitFor();
  assert.equal(await viewer.getByRole('region', { name: /^First steps/ }).count(), 0);
  await close(viewer);
});
