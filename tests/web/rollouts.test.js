import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { URL_BASE, app, assertAccessible, call, close, go, grant, headingIsFirst, launch, open, screenshot, sideScroll, signIn, stepUp, unique } from './browser.js';
import { addHost, addHosts, begin, firstOffered, publishRelease } from './fleet.js';

let browser;
let page;
let version;
before(async () => {
  browser = await launch();
  page = await open(browser);
  await signIn(page);
  await grant(page, 'POST /api/rollouts');
  version = await publishRelease();
});
after(async () => {
  await close(page);
  await browser.close();
});

const dialog = () => page.getByRole('dialog');
const member = (host) => page.getByRole('table', { name: 'Agents of this rollout' }).getByRole('row').filter({ hasText: host.name });
const stateIs = (label) => page.locator('.page-head .badge').filter({ hasText: label }).waitFor();
const look = (rollout) => call(page, 'GET', `/api/rollouts/${rollout.id}`);
const legend = (label) => page.locator('.legend li').filter({ hasText: label }).locator('strong');

async function visit(rollout, query = '') {
  await go(page, `/rollouts/${rollout.id}${query}`);
  await page.getByRole('heading', { level: 1, name: rollout.version }).waitFor();
}

async function press(button, dialogButton = button) {
  await page.getByRole('button', { name: button, exact: true }).click();
  await dialog().getByRole('button', { name: dialogButton, exact: true }).click();
}

test('a rollout is started from its release and watched to its end', async () => {
  const stem = unique('staged');
  const hosts = await addHosts(page, 3, stem);
  await go(page, `/releases/${version}`);
  await page.getByRole('button', { name: 'Start a rollout' }).click();
  assert.equal(await page.getByLabel('Release').inputValue(), version);
  await page.getByLabel('Chosen agents').check();
  for (const host of hosts) {
    await page.getByLabel('Find agents').fill(host.name);
    await page.getByRole('button', { name: `Add ${host.name}`, exact: true }).click();
  }
  for (const stage of [3, 2]) await page.getByRole('button', { name: `Remove Stage ${stage}` }).click();
  await page.getByLabel('Up to (Stage 1)').fill('1');
  await page.getByLabel('Watch, minutes (Stage 1)').fill('0');
  await page.getByText('1 of 3 agents').waitFor();
  await assertAccessible(page, 'start a rollout');
  await screenshot(page, 'rollout-new');
  await page.getByRole('button', { name: 'Start the rollout' }).click();
  await page.waitForURL(/\/rollouts\/[0-9a-f-]{36}$/);
  const rollout = await call(page, 'GET', `/api/rollouts/${page.url().split('/').pop()}`);
  assert.deepEqual(rollout.stages.map(({ count, percent, soakS }) => [count ?? percent, soakS]), [[1, 0], [100, 600]]);
  assert.deepEqual(new Set(rollout.target.agents), new Set(hosts.map((host) => host.id)));

  const [first, ...others] = await firstOffered(hosts, version);
  await first.say('downloading', { percent: 42 });
  await member(first).getByText('42 %').waitFor();
  await page.getByRole('listitem').filter({ hasText: 'Stage 1' }).getByText('1 under way').waitFor();
  await first.commit();
  await member(first).getByText('Updated').waitFor();
  for (const host of others) {
    await host.offered(version);
    await host.commit();
  }
  await stateIs('Done');
  await page.getByText('3 of 3 have ended · 100 %').waitFor();
  assert.equal(await legend('Updated').innerText(), '3');
  await page.getByRole('img', { name: `Rollout of ${version}: Updated 3` }).waitFor();
});

test('what fails is named with its last words, and the rollout that paused itself can go on', async () => {
  const hosts = await addHosts(page, 2);
  const rollout = await begin(page, version, hosts, [{ count: 1 }, { percent: 100 }]);
  await visit(rollout);
  const [first, second] = await firstOffered(hosts, version);
  await first.restore('crashed: signal 6', "reading agent.conf\nassertion `n < 64' failed\n");
  await stateIs('Paused');
  await page.getByText(/1 of 1 .*failed/).waitFor();
  const failure = page.getByRole('region', { name: 'Failures' }).getByRole('listitem').filter({ hasText: first.name });
  await failure.getByText('crashed: signal 6').first().waitFor();
  await failure.getByText('What it last said').click();
  assert.equal(await failure.locator('pre').innerText(), "reading agent.conf\nassertion `n < 64' failed");
  await assertAccessible(page, 'paused');
  await screenshot(page, 'rollout-paused');

  await page.getByRole('button', { name: 'Resume' }).click();
  await dialog().getByText('1 failure until now is forgiven').waitFor();
  await dialog().getByRole('button', { name: 'Resume' }).click();
  await stateIs('Running');
  await page.getByText('it is well on no agent yet').waitFor();
  await press('Next stage');
  await stepUp(page);
  await second.offered(version);
  await second.commit();
  await stateIs('Done');
});

test('pausing and aborting say first whom they stop', async () => {
  const hosts = await addHosts(page, 2);
  const rollout = await begin(page, version, hosts, [{ count: 1 }, { percent: 100 }]);
  const [first] = await firstOffered(hosts, version);
  await first.say('downloading', { percent: 10 });
  await visit(rollout);
  await member(first).getByText('Downloading').waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await dialog().getByText('1 agent that is still downloading or waiting will stop.').waitFor();
  await assertAccessible(page, 'pause');
  await page.keyboard.press('Escape');
  assert.equal((await look(rollout)).state, 'running');
  await press('Pause');
  await stateIs('Paused');
  await first.notOffered();
  await page.getByRole('button', { name: 'Abort' }).click();
  await dialog().getByText('2 agents will not get it.').waitFor();
  await screenshot(page, 'rollout-abort');
  await dialog().getByRole('button', { name: 'Abort' }).click();
  await stateIs('Aborted');
  await member(first).getByText('Cancelled').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Resume' }).count(), 0);
});

test('the next stage can be begun at once, and reach further while it runs', async () => {
  const hosts = await addHosts(page, 3);
  const rollout = await begin(page, version, hosts, [{ count: 1, advance: 'manual' }, { count: 2 }, { percent: 100, soakS: 60 }]);
  const [first, ...others] = await firstOffered(hosts, version);
  await first.commit();
  await visit(rollout);
  await page.getByText('waits for you').waitFor();
  await press('Next stage');
  await stepUp(page);
  const [second, third] = await firstOffered(others, version);
  await page.locator('.stage.now').filter({ hasText: 'Stage 2' }).waitFor();
  await third.beat();
  assert.equal(third.offer, undefined);

  await page.getByRole('button', { name: 'Change the number' }).click();
  await dialog().getByLabel('Agents').fill('3');
  await dialog().getByText('It reaches 3 agents instead of 2').waitFor();
  await dialog().getByRole('button', { name: 'Change' }).click();
  await page.getByText('Stage 2 reaches 3 agents now.').waitFor();
  await third.offered(version);
  assert.deepEqual((await look(rollout)).stages.map((stage) => stage.count ?? stage.percent), [1, 3, 100]);
  for (const host of [second, third]) await host.commit();
  await stateIs('Done');
});

test('a plan that is under way can be changed in all of its parts', async () => {
  const [host] = await addHosts(page, 1);
  const rollout = await begin(page, version, [host], [{ count: 1, advance: 'manual' }, { percent: 100 }]);
  await visit(rollout);
  await page.getByRole('button', { name: 'Change the plan' }).click();
  await dialog().getByText('Pace, limits and windows').click();
  await dialog().getByLabel('Agents under way at a time').fill('7');
  await dialog().getByRole('spinbutton', { name: /^Failed, in %/ }).fill('');
  await dialog().getByRole('button', { name: 'Add a window' }).click();
  await dialog().getByRole('checkbox', { name: 'Sat' }).check();
  await dialog().getByLabel('From (window 1)').fill('22:30');
  await dialog().getByLabel('Until (window 1)').fill('00:00');
  await assertAccessible(page, 'change the plan');
  await screenshot(page, 'rollout-change');
  await dialog().getByRole('button', { name: 'Change', exact: true }).click();
  await page.getByText(`The plan of ${version} is changed.`).waitFor();
  await page.getByText('Sat 22:30–24:00 UTC').waitFor();
  const changed = await look(rollout);
  assert.equal(changed.pace.maxInFlight, 7);
  assert.deepEqual(changed.windows, [{ days: ['sat'], from: '22:30', to: '24:00' }]);
  assert.equal(changed.thresholds.failedPercent, null);
  assert.equal(changed.stages[0].advance, 'manual', 'what was not touched stays');
  await call(page, 'POST', `/api/rollouts/${rollout.id}/abort`);
});

test('a roll back puts the previous version where the withdrawn one is', async () => {
  const bad = await publishRelease();
  const hosts = await addHosts(page, 2);
  for (const host of hosts) host.version = version;
  const rollout = await begin(page, bad, hosts, [{ count: 1, advance: 'manual' }, { percent: 100 }], { previousVersion: version });
  const [first] = await firstOffered(hosts, bad);
  await first.commit();
  await visit(rollout);
  await member(first).getByText('Updated').waitFor();

  await page.getByRole('button', { name: 'Roll back' }).click();
  await dialog().getByText('1 agent that this rollout has brought').waitFor();
  await dialog().getByRole('button', { name: 'Roll back' }).click();
  await stepUp(page);
  await dialog().getByRole('alert').getByText(`withdraw ${bad}`).waitFor(); // the server says what is missing
  await page.keyboard.press('Escape');
  await app(['release', 'withdraw', bad, '--reason', 'loses the clock']);
  await press('Roll back');
  await stateIs('Rolling back');
  const offer = await first.offered(version);
  assert.equal(offer.downgrade, true);
  await first.commit();
  await stateIs('Rolled back');
  await page.locator('.legend li').filter({ hasText: 'Rolled back' }).getByText('1', { exact: true }).waitFor();
  assert.ok(await headingIsFirst(page));
  await screenshot(page, 'rollout-back');
});

test('the agents of a rollout are filtered and paged, and the address holds both', async () => {
  const hosts = await addHosts(page, 27);
  const rollout = await begin(page, version, hosts, [{ count: 1, advance: 'manual' }, { percent: 100 }]);
  const [first] = await firstOffered(hosts, version);
  await visit(rollout);
  await page.getByText('1–25 of 27').waitFor();
  await member(first).waitFor();
  await page.getByRole('link', { name: 'Next page' }).click();
  await page.waitForURL((url) => url.searchParams.get('page') === '2');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 2);
  await page.getByLabel('State', { exact: true }).selectOption('offered');
  await page.waitForURL((url) => url.searchParams.get('state') === 'offered' && !url.searchParams.get('page'));
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
  await page.reload();
  await member(first).waitFor();
  assert.equal(await page.getByLabel('State', { exact: true }).inputValue(), 'offered');
  await call(page, 'POST', `/api/rollouts/${rollout.id}/abort`);
});

test('what is wrong with a plan is said at its field, by the page and by the server', async () => {
  await go(page, `/rollouts/new?version=${version}`);
  await page.getByLabel('Agents with labels').check();
  await page.getByLabel('Up to (Stage 2)').fill('101');
  await page.getByRole('button', { name: 'Start the rollout' }).click();
  await page.getByText('Name at least one label.').waitFor();
  await page.getByText('From 1 to 100.').waitFor();
  await page.waitForFunction(() => document.activeElement.id === 'plan-target-labels');
  await assertAccessible(page, 'a plan with errors');
  await page.getByLabel('Up to (Stage 2)').fill('10');
  // Seventeen labels are one more than the server takes, which the page leaves to it.
  await page.getByLabel(/^Labels/).fill(Array.from({ length: 17 }, (_, n) => `label${n}=x`).join('\n'));
  await page.getByRole('button', { name: 'Start the rollout' }).click();
  await page.waitForFunction(() => document.querySelector('#plan-target-labels-error')?.textContent.includes('16'));
  assert.equal(new URL(page.url()).pathname, '/rollouts/new');
});

test('the list of rollouts goes by state', async () => {
  const [host] = await addHosts(page, 1);
  const rollout = await begin(page, version, [host], [{ count: 1, advance: 'manual' }, { percent: 100 }]);
  await call(page, 'POST', `/api/rollouts/${rollout.id}/pause`);
  await go(page, '/rollouts');
  const row = page.getByRole('row').filter({ has: page.locator(`a[href="/rollouts/${rollout.id}"]`) });
  await row.getByText('Paused').waitFor();
  await row.getByText('one agent').waitFor();
  await screenshot(page, 'rollouts');
  await page.getByRole('navigation', { name: 'Rollouts by state' }).getByRole('link', { name: 'Running' }).click();
  await page.waitForURL(`${URL_BASE}/rollouts?state=running`);
  await row.waitFor({ state: 'detached' });
  await call(page, 'POST', `/api/rollouts/${rollout.id}/abort`);
  await go(page, '/rollouts/00000000-0000-7000-8000-000000000000');
  await page.getByRole('heading', { name: 'No such rollout' }).waitFor();
});

test('a rollout that somebody else has made can be looked at, not changed', async () => {
  const email = `${unique('operator')}@example.net`;
  const password = `${unique('a long enough password')}!`;
  await app(['user', 'add', email, '--role', 'operator'], `${password}\n`);
  const operator = await open(browser);
  await signIn(operator, { email, password });
  const host = await addHost(operator); // theirs
  const rollout = await begin(page, version, [host], [{ count: 1, advance: 'manual' }, { percent: 100 }]);
  await go(operator, `/rollouts/${rollout.id}`);
  await operator.getByRole('link', { name: host.name }).waitFor();
  for (const name of ['Pause', 'Abort', 'Change the plan', 'Change the number']) {
    assert.equal(await operator.getByRole('button', { name, exact: true }).count(), 0, name);
  }
  await visit(rollout);
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor(); // an admin may
  await call(page, 'POST', `/api/rollouts/${rollout.id}/abort`);
  await close(operator);
});

test('the pages about updates are accessible and fit, in the dark and on a phone', async () => {
  const hosts = await addHosts(page, 2);
  const rollout = await begin(page, version, hosts, [{ count: 1, advance: 'manual' }, { percent: 100 }]);
  const [first] = await firstOffered(hosts, version);
  await first.say('failed', { reason: 'no space left on /var/lib/muster-agent' });
  const places = [['releases', '/releases'], ['release', `/releases/${version}`], ['rollouts', '/rollouts'],
    ['rollout', `/rollouts/${rollout.id}`], ['rollout-new', '/rollouts/new'], ['containers', '/containers']];
  const looks = [['dark', { colorScheme: 'dark' }], ['narrow', { viewport: { width: 360, height: 740 }, hasTouch: true }]];
  for (const [look, options] of looks) {
    const tab = await open(browser, options);
    await signIn(tab);
    for (const [name, path] of places) {
      await go(tab, path);
      await tab.getByRole('heading', { level: 1 }).waitFor();
      await tab.waitForFunction(() => !document.querySelector('.loading'));
      await assertAccessible(tab, `${name}, ${look}`);
      assert.equal(await sideScroll(tab), 0, `${name}, ${look}`);
      assert.equal(await tab.locator('[style]').count(), 0, `${name} has a style attribute`);
      await screenshot(tab, `${name}-${look}`);
    }
    await close(tab);
  }
  await call(page, 'POST', `/api/rollouts/${rollout.id}/abort`);
});
