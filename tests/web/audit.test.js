// The page about the audit trail: reading, narrowing, sharing, exporting, verifying.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { EMAIL, URL_BASE, app, assertAccessible, call, close, freeze, go, headingIsFirst, launch, open, registerAgent, screenshot, sideScroll, signIn, unique } from './browser.js';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const table = (page) => page.getByRole('table', { name: 'Audit trail' });
const ready = async (page) => {
  await page.getByRole('heading', { level: 1, name: 'Audit' }).waitFor();
  await page.waitForFunction(() => !document.querySelector('.loading'));
};

async function audit(path = '/audit', options) {
  const page = await open(browser, options);
  await signIn(page);
  await go(page, path);
  await ready(page);
  return page;
}

const text = (row, column) => row.locator(`td.col-${column}`).innerText();

test('an act shows who did what to what, and how it ended', async () => {
  const page = await audit();
  const agent = await registerAgent(page, unique('shown'));
  await go(page, `/audit?target=agent:${agent.id}`);
  await ready(page);
  const row = table(page).getByRole('row').nth(1);
  assert.equal(await text(row, 'who'), EMAIL);
  assert.equal(await text(row, 'act'), 'agent.register');
  assert.equal(await text(row, 'on'), agent.name);
  assert.equal(await text(row, 'status'), 'Done');
  assert.equal(await table(page).getByRole('row').count(), 2);
  assert.ok(await headingIsFirst(page));
  await assertAccessible(page, 'audit');
  await screenshot(page, 'audit');
  await close(page);
});

test('the filters are in the address, so that a view can be shared', async () => {
  const page = await audit();
  await registerAgent(page, unique('shared'));
  await page.getByText('By person, act, time and place').click();
  await page.getByLabel('Who').fill(EMAIL);
  await page.getByLabel('Act', { exact: true }).fill('agent.register');
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.waitForURL(/actor=.*action=agent\.register/);
  await page.waitForFunction(() => [...document.querySelectorAll('td.col-act')].every((cell) => cell.innerText.trim().endsWith('agent.register')));
  const shared = page.url().slice(URL_BASE.length);
  const other = await audit(shared);
  assert.equal(await other.getByLabel('Who').inputValue(), EMAIL);
  assert.ok(await table(other).getByRole('row').count() > 1);
  await other.getByRole('button', { name: 'Clear' }).click();
  await other.waitForURL(`${URL_BASE}/audit`);
  await close(other);
  await page.goBack();
  await page.waitForURL(`${URL_BASE}/audit`);
  await close(page);
});

test('what is typed as soon as a field is seen stays', async () => {
  const page = await open(browser);
  await signIn(page);
  await page.clock.install();
  let letGo;
  const held = new Promise((resolve) => { letGo = resolve; });
  await page.route('**/js/pages/audit.js', async (route) => {
    await held;
    await route.continue();
  });
  await go(page, '/agents');
  await page.getByRole('row').nth(1).waitFor();
  await page.locator('details.account summary').click();
  const asked = page.waitForRequest('**/js/pages/audit.js'); // by the place where it will stand, and not ahead
  await page.getByRole('link', { name: 'Audit' }).click();
  await asked;
  await freeze(page);
  letGo();
  await page.getByLabel('Search the trail').fill('typed');
  await page.clock.resume();
  await table(page).waitFor();
  assert.equal(await page.getByLabel('Search the trail').inputValue(), 'typed');
  await close(page);
});

test('what stands in a row narrows the list to it', async () => {
  const page = await audit();
  await registerAgent(page, unique('narrowed'));
  await go(page, '/audit?action=agent.register');
  await ready(page);
  await table(page).getByRole('link', { name: EMAIL }).first().click();
  await page.waitForURL(/actor=user%3A/);
  await page.getByLabel('Result').selectOption('denied');
  await page.waitForURL(/result=denied/);
  await page.getByText('No row matches.').waitFor();
  await page.locator('.empty').getByRole('button', { name: 'Clear the filters' }).click();
  await page.waitForURL(`${URL_BASE}/audit`);
  await close(page);
});

test('a row opens with everything that is known of it, under an address of its own', async () => {
  const page = await audit();
  const agent = await registerAgent(page, unique('detail'));
  const { items: [row] } = await call(page, 'GET', `/api/audit?target=agent:${agent.id}`);
  await go(page, `/audit?q=${agent.id}`);
  await ready(page);
  await table(page).getByRole('link', { name: `Row ${row.seq}` }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(row.mac).waitFor();
  assert.ok(await dialog.getByText(row.requestId).isVisible());
  assert.equal(await dialog.getByRole('link', { name: agent.name }).getAttribute('href'), `/agents/${agent.id}`);
  await assertAccessible(page, 'a row');
  await screenshot(page, 'audit-row');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await go(page, `/audit?row=${row.seq}`); // as somebody else would open it
  await page.getByRole('dialog').getByText(row.mac).waitFor();
  await go(page, '/audit?row=999999999');
  await page.getByRole('dialog').getByText('There is no such row.').waitFor();
  await close(page);
});

test('older rows are a page further, which can be gone back from', async () => {
  const page = await audit();
  for (let n = 0; n < 4; n++) await registerAgent(page, unique('many'));
  const { items: [newest] } = await call(page, 'GET', '/api/audit');
  await go(page, `/audit?before=${newest.seq + 1}`);
  await ready(page);
  if (newest.seq > 50) {
    await page.getByRole('link', { name: 'Older rows' }).click();
    await page.waitForURL(`${URL_BASE}/audit?before=${newest.seq - 49}`);
  }
  await go(page, '/audit?before=3');
  await page.getByText('This is where the trail begins.').waitFor();
  assert.equal(await table(page).getByRole('row').count(), 3);
  await page.getByRole('link', { name: 'Newest rows' }).click();
  await page.waitForURL(`${URL_BASE}/audit`);
  await close(page);
});

test('the export is a file of JSON lines with the filters of the page', async () => {
  const page = await audit();
  const agent = await registerAgent(page, unique('export'));
  await go(page, `/audit?target=agent:${agent.id}`);
  await ready(page);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export as JSON lines' }).click()]);
  assert.match(download.suggestedFilename(), /^muster-audit-[0-9-]{10}\.jsonl$/);
  const rows = (await readFile(await download.path(), 'utf8')).trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(rows.map((row) => row.action), ['agent.register']);
  const [sheet] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export as CSV' }).click()]);
  assert.match(await readFile(await sheet.path(), 'utf8'), new RegExp(`^seq,time,.*\\r\\n[0-9]+,.*agent:${agent.id}.*\\r\\n$`));
  await close(page);
});

test('the mark says how far the trail is whole, and it can be verified now', async () => {
  const page = await audit();
  await page.getByRole('button', { name: 'Verify now' }).click();
  await page.getByText(/The trail is whole: [\d,.]+ rows\./).waitFor();
  await page.getByText(/Verified up to row/).waitFor();
  assert.equal((await app(['audit', 'verify'])).ok, true);
  await close(page);
});

test('a trail that does not verify says what to do', async () => {
  const page = await open(browser);
  await signIn(page);
  await page.route('**/api/audit/verified', (route) => route.fulfill({ json: {
    ok: false, upTo_seq: 6, at_ms: Date.now(), full_ms: Date.now(), rows: 6, head_seq: 9, problem: 'audit row 7 is missing', problem_ms: Date.now(), cut: null,
  } }));
  await go(page, '/audit');
  await page.getByRole('alert').getByText('audit row 7 is missing').waitFor();
  assert.ok(await page.getByText('muster-app backup-db FILE').isVisible());
  await assertAccessible(page, 'a broken trail');
  await close(page);
});

test('names cannot turn the page around: what has no shape is shown as what it is', async () => {
  const page = await open(browser);
  await signIn(page);
  const row = {
    seq: 5, time_ms: Date.now(), actor: 'user:x', actorName: 'a\u202enimda\u2066', action: 'test.act', target: 'agent:\u200by', targetName: null,
    result: 'ok', address: '10.0.0.1', requestId: 'r', detail: { name: '\u202ex\n<img src=x onerror=alert(1)>' }, mac: 'm',
  };
  await page.route('**/api/audit?*', (route) => route.fulfill({ json: { items: [row], next: null } }));
  await go(page, '/audit?row=5');
  const dialog = page.getByRole('dialog');
  await dialog.getByText('test.act').waitFor();
  const shown = await page.locator('body').innerText();
  assert.doesNotMatch(shown, /[\u202e\u2066\u200b]/);
  assert.match(shown, /a\\u202enimda\\u2066/);
  assert.match(shown, /<img src=x onerror=alert\(1\)>/);
  await close(page);
});

test('only an admin is led here, and others are told who may', async () => {
  const email = `${unique('viewer')}@example.org`;
  const password = 'correct horse battery staple';
  await app(['user', 'add', email, '--role', 'viewer'], `${password}\n`);
  const page = await open(browser);
  await signIn(page, { email, password });
  await go(page, '/audit');
  await page.getByText('ask an admin').first().waitFor();
  await page.getByLabel(`Account of ${email}`).click();
  assert.equal(await page.getByRole('link', { name: 'Audit' }).count(), 0);
  await close(page);
  const admin = await audit('/audit');
  await admin.getByLabel(`Account of ${EMAIL}`).click();
  await admin.getByRole('navigation', { name: 'Account' }).getByRole('link', { name: 'Settings' }).click();
  await admin.waitForURL(`${URL_BASE}/settings`);
  assert.equal(await admin.getByRole('navigation', { name: 'Account' }).isVisible(), false);
  await close(admin);
});

test('on a phone nothing is wider than the screen, and every row can be read', async () => {
  const page = await audit('/audit', { viewport: { width: 360, height: 740 }, hasTouch: true });
  assert.equal(await sideScroll(page), 0);
  await page.getByText('By person, act, time and place').click();
  assert.equal(await sideScroll(page), 0);
  await assertAccessible(page, 'audit, narrow');
  await screenshot(page, 'audit-narrow');
  await table(page).getByRole('link', { name: /^Row / }).first().click();
  await page.getByRole('dialog').getByText('MAC').waitFor();
  assert.equal(await sideScroll(page), 0);
  await screenshot(page, 'audit-row-narrow');
  await close(page);
});
