// Every list sorts, filters, pages and exports, and its address holds how: the lists that no other test looks at so.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { assertAccessible, call, close, go, launch, open, registerAgent, signIn, sql, unique } from './browser.js';
import { PHONE, addPerson, userId } from './people.js';
import { createRelease } from './fleet.js';

let browser;
let page;
before(async () => {
  browser = await launch();
  page = await open(browser, { acceptDownloads: true });
  await signIn(page);
});
after(async () => {
  await close(page);
  await browser.close();
});

const table = (at, name) => at.getByRole('table', { name });
// Until the column reads so, from the top; what a cell has below its first line is left out.
const reads = (at, name, column, expected) => at.waitForFunction(([label, look, wanted]) => {
  const found = [...document.querySelectorAll('table')].find((each) => each.caption?.textContent === label);
  const cells = [...found?.querySelectorAll(`tbody td.col-${look}`) ?? []];
  return JSON.stringify(cells.map((cell) => cell.innerText.trim().split('\n')[0])) === wanted;
}, [name, column, JSON.stringify(expected)]);

async function sortBy(at, name, head, parameter, value) {
  await table(at, name).getByRole('columnheader', { name: head }).getByRole('button').click();
  await at.waitForURL((url) => url.searchParams.get(parameter) === value);
}

// The file behind the link, row by row, without its head.
async function exported(at, what) {
  const [download] = await Promise.all([at.waitForEvent('download'), at.getByRole('link', { name: `Export ${what} as CSV` }).click()]);
  return (await readFile(await download.path(), 'utf8')).trimEnd().split('\r\n').slice(1);
}

let made = 0;
const uuid = () => `0190${process.pid.toString(16).padStart(4, '0').slice(-4)}-0000-7000-8000-${String(++made).padStart(12, '0')}`;

test('invitations sort, filter, page and export, beside the list of accounts', async () => {
  const tag = unique('asked');
  for (let n = 0; n < 22; n++) {
    await sql(`INSERT INTO invitations (id, token_hash, email, email_lower, role, invited_by, created_ms, expires_ms, used_ms) VALUES
      ('${uuid()}', '${tag}-${n}', '${tag}-${String(n).padStart(2, '0')}@example.net', '${tag}-${String(n).padStart(2, '0')}@example.net',
       '${n % 2 ? 'viewer' : 'operator'}', 'cli:0', ${1800000000000 + n}, 1900000000000, ${n < 2 ? 5 : 'NULL'})`);
  }
  const name = (n) => `${tag}-${String(n).padStart(2, '0')}@example.net`;
  await go(page, `/users?i.q=${tag}`);
  await reads(page, 'Invitations', 'name', [...Array(20).keys()].map((n) => name(21 - n)));
  await page.getByRole('navigation', { name: 'Pages of invitations' }).getByRole('link', { name: 'Next page' }).click();
  await page.waitForURL((url) => url.searchParams.get('i.page') === '2');
  await reads(page, 'Invitations', 'name', [name(1), name(0)]);
  await sortBy(page, 'Invitations', 'E-mail', 'i.sort', 'email');
  await page.getByLabel('State of the invitation').selectOption('used');
  await reads(page, 'Invitations', 'name', [name(0), name(1)]);
  const shared = page.url();
  assert.equal((await exported(page, 'the invitations')).length, 2);
  await page.goto(shared);
  await reads(page, 'Invitations', 'name', [name(0), name(1)]);
  await page.getByLabel('Role invited to').selectOption('admin');
  await page.getByText('No invitation matches.').waitFor();
  await assertAccessible(page, 'invitations');
  await sql(`DELETE FROM invitations WHERE token_hash LIKE '${tag}-%'`);
});

test('sessions and tokens of one’s own sort, filter and export', async () => {
  const person = await addPerson('operator');
  const own = await open(browser, { acceptDownloads: true });
  await signIn(own, person);
  for (const [n, [kind, agent]] of [['token', 'curl/8'], ['token', 'ansible'], ['cookie', 'Firefox/1 Linux'], ['token', 'curl/9'], ['token', 'curl/7']].entries()) {
    await sql(`INSERT INTO sessions (id_hash, id, user_id, csrf_token, kind, method, address, user_agent, created_ms, last_used_ms, expires_ms)
      SELECT '${unique('hash')}', '${uuid()}', id, 'x', '${kind}', 'password', '192.0.2.${n}', '${agent}', 1800000000000, u.at, u.at + 600000
      FROM users, (SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000 AS at) u WHERE id = ${userId(person.email)}`);
  }
  await go(own, '/account/sessions');
  await table(own, 'Sessions').locator('tbody tr').nth(5).waitFor();
  await own.getByPlaceholder('Search browser or address').fill('curl');
  await own.waitForURL((url) => url.searchParams.get('q') === 'curl');
  await sortBy(own, 'Sessions', 'Address', 'sort', 'address');
  await reads(own, 'Sessions', 'address', ['192.0.2.0', '192.0.2.3', '192.0.2.4']);
  await sortBy(own, 'Sessions', 'Address', 'order', 'desc');
  await reads(own, 'Sessions', 'address', ['192.0.2.4', '192.0.2.3', '192.0.2.0']);
  await own.reload();
  await reads(own, 'Sessions', 'address', ['192.0.2.4', '192.0.2.3', '192.0.2.0']);
  const file = await exported(own, 'your sessions');
  assert.deepEqual(file.map((row) => /192\.0\.2\.\d/.exec(row)[0]), ['192.0.2.4', '192.0.2.3', '192.0.2.0']);
  await own.getByLabel('Browser or program', { exact: true }).selectOption('cookie');
  await own.getByText('No session matches.').waitFor();
  await own.locator('.empty').getByRole('button', { name: 'Clear the filters' }).click();
  await table(own, 'Sessions').locator('tbody tr').nth(5).waitFor();

  for (const name of ['beta', 'Alpha', 'gamma', 'delta', 'eps', 'zeta']) {
    await call(own, 'POST', '/api/auth/tokens', { name, scopes: ['read'] });
  }
  await sql(`UPDATE access_tokens SET expires_ms = created_ms WHERE name IN ('beta', 'Alpha') AND user_id = ${userId(person.email)}`);
  await go(own, '/account/tokens');
  await table(own, 'Access tokens').locator('tbody tr').nth(5).waitFor();
  await own.getByLabel('State of the token').selectOption('expired');
  await sortBy(own, 'Access tokens', 'Name', 'sort', 'name');
  await reads(own, 'Access tokens', 'name', ['Alpha', 'beta']);
  assert.equal((await exported(own, 'your tokens')).length, 2);
  await own.reload();
  await reads(own, 'Access tokens', 'name', ['Alpha', 'beta']);
  await assertAccessible(own, 'tokens');
  await close(own);
});

// A config with so many full backups, which only the database knows; sizes 1000, 2000, …, newest last.
async function storedConfig(name, count) {
  const agent = await registerAgent(page, unique('stored'));
  const config = await call(page, 'POST', '/api/configs', {
    name, agentId: agent.id, sources: [{ path: '/etc' }], options: { type: 'full', compression: true, encryption: false, retentionDays: 30 },
  });
  // Retention has just been here: it must not give up what the preview shall speak of.
  await sql(`UPDATE backup_configs SET retention_due_ms = ${Date.now() + 3600000} WHERE id = '${config.id}'`);
  for (let n = 1; n <= count; n++) {
    const at = 1700000000000 + n * 86400000;
    const id = uuid();
    await sql(`INSERT INTO backup_runs (id, config_id, config_name, agent_id, agent_name, user_id, status, type, chain_id, chain_seq, origin,
        started_ms, finished_ms, active_ms, duration_ms, size_bytes, pinned_ms, filename)
      SELECT '${id}', id, name, agent_id, '${agent.name}', user_id, 'completed', 'full', '${id}', 0, 'schedule', ${at}, ${at + 60000}, ${at}, 60000,
        ${n * 1000}, ${n === 2 ? 1 : 'NULL'}, '' FROM backup_configs WHERE id = '${config.id}'`);
  }
  return { agent, config };
}

test('restore points sort, filter, page and export; so does what retention would do with them', async () => {
  const { config } = await storedConfig(unique('chained'), 12);
  await go(page, `/configs/${config.id}`);
  const chains = page.locator('details.chain');
  await chains.nth(9).waitFor();
  assert.equal(await chains.count(), 10);
  await page.getByRole('navigation', { name: 'Pages of restore points' }).getByRole('link', { name: 'Next page' }).click();
  await page.waitForURL((url) => url.searchParams.get('c.page') === '2');
  await page.waitForFunction(() => document.querySelectorAll('details.chain').length === 2);
  await page.getByLabel('Sort').selectOption('size.desc');
  await page.waitForURL((url) => url.searchParams.get('c.sort') === 'size' && !url.searchParams.has('c.page'));
  await page.waitForFunction(() => /11[.,]7/.test(document.querySelector('details.chain summary')?.textContent));
  await page.getByLabel('Which restore points').selectOption('pinned');
  await page.waitForFunction(() => document.querySelectorAll('details.chain').length === 1);
  await page.reload();
  await chains.filter({ hasText: 'kept by hand' }).waitFor();
  assert.equal((await exported(page, 'the restore points')).length, 1);
  await page.getByLabel('Which restore points').selectOption('broken');
  await page.getByText('No restore point matches.').waitFor();
  await page.locator('.empty').getByRole('button', { name: 'Clear the filters' }).click();

  await page.getByRole('button', { name: 'What would be deleted now?' }).click();
  await page.getByText(/10 restore points of 12 would go/).waitFor();
  await sortBy(page, 'What retention would do', 'Stored', 'keep.sort', 'size');
  await page.getByLabel('What happens', { exact: true }).selectOption('keep');
  await page.waitForURL((url) => url.searchParams.get('keep.action') === 'keep');
  await table(page, 'What retention would do').locator('tbody tr').nth(2).waitFor({ state: 'detached' });
  await page.reload();
  await page.getByText(/10 restore points of 12 would go/).waitFor();
  assert.equal(await table(page, 'What retention would do').locator('tbody tr').count(), 2);
  const file = await exported(page, 'what retention would do');
  assert.equal(file.length, 2);
  assert.match(file[0], /keep.*pinned/);
  await assertAccessible(page, 'restore points');
});

test('what is stored is a list by backup, and an agent has its backups and runs as lists', async () => {
  const name = unique('=stored');
  const { agent, config } = await storedConfig(name, 7);
  await storedConfig(`${name}-b`, 6);
  await go(page, `/backups?s.q=${encodeURIComponent(name)}`);
  await reads(page, 'Stored bytes by backup', 'config', [name, `${name}-b`]);
  await sortBy(page, 'Stored bytes by backup', 'Runs', 's.sort', 'runs');
  await reads(page, 'Stored bytes by backup', 'config', [`${name}-b`, name]);
  assert.deepEqual((await exported(page, 'what is stored')).map((row) => row.includes(`'${name}-b`)), [true, false]);
  await page.getByPlaceholder('Search what is stored').fill('there is no such thing');
  await page.getByText('Nothing stored matches.').waitFor();

  await go(page, `/agents/${agent.id}`);
  await page.getByLabel('State of the run').selectOption('failed');
  await page.getByText('No run matches.').waitFor();
  await page.waitForURL((url) => url.searchParams.get('status') === 'failed');
  await page.getByLabel('State of the run').selectOption('completed');
  await table(page, 'Backup runs').locator('tbody tr').nth(6).waitFor();
  assert.equal((await exported(page, 'the runs')).length, 7);
  await sortBy(page, 'Backups', 'Backup', 'c.order', 'desc');
  assert.equal((await exported(page, 'the backups')).filter((row) => row.includes(config.id)).length, 1);
});

test('the jobs of a backup, the updates of an agent and the rollouts of a release are lists', async () => {
  const { agent, config } = await storedConfig(unique('worked'), 6);
  const run = (await call(page, 'GET', `/api/runs?configId=${config.id}&limit=1`)).items[0].id;
  for (const [n, [kind, status]] of [['restore', 'completed'], ['verify', 'failed'], ['verify', 'completed'], ['restore', 'failed'], ['verify', 'completed'], ['verify', 'completed']].entries()) {
    await sql(`INSERT INTO backup_jobs (id, kind, run_id, config_id, agent_id, user_id, request, status, created_by, created_ms, active_ms, finished_ms)
      SELECT '${uuid()}', '${kind}', '${run}', '${config.id}', '${agent.id}', user_id, '{}', '${status}', 'cli:0', ${n + 1}, 1, ${Date.now()}
      FROM backup_configs WHERE id = '${config.id}'`);
  }
  await go(page, `/configs/${config.id}`);
  await page.getByLabel('Restore or proof').selectOption('verify');
  await page.getByLabel('State of the job').selectOption('failed');
  await reads(page, 'Restores and proofs', 'config', ['Proof']);
  await page.reload();
  await reads(page, 'Restores and proofs', 'config', ['Proof']);
  assert.equal((await exported(page, 'the restores')).length, 1);

  for (let n = 1; n <= 12; n++) {
    await sql(`INSERT INTO agent_update_history (id, agent_id, time_ms, state, version, current_version, reason, rollout_id)
      VALUES ('${agent.id}-${n}', '${agent.id}', ${n}, '${n === 3 ? 'failed' : 'committed'}', '${n}.0.0', '', '', '')`);
  }
  await go(page, `/agents/${agent.id}`);
  await reads(page, 'Update history', 'version', [12, 11, 10, 9, 8, 7, 6, 5, 4, 3].map((n) => `${n}.0.0`));
  await page.getByRole('navigation', { name: 'Pages of the update history' }).getByRole('link', { name: 'Next page' }).click();
  await reads(page, 'Update history', 'version', ['2.0.0', '1.0.0']);
  await sortBy(page, 'Update history', 'When', 'u.order', 'asc');
  await page.getByLabel('State of the update').selectOption('failed');
  await reads(page, 'Update history', 'version', ['3.0.0']);
  assert.equal((await exported(page, 'the update history')).length, 1);

  const version = await createRelease();
  for (const [n, state] of ['done', 'aborted', 'done'].entries()) {
    await sql(`INSERT INTO rollouts (id, user_id, kind, version, previous_version, channel, target, stages, windows, max_in_flight, max_per_minute,
        silence_s, state, created_ms, updated_ms, finished_ms)
      SELECT '${uuid()}', MIN(id), 'staged', '${version}', '', 'stable', '{"all":true}', '[{"percent":100,"soakS":0,"advance":"manual"}]', '[]', 1, 0,
        60, '${state}', ${n + 1}, 1, 1 FROM users`);
  }
  await go(page, `/releases/${version}?r.state=aborted`);
  await reads(page, 'Rollouts of this release', 'status', ['Aborted']);
  await page.getByLabel('State of the rollout').selectOption('');
  await table(page, 'Rollouts of this release').locator('tbody tr').nth(2).waitFor();
  await sortBy(page, 'Rollouts of this release', 'State', 'r.sort', 'state');
  await reads(page, 'Rollouts of this release', 'status', ['Aborted', 'Done', 'Done']);
  assert.equal((await exported(page, 'the rollouts')).length, 3);
  await sql(`DELETE FROM rollouts WHERE version = '${version}'`);
});

test('the audit trail is read from either end', async () => {
  await go(page, '/audit');
  await sortBy(page, 'Audit trail', 'When', 'order', 'asc');
  await page.waitForFunction(() => document.querySelector('td.col-row')?.textContent.trim() === '1');
  await page.reload();
  await page.waitForFunction(() => document.querySelector('td.col-row')?.textContent.trim() === '1');
  const further = page.getByRole('link', { name: 'Newer rows' });
  if (await further.count()) {
    await further.click();
    await page.waitForURL((url) => url.searchParams.get('after') === '50' && url.searchParams.get('order') === 'asc');
    await page.waitForFunction(() => document.querySelector('td.col-row')?.textContent.trim() === '51');
    await page.getByRole('link', { name: 'Oldest rows' }).click();
    await page.waitForFunction(() => document.querySelector('td.col-row')?.textContent.trim() === '1');
  }
});

test('the lists fit a phone', async () => {
  const small = await open(browser, PHONE);
  await signIn(small);
  await go(small, '/users');
  await small.getByLabel('Sort: Accounts').selectOption({ label: 'Added ↓' });
  await small.waitForURL((url) => url.searchParams.get('sort') === 'created' && url.searchParams.get('order') === 'desc');
  assert.equal(await small.getByLabel('Sort: Accounts').inputValue(), 'created.desc');
  for (const path of ['/users?i.q=x', '/account/sessions', '/account/tokens', '/backups']) {
    await go(small, path);
    await small.getByRole('heading', { level: 1 }).waitFor();
    await small.waitForFunction(() => !document.querySelector('.loading'));
    assert.equal(await small.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, path);
  }
  await close(small);
});
