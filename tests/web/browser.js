// What every test of the pages needs: a browser, a signed-in page that watches itself, and a few things to look for.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

const run = promisify(execFile);
const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SHOTS = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));

function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: these tests need a running stack (make test starts one)`);
  return value;
}

export const URL_BASE = setting('MUSTER_URL').replace(/\/$/, '');
export const EMAIL = setting('MUSTER_ADMIN_EMAIL');
export const PASSWORD = setting('MUSTER_ADMIN_PASSWORD');

// A deadline is there to end a test that waits in vain; how fast things are is the bench's. A busy machine gets so many
// times of what a test thinks enough.
export const PATIENCE = 3;
const WAIT_MS = 30000 * PATIENCE;

// A name that no other test and no earlier run of the same stack has.
let made = 0;
export const unique = (stem) => `${stem}-${process.pid}-${Date.now().toString(36)}-${++made}`;

export async function launch() {
  return chromium.launch({
    executablePath: process.env.MUSTER_CHROMIUM || '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--ignore-certificate-errors'],
  });
}

// A page whose complaints are collected: a policy violation, a script error or a request elsewhere fails the test that
// closes it, whatever else it was looking at.
export async function open(browser, options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(`script error: ${error.message}`));
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to/i.test(message.text())) page.complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!/^(data|blob|about):/.test(request.url()) && new URL(request.url()).origin !== new URL(URL_BASE).origin) page.complaints.push(`request to ${request.url()}`);
  });
  return page;
}

export async function close(page) {
  await page.context().close();
  assert.deepEqual(page.complaints, []);
}

export const go = (page, path) => page.goto(URL_BASE + path);

export async function fillSignIn(page, email, password) {
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

// Signs in through the API, once per context. The server limits how often; then its own Retry-After is obeyed.
export async function signIn(page, { email = EMAIL, password = PASSWORD } = {}) {
  for (;;) {
    const reply = await page.context().request.post(`${URL_BASE}/api/auth/login`, { data: { email, password }, headers: { Origin: URL_BASE } });
    if (reply.ok()) {
      page.password = password;
      return reply.json();
    }
    assert.equal(reply.status(), 429, `signing in answered ${reply.status()}: ${await reply.text()}`);
    const seconds = Number(reply.headers()['retry-after']) || 1;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

// One call as the signed-in person, for setting the stage; asked to show once more who they are, they do so.
export async function call(page, method, path, data) {
  let reply = await send(page, method, path, data);
  if (reply.status() === 403 && (await reply.json()).type === '/problems/step-up-required') {
    const { action, target } = await reply.json();
    await grant(page, action, target);
    reply = await send(page, method, path, data);
  }
  assert.ok(reply.ok(), `${method} ${path} answered ${reply.status()}: ${await reply.text()}`);
  return reply.json();
}

async function send(page, method, path, data) {
  const request = page.context().request;
  const session = await (await request.get(`${URL_BASE}/api/auth/session`)).json();
  return request.fetch(URL_BASE + path, { method, data, headers: { Origin: URL_BASE, 'X-CSRF-Token': session.csrfToken } });
}

// Shows beforehand that it is the person, for tests of what comes after that: no dialog asks for this act any more.
export async function grant(page, action, target = '') {
  const reply = await send(page, 'POST', '/api/auth/step-up', { action, target, password: page.password ?? PASSWORD });
  assert.ok(reply.ok(), `step-up for ${action} answered ${reply.status()}: ${await reply.text()}`);
}

// Answers the dialog that asks a person to show once more that it is them.
export async function stepUp(page, password = page.password ?? PASSWORD) {
  const field = page.locator('#step-up-password');
  await field.fill(password);
  await field.press('Enter');
  await field.waitFor({ state: 'detached' });
}

// A page that asks for nothing by itself: its timers of five seconds and more never fire. What it shows it was told of.
export const onlyTold = (page) => page.addInitScript(() => {
  const { setTimeout: real } = globalThis;
  globalThis.setTimeout = (call, ms, ...rest) => (ms >= 5000 ? 0 : real(call, ms, ...rest));
});

// From here on nothing happens that a page has put off, be it to the next frame, until page.clock.resume(). The clock has
// to be installed before the page is gone to.
export const freeze = async (page) => page.clock.pauseAt(await page.evaluate(() => Date.now()) + 10000);

export const registerAgent = async (page, name) => (await call(page, 'POST', '/api/agents', { name, platform: 'linux' })).agent;

// The one agent of the stack that is a real program, with a backup that has completed.
export async function liveAgent(page) {
  for (const until = Date.now() + WAIT_MS; ;) { // with many programs beside it, it may have missed a heartbeat or two
    const { items } = await call(page, 'GET', '/api/agents?status=online&limit=200');
    const agent = items.find((item) => item.lastBackup);
    if (agent) return agent;
    assert.ok(Date.now() < until, 'the stack has no agent that is online and has a backup; these tests need the one that make starts');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

// The command line beside the server, as a second opinion on what the pages show.
// input is what it reads from standard input (a password).
export async function app(args, input = '') {
  // Settings in the environment override the file, and the admin's password is a setting of these tests alone.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MUSTER_ADMIN_')));
  const child = run(setting('MUSTER_APP'), [...args, '--json', '--config', setting('MUSTER_CONF')], { env });
  child.child.stdin.end(input);
  return JSON.parse((await child).stdout);
}

// Rows straight into the database: registering ten thousand over HTTP would take the test's whole time.
export async function sql(text) {
  const conf = await readFile(setting('MUSTER_CONF'), 'utf8');
  const [, db] = /^MUSTER_DB="([^"]+)"/m.exec(conf);
  await run('sqlite3', ['-cmd', '.timeout 10000', db, text]);
}

export const seedAgents = (count, stem) => sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
  INSERT INTO agents (id, name, name_lower, user_id, api_key_hash, platform, created_ms, updated_ms)
  SELECT printf('${stem}-%05d', i), printf('${stem}-%05d', i), printf('${stem}-%05d', i), (SELECT MIN(id) FROM users), printf('${stem}-%05d', i), 'linux', 0, 0 FROM n`);

export const forgetAgents = (stem) => sql(`DELETE FROM agents WHERE id LIKE '${stem}-%'`);

export async function screenshot(page, name) {
  await mkdir(SHOTS, { recursive: true });
  await page.screenshot({ path: `${SHOTS}${name}.png` });
}

// No finding at all. Transitions are over first: a colour half-way through has a contrast of its own.
export async function assertAccessible(page, where) {
  await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity).map((a) => a.finished.catch(() => {}))));
  await page.waitForFunction(() => !document.querySelector('.table.stale')); // dimmed while the next rows are fetched
  await page.evaluate(AXE); // through the debugger: a script tag is what the policy refuses
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  assert.deepEqual(violations.map((finding) => `${finding.id} (${finding.impact}): ${finding.nodes.map((node) => `${node.target} ${node.failureSummary}`).join(' | ')}`), [], where);
}

// Everything that a page asks for first is there. The stream of changes goes on, so the network is never idle.
export const settled = (page) => page.waitForFunction(() => document.querySelector('h1') && !document.querySelector('.loading'));

// What stands first on a page stays there, whatever comes and goes beneath it.
export const headingIsFirst = (page) => page.evaluate(() => {
  const follows = document.querySelector('h1').compareDocumentPosition(document.querySelector('.panel'));
  return Boolean(follows & Node.DOCUMENT_POSITION_FOLLOWING);
});

export const sideScroll = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
