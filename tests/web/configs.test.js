// Backups as a person meets them: made, run, looked into, restored from, proven, and cleaned up by their rules.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PATIENCE, URL_BASE, assertAccessible, call, close, go, launch, liveAgent, open, registerAgent, screenshot, settled, sideScroll, signIn, sql, stepUp, unique } from './browser.js';

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
const heading = (name) => page.getByRole('heading', { level: 1, name });

// What the agent of the stack may read: a directory that its own first backup covers.
async function liveSource(agent) {
  const { items } = await call(page, 'GET', `/api/configs?agentId=${agent.id}`);
  return items[0].sources[0].path;
}

// Down one directory, then any file by its name.
async function choose(list) {
  const directory = list.locator('button.linkish').first();
  const name = (await directory.innerText()).replace('/', '');
  await directory.click();
  await page.getByRole('navigation', { name: 'Directory' }).getByRole('button', { name, exact: true }).waitFor();
  await page.getByLabel('Search the names').fill('.c');
  await page.keyboard.press('Enter');
  await check(list);
}

async function check(list) {
  await list.locator('code').filter({ hasText: /[.]c$/ }).first().waitFor();
  await list.getByRole('checkbox').first().check();
}

async function ended(path, key) {
  for (const until = Date.now() + 90000 * PATIENCE; Date.now() < until;) {
    const { [key]: it } = await call(page, 'GET', path);
    if (!['queued', 'running', 'thawing'].includes(it.status)) return it;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`${path} did not end`);
}

test('a backup is added, changed, cloned and deleted', async () => {
  const agent = await registerAgent(page, unique('configured'));
  const name = unique('homes');
  await go(page, `/configs/new?agent=${agent.id}`);
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel(/^Directories and files/).fill('home');
  await assertAccessible(page, 'the form of a backup');
  await screenshot(page, 'config-form');
  await page.getByRole('button', { name: 'Add the backup' }).click();
  await page.getByText('is not an absolute path').waitFor();
  await page.getByLabel(/^Directories and files/).fill('/home\n/etc');
  await page.getByLabel(/^Leave out, one/).fill('*.tmp');
  await page.getByLabel('Runs').selectOption('weekly');
  await page.getByLabel('At', { exact: true }).fill('03:30');
  await page.getByLabel('Daily').fill('14');
  await page.getByRole('button', { name: 'Add the backup' }).click();
  await heading(name).waitFor();
  const { items: [config] } = await call(page, 'GET', `/api/configs?agentId=${agent.id}`);
  assert.deepEqual(config.sources.map((source) => source.path), ['/home', '/etc']);
  assert.equal(config.options.method, 'zstd');
  assert.equal(config.options.type, 'incremental');
  assert.match(config.options.schedule.cron, /^30 3 \* \* [0-7]$/);
  assert.equal(config.options.retention.keepDaily, 14);
  assert.ok(config.nextRun_ms > Date.now(), 'the server knows when it runs next');

  await page.locator('a[href$="/edit"]').click();
  await page.getByLabel('Compression').selectOption('gzip');
  await page.getByLabel('Level').fill('6');
  await page.getByLabel('Runs').selectOption('cron');
  await page.getByLabel('Expression').fill('61 * * * *');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('#config-cron-error').waitFor();
  await page.getByLabel('Expression').fill('15 4 1 * *');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('incremental, gzip 6').waitFor();

  await page.locator('a[href*="clone="]').click();
  await heading(`A backup like ${name}`).waitFor();
  await page.getByRole('button', { name: 'Add the backup' }).click();
  await heading(`${name} copy`).waitFor();

  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await dialog().getByRole('button', { name: 'Delete', exact: true }).click();
  await stepUp(page);
  await page.waitForURL(`${URL_BASE}/backups`);
  assert.equal((await call(page, 'GET', `/api/configs?agentId=${agent.id}`)).total, 1);
});

test('a person makes a backup, runs it, looks inside, restores a file and sees the proof', async () => {
  const agent = await liveAgent(page);
  const name = unique('whole');
  await go(page, `/configs/new?agent=${agent.id}`);
  await page.getByLabel('Name', { exact: true }).fill(name);
  const { roots } = (await call(page, 'GET', `/api/agents/${agent.id}`)).agent;
  await page.getByText(`${agent.name} lets go what is below ${roots.backup[0]}`).waitFor();
  const refused = page.getByText('which lies outside BACKUP_ROOTS');
  await page.getByLabel(/^Directories and files/).fill(`${roots.backup[0]}/\n/not-of-these\n${roots.backup[0]}-too`);
  await page.getByText(`will refuse /not-of-these, ${roots.backup[0]}-too, which`).waitFor();
  await assertAccessible(page, 'a source that the host will refuse');
  await page.getByLabel(/^Directories and files/).fill(await liveSource(agent));
  await refused.waitFor({ state: 'detached' });
  await page.getByLabel('Runs').selectOption('manual');
  await page.getByRole('button', { name: 'Add the backup' }).click();
  await heading(name).waitFor();
  const { items } = await call(page, 'GET', `/api/configs?agentId=${agent.id}`);
  const config = items.find((item) => item.name === name);

  await page.getByRole('button', { name: 'Back up now' }).click();
  await page.getByText(/is asked for/).waitFor();
  await page.getByRole('table', { name: /^Restore points/ }).getByText(/Completed|Warning/).waitFor({ timeout: 90000 * PATIENCE });
  await screenshot(page, 'config');

  await page.locator('a[href$="/restore"]').first().click();
  await heading(`Restore ${name}`).waitFor();
  const list = page.getByRole('table', { name: 'What is inside' });
  await list.waitFor();
  await choose(list);
  await page.getByText('1 thing chosen').waitFor();
  const [root] = roots.restore;
  const runId = page.url().split('/').at(-2);
  await page.getByText(`Below ${root}. Empty: ${root}/${runId}`).waitFor();
  await page.getByLabel('Directory (optional)').fill('/not-of-these');
  await page.getByText('will refuse /not-of-these, which lies outside RESTORE_ROOTS').waitFor();
  await page.getByLabel('Directory (optional)').fill('');
  await page.getByText('which lies outside RESTORE_ROOTS').waitFor({ state: 'detached' });
  await assertAccessible(page, 'restoring');
  await screenshot(page, 'restore');
  await page.getByRole('button', { name: 'Try it first' }).click();
  await stepUp(page);
  await heading(/^Trial restore of/).waitFor();
  const trial = await ended(`/api/jobs/${page.url().split('/').pop()}`, 'job');
  assert.equal(trial.status, 'completed', trial.detail);

  await page.goBack(); // to where the search was
  await list.waitFor();
  assert.equal(await page.getByLabel('Search the names').inputValue(), '.c');
  assert.ok(new URL(page.url()).searchParams.get('in'));
  await check(list);
  await page.getByRole('button', { name: 'Restore', exact: true }).click();
  await heading(/^Restore of/).waitFor();
  const job = await ended(`/api/jobs/${page.url().split('/').pop()}`, 'job');
  assert.equal(job.status, 'completed', job.detail);
  assert.ok(job.files >= 1);
  await page.getByText('Completed').first().waitFor();
  await page.getByText(`Restored into ${root}/${runId}`).waitFor();

  await go(page, `/backups/${job.runId}`);
  await page.getByRole('button', { name: 'Prove it now' }).click();
  await heading(/^Proof of/).waitFor();
  const proof = await ended(`/api/jobs/${page.url().split('/').pop()}`, 'job');
  assert.equal(proof.status, 'completed', proof.detail);
  await go(page, `/configs/${config.id}`);
  await page.getByText('Proven').first().waitFor();
  await go(page, '/backups');
  await page.getByRole('table', { name: 'Backups' }).locator('tr', { hasText: name }).locator('.badge.good .icon').first().waitFor();
  await assertAccessible(page, 'backups');
  await screenshot(page, 'backups');
});

const ask = async (agent, sources) => {
  const options = { type: 'full', compression: true, encryption: false };
  const made = await call(page, 'POST', '/api/configs', { name: unique('asked'), agentId: agent.id, sources: sources.map((path) => ({ path })), options });
  return (await call(page, 'POST', `/api/configs/${(made.config ?? made).id}/run`)).runId;
};

test('a run is watched to its end, and what it could not read is named', async () => {
  const agent = await liveAgent(page);
  const source = await liveSource(agent);
  const gone = `${source.replace(/\/[^/]*$/, '')}/not there`;
  await go(page, `/backups/${await ask(agent, [source, gone])}`);
  await page.locator('.badge').getByText('Warning').first().waitFor({ timeout: 90000 * PATIENCE });
  const row = page.getByRole('table', { name: 'Errors' }).locator('tr', { hasText: gone });
  await row.getByText('is not there').waitFor();
  await page.getByText('1 unreadable').waitFor();
  await assertAccessible(page, 'a run with trouble');
});

test('a run that waits for its host is cancelled', async () => {
  const agent = await registerAgent(page, unique('away'));
  const runId = await ask(agent, ['/home']);
  await go(page, `/backups/${runId}`);
  await page.locator('.badge').getByText('Queued').first().waitFor();
  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await dialog().getByRole('button', { name: 'Cancel the run' }).click();
  await page.locator('.badge').getByText('Cancelled').first().waitFor();
  assert.equal((await call(page, 'GET', `/api/runs/${runId}`)).run.status, 'cancelled');
  assert.equal(await page.getByRole('button', { name: 'Cancel', exact: true }).count(), 0);
});

test('a run that failed says why on the page of its backup', async () => {
  const agent = await registerAgent(page, unique('refusing'));
  const body = { name: unique('refused'), agentId: agent.id, sources: [{ path: '/etc' }], options: {} };
  const config = await call(page, 'POST', '/api/configs', body);
  const { runId } = await call(page, 'POST', `/api/configs/${config.id}/run`, {});
  await sql(`UPDATE backup_runs SET status = 'failed', errors = '[{"message":"/etc lies outside BACKUP_ROOTS"}]',
    error_count = 1, finished_ms = queued_ms WHERE id = '${runId}'`);
  await go(page, `/configs/${config.id}`);
  const notice = page.locator('.notice.bad');
  await notice.getByText('/etc lies outside BACKUP_ROOTS.').waitFor();
  await assertAccessible(page, 'a backup whose run failed');
  await notice.getByRole('link', { name: 'last run' }).click();
  await heading(`${body.name} on ${agent.name}`).waitFor();
});

test('the rules for keeping say what they would do before they do it', async () => {
  const agent = await liveAgent(page);
  const { items } = await call(page, 'GET', `/api/configs?agentId=${agent.id}`);
  const config = items.find((item) => item.lastRun?.status === 'completed') ?? items[0];
  await go(page, `/configs/${config.id}`);
  await page.getByRole('button', { name: 'What would be deleted now?' }).click();
  await page.getByText('Nothing would be deleted.').waitFor();
  await page.getByRole('table', { name: 'What retention would do' }).getByText('Stays').first().waitFor();
});

test('what is stored is drawn, by agent', async () => {
  await go(page, '/backups');
  const stored = page.getByRole('table', { name: 'Stored bytes by backup' });
  await stored.waitFor();
  assert.match(await stored.innerText(), /[KMG]iB/);
});

test('backups fit a phone', async () => {
  const small = await open(browser, { viewport: { width: 390, height: 800 } });
  await signIn(small);
  for (const path of ['/backups', '/configs/new']) {
    await go(small, path);
    await small.getByRole('heading', { level: 1 }).waitFor();
    await settled(small);
    assert.equal(await sideScroll(small), 0, path);
  }
  await close(small);
});
