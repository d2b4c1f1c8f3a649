import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { URL_BASE, app, assertAccessible, call, close, go, grant, launch, open, screenshot, signIn, unique } from './browser.js';
import { addHost, createRelease, initKeys, publishRelease } from './fleet.js';

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

const row = (version) => page.getByRole('row').filter({ has: page.getByRole('link', { name: version, exact: true }) });

test('where there is nothing yet, each page says what comes first', async () => {
  const email = `${unique('newcomer')}@example.net`;
  const password = `${unique('a long enough password')}!`;
  await app(['user', 'add', email, '--role', 'operator'], `${password}\n`);
  const newcomer = await open(browser);
  await signIn(newcomer, { email, password });
  // Whoever has no agent sees no rollout and no container; but the stack has published a release before it was up.
  await newcomer.route('**/api/releases?*', (route) => route.fulfill({ json: { items: [], total: 0 } }));
  await go(newcomer, '/releases');
  await newcomer.getByText('No release yet.').waitFor();
  await newcomer.getByText('muster-app release create', { exact: true }).waitFor();
  await assertAccessible(newcomer, 'no releases');
  await screenshot(newcomer, 'releases-none');
  await newcomer.getByRole('navigation', { name: 'Updates' }).getByRole('link', { name: 'Rollouts' }).click();
  await newcomer.getByText('No rollout yet.').waitFor();
  await newcomer.getByRole('button', { name: 'Start a rollout' }).click();
  await newcomer.getByText('No release is published.').waitFor();
  await go(newcomer, '/containers');
  await newcomer.getByText('No container waits for an update.').waitFor();
  await close(newcomer);
});

test('a release is listed from when it is made until it is withdrawn', async () => {
  const version = await createRelease(undefined, ['--changelog', 'Backups resume\n\n- after a reboot\n']);
  await go(page, '/releases');
  await row(version).getByText('Staged').waitFor();
  await row(version).getByText('Backups resume').waitFor();
  await app(['release', 'publish', version]);
  await page.reload();
  await row(version).getByText('Published').waitFor();
  await row(version).getByText('nobody').waitFor();
  await row(version).getByRole('link', { name: version }).click();
  await page.waitForURL(`${URL_BASE}/releases/${version}`);
  await page.getByRole('button', { name: 'Start a rollout' }).waitFor();
  await app(['release', 'withdraw', version, '--reason', 'it forgets the second disk']);
  await page.getByText('it forgets the second disk').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Start a rollout' }).count(), 0);
  await assertAccessible(page, 'withdrawn');
});

test('a release has its changelog, its files and its patches', async () => {
  const before = await publishRelease();
  const version = await publishRelease(undefined, ['--changelog', 'Fewer wake-ups\n\n- once an interval', '--container-image', 'registry.example.net/agent:1']);
  const { release } = await call(page, 'GET', `/api/releases/${version}`);
  await go(page, `/releases/${version}`);
  await page.getByRole('heading', { level: 1, name: version }).waitFor();
  await page.waitForFunction((name) => document.title === `${name} · Muster`, version);
  assert.equal(await page.locator('.changelog').innerText(), 'Fewer wake-ups\n\n- once an interval');
  await page.getByText('registry.example.net/agent:1').waitFor();
  await page.getByRole('table', { name: 'Files' }).getByText(release.files[0].sha256).waitFor();
  const patch = page.getByRole('table', { name: 'Patches' }).getByRole('row').filter({ hasText: before });
  await patch.getByText(/^\d+\.\d %$/).waitFor();
  await page.getByText('It has not been rolled out.').waitFor();
  await assertAccessible(page, 'release');
  await screenshot(page, 'release');
});

test('who runs what is a bar a version, which leads to the agents it counts', async () => {
  const version = await publishRelease();
  const hosts = [await addHost(page, undefined, { version }), await addHost(page, undefined, { version })];
  await go(page, '/releases');
  const bar = page.locator('.bar-row').filter({ hasText: version });
  await bar.getByText(/^2/).waitFor();
  await row(version).getByRole('link', { name: '2 agents' }).waitFor();
  await screenshot(page, 'releases');
  await bar.click();
  await page.waitForURL((url) => url.pathname === '/agents' && url.searchParams.get('version') === version);
  for (const host of hosts) await page.getByRole('link', { name: host.name, exact: true }).waitFor();
});

test('markup in a changelog is text', async () => {
  const version = await publishRelease(undefined, ['--changelog', '<img src=x onerror=alert(1)>']);
  await go(page, `/releases/${version}`);
  await page.getByText('<img src=x onerror=alert(1)>').waitFor();
  assert.equal(await page.locator('img[src=x]').count(), 0);
});

test('a version that does not exist is said so', async () => {
  await go(page, '/releases/0.0.99');
  await page.getByRole('heading', { name: 'No such release' }).waitFor();
  await page.getByRole('link', { name: 'Show all releases' }).click();
  await page.getByRole('heading', { level: 1, name: 'Releases' }).waitFor();
});

test('the command that adds an agent pins the root of the releases', async () => {
  await initKeys();
  await grant(page, 'POST /api/otps');
  await go(page, '/add');
  await page.getByRole('button', { name: 'Make the command' }).click();
  const command = await page.locator('#enrol-command').innerText();
  const fingerprint = await page.locator('#tuf-fingerprint').innerText();
  assert.match(fingerprint, /^sha256:[0-9a-f]{64}$/);
  assert.equal(command.split(` --tuf-fingerprint ${fingerprint} `).length, 2, command);
  const repository = await app(['release', 'check']);
  assert.ok(JSON.stringify(repository).includes(fingerprint), JSON.stringify(repository));
});

test('a viewer sees releases and rollouts, and nothing to start one with', async () => {
  const version = await publishRelease();
  const email = `${unique('viewer')}@example.net`;
  const password = `${unique('a long enough password')}!`;
  await app(['user', 'add', email, '--role', 'viewer'], `${password}\n`);
  const viewer = await open(browser);
  await signIn(viewer, { email, password });
  await go(viewer, `/releases/${version}`);
  await viewer.getByText('It has not been rolled out.').waitFor();
  assert.equal(await viewer.getByRole('button', { name: 'Start a rollout' }).count(), 0);
  await go(viewer, '/rollouts');
  await viewer.getByText('No rollout yet.').waitFor();
  assert.equal(await viewer.getByRole('button', { name: 'Start a rollout' }).count(), 0);
  await go(viewer, '/rollouts/new');
  await viewer.getByText('Your role does not start rollouts.').waitFor();
  await close(viewer);
});
