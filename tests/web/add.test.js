import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { assertAccessible, call, close, go, grant, launch, open, screenshot, signIn, stepUp, unique } from './browser.js';

const run = promisify(execFile);
let browser;
let page;
before(async () => {
  browser = await launch();
  page = await open(browser, { permissions: ['clipboard-read', 'clipboard-write'] });
  await signIn(page);
  await grant(page, 'POST /api/otps');
});
after(async () => {
  await close(page);
  await browser.close();
});

// Fills the form and gives the command that it shows.
async function mint(fields = {}) {
  await go(page, '/add');
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label).fill(value);
  await page.getByRole('button', { name: 'Make the command' }).click();
  return page.locator('#enrol-command').innerText();
}

async function csr() {
  const dir = await mkdtemp(join(tmpdir(), 'muster-web-'));
  try {
    await run('openssl', ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=host', '-keyout', `${dir}/key`, '-out', `${dir}/csr`]);
    return await readFile(`${dir}/csr`, 'utf8');
  } finally {
    await rm(dir, { recursive: true });
  }
}

// What muster-agent enroll sends, from a host of the given name.
async function enrol(command, name) {
  const [, server, otp] = /--server (\S+) .*--otp (\S+)/s.exec(command);
  const body = JSON.stringify({ otp, csr: await csr(), name, hostname: name, platform: 'linux', arch: 'amd64', version: '0.1.0', proto: 1, capabilities: [], deploymentMode: 'vm' });
  return new Promise((resolve, reject) => {
    const request = https.request(`${server}/api/agent/enroll`, { method: 'POST', rejectUnauthorized: false, headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) } }, (reply) => {
      let text = '';
      reply.on('data', (chunk) => { text += chunk; }).on('end', () => resolve({ status: reply.statusCode, body: JSON.parse(text) }));
    });
    request.on('error', reject).end(body);
  });
}

test('a one-time password comes as one command that can be copied', async () => {
  const command = await mint();
  assert.match(command, /^muster-agent enroll --server https:\/\/\S+ --ca-fingerprint sha256:[0-9a-f]{64}( --tuf-fingerprint sha256:[0-9a-f]{64})? --otp mot_\w+$/);
  assert.equal(await page.locator('#ca-fingerprint').innerText(), /sha256:[0-9a-f]{64}/.exec(command)[0]);
  assert.match(await page.getByRole('timer').innerText(), /^1[45]:\d\d$/);
  await Promise.all([
    page.getByRole('button', { name: 'Copied' }).waitFor(), // it says so for a moment only
    page.getByRole('button', { name: 'Copy' }).first().click(),
  ]);
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), command);
  await assertAccessible(page, 'minted');
  await screenshot(page, 'add-minted');
});

test('what the host may back up becomes part of its command, quoted for a shell', async () => {
  const command = await mint({ 'Directories it may back up': "/home\n/srv/it's here; reboot" });
  assert.match(command, / --backup-root \/home --backup-root '\/srv\/it'\\''s here; reboot'$/);
});

test('what is wrong with the form is said at its field', async () => {
  await go(page, '/add');
  await page.getByLabel('Network it must come from').fill('not a network');
  await page.getByRole('button', { name: 'Make the command' }).click();
  await page.locator('#otp-network[aria-invalid=true]').waitFor();
  assert.match(await page.locator('#otp-network-error').innerText(), /\w/);
});

test('the page shows the agent as soon as it has enrolled', async () => {
  const name = unique('arriving');
  const command = await mint({ 'Host name it must have': name });
  await page.getByText('Waiting for the host to enrol').waitFor();
  const reply = await enrol(command, name);
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
  await page.getByRole('link', { name }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
});

test('a second host with the same password quarantines the first until it is approved', async () => {
  const name = unique('contested');
  const command = await mint();
  const first = await enrol(command, name);
  assert.equal(first.status, 200, JSON.stringify(first.body));
  assert.equal((await enrol(command, unique('intruder'))).status, 409);
  await go(page, `/agents/${first.body.agent.id}`);
  await page.getByText('Another host used the same one-time password').waitFor();
  await assertAccessible(page, 'quarantined');
  await screenshot(page, 'agent-quarantined');
  await go(page, '/');
  await page.getByRole('heading', { name: 'Open alerts' }).waitFor();
  await go(page, `/agents/${first.body.agent.id}`);
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
  await stepUp(page);
  await page.getByText('is approved').waitFor();
  await page.getByText('Another host used the same one-time password').waitFor({ state: 'detached' });
});

test('an open password can be revoked, and then enrols nobody', async () => {
  const command = await mint();
  await page.getByRole('button', { name: 'Revoke' }).first().click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('is revoked').waitFor();
  assert.equal((await enrol(command, unique('late'))).status, 401);
});

test('registering by name shows the key once, with an agent.conf to go with it', async () => {
  const name = unique('by-key');
  await go(page, '/add?tab=key');
  await page.getByLabel('Name').fill(name);
  await page.getByRole('button', { name: 'Register' }).click();
  await stepUp(page);
  const key = await page.locator('#api-key').innerText();
  assert.match(key, /^msk_[0-9A-Za-z]{36}$/);
  const conf = await page.locator('#agent-conf').innerText();
  assert.match(conf, new RegExp(`API_KEY="${key}"`));
  assert.match(conf, /SERVER_URL="https:\/\//);
  assert.match(await page.locator('#ca-pem').innerText(), /^-----BEGIN CERTIFICATE-----/);
  await assertAccessible(page, 'key');
  await page.reload();
  await page.getByRole('button', { name: 'Register' }).waitFor();
  assert.ok(!(await page.content()).includes(key));
  const { items } = await call(page, 'GET', `/api/agents?q=${name}`);
  assert.ok(!JSON.stringify(items).includes(key));
});

test('the tabs follow the arrow keys', async () => {
  await go(page, '/add');
  await page.getByRole('tab', { name: 'One-time password' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.getByLabel('Platform').waitFor();
  await page.waitForFunction(() => document.activeElement.id === 'tab-key');
  assert.equal(new URL(page.url()).searchParams.get('tab'), 'key');
});
