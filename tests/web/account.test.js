// One's own account: setting up the app by its QR code, codes, browsers, sessions, tokens, the password.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { URL_BASE, assertAccessible, call, close, go, launch, open, screenshot, sideScroll, signIn, sql, stepUp, unique } from './browser.js';
import { PHONE, addPerson, enrol, forgetProofs, forgetTries, nextCode, readQr, stepUpCode, totp, untilRequired, userId, withRule, wrongCode } from './people.js';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const dialog = (page) => page.getByRole('dialog');

async function enter(role, options) {
  const person = await addPerson(role);
  const page = await open(browser, { permissions: ['clipboard-read', 'clipboard-write'], acceptDownloads: true, ...options });
  await signIn(page, person);
  return { page, person };
}

for (const [size, options] of [['desktop', {}], ['phone', PHONE]]) {
  test(`the app is set up by its QR code, and the backup codes are stored (${size})`, async () => {
    const { page, person } = await enter('operator', options);
    await page.addInitScript(() => { globalThis.print = () => { globalThis.printed = (globalThis.printed ?? 0) + 1; }; });
    await go(page, '/account');
    await page.getByRole('region', { name: 'Authenticator app' }).getByText('Off', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Set it up' }).click();
    await page.getByRole('heading', { level: 1, name: 'Set up an authenticator app' }).waitFor();
    await assertAccessible(page, 'wizard, first step');
    await page.getByRole('button', { name: 'I have one' }).click();
    await page.getByRole('dialog', { name: 'Set up an authenticator app for your account' }).waitFor();
    await stepUp(page);

    const qr = page.getByRole('img', { name: /^QR code/ });
    const uri = new URL(await readQr(page, qr));
    assert.equal(uri.protocol, 'otpauth:');
    assert.match(decodeURIComponent(uri.pathname), new RegExp(`${person.email}$`));
    person.secret = uri.searchParams.get('secret');
    assert.equal((await page.locator('#totp-secret').innerText()).replaceAll(' ', ''), person.secret);
    assert.equal(await page.getByRole('link', { name: 'Open it in the app' }).getAttribute('href'), uri.href);
    assert.equal(await sideScroll(page), 0);
    await assertAccessible(page, 'wizard, QR code');
    await screenshot(page, `mfa-scan-${size}`);

    const code = page.getByLabel('The code that the app shows now');
    await code.fill(wrongCode(person.secret));
    await page.getByRole('alert').getByText('The code is wrong.').waitFor();
    assert.equal(await code.inputValue(), '');
    await code.fill(totp(person.secret));
    await page.getByRole('heading', { name: 'Store your backup codes' }).waitFor();
    person.codes = await page.getByRole('list', { name: 'Backup codes' }).getByRole('listitem').allInnerTexts();
    assert.equal(person.codes.length, 10);
    for (const each of person.codes) assert.match(each, /^\d\d-[0-9A-Z]{5}-[0-9A-Z]{5}$/);
    await assertAccessible(page, 'wizard, codes');
    await screenshot(page, `mfa-codes-${size}`);

    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByText('Copied.').waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), person.codes.join('\n'));
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
    const file = await readFile(await download.path(), 'utf8');
    for (const each of person.codes) assert.ok(file.includes(each));
    await page.getByRole('button', { name: 'Print' }).click();
    assert.equal(await page.evaluate(() => globalThis.printed), 1);
    await page.emulateMedia({ media: 'print' });
    assert.ok(await page.getByText(person.codes[9]).isVisible());
    assert.ok(!await page.locator('h1').isVisible());
    await page.emulateMedia({ media: 'screen' });

    assert.ok(await page.getByRole('button', { name: 'Done' }).isDisabled());
    await page.getByLabel('I have stored them').check();
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('region', { name: 'Authenticator app' }).getByText('On', { exact: true }).waitFor();
    await page.getByText('10 of 10 left').waitFor();
    assert.ok(!(await page.content()).includes(person.codes[0]));
    await assertAccessible(page, 'account');
    await screenshot(page, `account-${size}`);
    await close(page);
  });
}

test('setting it up anew asks for the old app, which stays good until the new one has shown a code', async () => {
  const { page, person } = await enter();
  await enrol(page, person);
  await forgetProofs(person);
  await go(page, '/account/mfa');
  await page.getByText('The app that you have goes on working').waitFor();
  await page.getByRole('button', { name: 'Go on' }).click();
  await stepUpCode(page, await nextCode(person));
  const fresh = (await page.locator('#totp-secret').innerText()).replaceAll(' ', '');
  assert.notEqual(fresh, person.secret);
  await call(page, 'POST', '/api/auth/step-up', { action: 'POST /api/auth/tokens', target: '', code: await nextCode(person) });
  await page.getByLabel('The code that the app shows now').fill(totp(fresh));
  await page.waitForURL(`${URL_BASE}/account`);
  await page.getByText('10 of 10 left').waitFor();
  assert.deepEqual((await call(page, 'GET', '/api/auth/mfa')).codesLeft, 10);
  await close(page);
});

test('few codes are warned of on every page, and new ones void the old', async () => {
  const { page, person } = await enter();
  await enrol(page, person);
  for (const code of person.codes.slice(0, 7)) {
    await forgetTries(person);
    await call(page, 'POST', '/api/auth/step-up', { action: 'POST /api/auth/tokens', target: '', code });
  }
  await go(page, '/agents');
  await page.getByRole('link', { name: /Only 3 backup codes left/ }).click();
  await page.getByText('3 of 10 left').waitFor();
  await page.getByRole('button', { name: 'Make new codes' }).click();
  await dialog(page).getByText('The 3 codes that you have left stop working at once.').waitFor();
  await dialog(page).getByRole('button', { name: 'Make new codes' }).click();
  await stepUpCode(page, await nextCode(person));
  const codes = await dialog(page).getByRole('list', { name: 'Backup codes' }).getByRole('listitem').allInnerTexts();
  assert.equal(new Set([...codes, ...person.codes]).size, 20);
  await page.keyboard.press('Escape');
  await dialog(page).getByRole('alert').getByText('Store them first').waitFor();
  await dialog(page).getByLabel('I have stored them').check();
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  await page.getByText('10 of 10 left').waitFor();
  assert.equal(await page.getByText(/Only 3 backup codes left/).count(), 0);
  await close(page);
});

test('turning the app off takes the password and a code', async () => {
  const { page, person } = await enter();
  await enrol(page, person);
  await go(page, '/account');
  await page.getByRole('button', { name: 'Turn it off' }).click();
  const off = dialog(page).getByRole('button', { name: 'Turn it off' });
  await page.waitForFunction(() => document.activeElement.id === 'off-password');
  assert.equal(await dialog(page).getByRole('button', { name: 'Use a passkey instead' }).count(), 0, 'there is none');
  await dialog(page).getByLabel('Code of six digits').fill(await nextCode(person));
  assert.ok(await off.isDisabled(), 'a code is not enough');
  await dialog(page).getByLabel('Code of six digits').fill('');
  await dialog(page).getByLabel('Your password').fill('not my password at all');
  assert.ok(await off.isDisabled(), 'a password is not enough');
  await dialog(page).getByLabel('Code of six digits').fill(await nextCode(person));
  await off.click();
  await dialog(page).getByRole('alert').getByText('not your password').waitFor();
  await assertAccessible(page, 'turn off');
  await dialog(page).getByLabel('Your password').fill(person.password);
  await dialog(page).getByRole('button', { name: 'Use a backup code instead' }).click();
  await dialog(page).getByLabel('Backup code').fill(person.codes[0].toLowerCase());
  await dialog(page).getByRole('button', { name: 'Turn it off' }).click();
  await page.getByRole('region', { name: 'Authenticator app' }).getByText('Off', { exact: true }).waitFor();
  assert.equal(await page.getByRole('region', { name: 'Backup codes' }).count(), 0);
  await close(page);
});

test('sessions are listed with this one marked, and one or all others are ended', async () => {
  const { page, person } = await enter();
  const others = [];
  for (let n = 0; n < 3; n++) {
    others.push(await open(browser, { userAgent: `Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.${n}` }));
    await signIn(others[n], person);
  }
  await go(page, '/account/sessions');
  const rows = page.getByRole('table', { name: 'Sessions' }).locator('tbody tr');
  await rows.nth(3).waitFor();
  assert.equal(await rows.filter({ hasText: 'this one' }).count(), 1);
  assert.equal(await rows.filter({ hasText: 'Firefox on Linux' }).count(), 3);
  await assertAccessible(page, 'sessions');
  await screenshot(page, 'sessions');
  await rows.filter({ hasText: 'Firefox on Linux' }).first().getByRole('button').click();
  await dialog(page).getByRole('button', { name: 'End it' }).click();
  await page.getByText('The session is ended.').waitFor();
  await rows.nth(3).waitFor({ state: 'detached' });
  const statuses = async () => Promise.all(others.map(async (each) => (await each.context().request.get(`${URL_BASE}/api/auth/session`)).status()));
  assert.equal((await statuses()).filter((status) => status === 401).length, 1);
  await page.getByRole('button', { name: 'End all others' }).click();
  await dialog(page).getByRole('button', { name: 'End all others' }).click();
  await page.getByText('All other sessions are ended.').waitFor();
  await rows.nth(1).waitFor({ state: 'detached' });
  assert.deepEqual(await statuses(), [401, 401, 401]);
  for (const each of others) await close(each);
  await close(page);
});

test('a token is shown once, does what it was made for, and is revoked', async () => {
  const { page } = await enter();
  await go(page, '/account/tokens');
  await page.getByText('No token yet.').waitFor();
  await page.getByLabel('Name').fill('Ansible on deploy-1');
  await page.getByLabel('Valid for').selectOption('30');
  await page.getByLabel(/^Add agents/).check();
  await assertAccessible(page, 'make a token');
  await page.getByRole('button', { name: 'Make the token' }).click();
  await page.getByRole('dialog', { name: 'Make an access token' }).waitFor();
  await stepUp(page);
  const secret = await page.locator('#token-secret').innerText();
  assert.match(secret, /^mpt_/);
  await assertAccessible(page, 'made token');
  await screenshot(page, 'token');
  const use = () => page.context().browser().newContext({ ignoreHTTPSErrors: true }).then(async (context) => {
    const reply = await context.request.get(`${URL_BASE}/api/agents`, { headers: { Authorization: `Bearer ${secret}` } });
    await context.close();
    return reply.status();
  });
  assert.equal(await use(), 200);
  const { items: [token] } = await call(page, 'GET', '/api/auth/tokens');
  assert.deepEqual([...token.scopes].sort(), ['enrol', 'read']);
  assert.equal(Math.round((token.expires_ms - token.created_ms) / 864e5), 30);
  await page.reload();
  const row = page.getByRole('row').filter({ hasText: 'Ansible on deploy-1' });
  await row.getByText('Look, Add agents').waitFor();
  assert.ok(!(await page.content()).includes(secret));
  await row.getByRole('button', { name: 'Revoke Ansible on deploy-1' }).click();
  await dialog(page).getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('No token yet.').waitFor();
  assert.equal(await use(), 401);
  await close(page);
});

test('what one is called is changed and removed', async () => {
  const { page, person } = await enter('viewer');
  await go(page, '/account/profile');
  const name = page.getByLabel('Your name');
  const save = page.getByRole('region', { name: 'You' }).getByRole('button', { name: 'Save' });
  assert.ok(await save.isDisabled());
  await name.fill('  Ada Lovelace ');
  await save.click();
  await page.getByText('You are called Ada Lovelace now.').waitFor();
  assert.equal(await name.inputValue(), 'Ada Lovelace');
  assert.equal((await call(page, 'GET', '/api/auth/session')).user.name, 'Ada Lovelace');
  await name.fill('Ad\u00e4'.repeat(40)); // 120 letters, which are 160 bytes
  await save.click();
  await page.locator('#own-name[aria-invalid=true]').waitFor();
  await page.waitForFunction(() => document.activeElement.id === 'own-name');
  await assertAccessible(page, 'name refused');
  await name.fill('');
  await save.click();
  await page.getByText('Your name is removed.').waitFor();
  assert.equal((await call(page, 'GET', '/api/auth/session')).user.name, '');
  assert.equal((await call(page, 'GET', '/api/auth/session')).user.email, person.email);
  await close(page);
});

test('a viewer acknowledges what is about their own account, and nothing else', async () => {
  const { page, person } = await enter('viewer');
  const [own, other] = ['account.password', 'rollout.paused'].map((kind) => ({ kind, message: unique(kind) }));
  const raise = ({ kind, message }) => sql(`INSERT INTO alerts (id, kind, message, user_id, created_ms)
    VALUES ('${unique('alert')}', '${kind}', '${message}', ${userId(person.email)}, 1000)`);
  await raise(own);
  await raise(other);
  for (const path of ['/', '/alerts']) {
    await go(page, path);
    await page.getByText(other.message).waitFor();
    await page.getByRole('button', { name: `Acknowledge: ${own.message}` }).waitFor();
    assert.equal(await page.getByRole('button', { name: /^Acknowledge: / }).count(), 1);
  }
  await page.getByRole('button', { name: `Acknowledge: ${own.message}` }).click();
  await page.getByText('Alert acknowledged.').waitFor();
  await page.getByRole('button', { name: `Acknowledge: ${own.message}` }).waitFor({ state: 'detached' });
  const { items } = await call(page, 'GET', '/api/alerts?state=open');
  assert.deepEqual(items.map(({ message }) => message), [other.message]);
  await close(page);
});

test('a viewer is offered no more than looking', async () => {
  const { page } = await enter('viewer');
  await go(page, '/account/tokens');
  await page.getByLabel(/^Look/).waitFor();
  assert.equal(await page.getByRole('checkbox').count(), 1);
  await close(page);
});

test('a new password is judged before it is sent, ends the other sessions, and is the one from then on', async () => {
  const { page, person } = await enter();
  const other = await open(browser);
  await signIn(other, person);
  await go(page, '/account/profile');
  await page.getByLabel('Present password').fill(person.password);
  await page.getByLabel('New password', { exact: true }).fill('too short');
  await page.getByLabel('New password, once more').fill('too short');
  await page.getByRole('button', { name: 'Change it' }).click();
  await page.getByText('It has 9 characters; 15 are the least.').waitFor();
  const fresh = `${person.password} and more`;
  await page.getByLabel('New password', { exact: true }).fill(fresh);
  await page.getByLabel('New password, once more').fill(`${fresh}!`);
  await page.getByRole('button', { name: 'Change it' }).click();
  await page.getByText('It is not what stands in the field above.').waitFor();
  await page.getByLabel('New password', { exact: true }).fill('passwordpassword');
  await page.getByLabel('New password, once more').fill('passwordpassword');
  await page.getByRole('button', { name: 'Change it' }).click();
  await page.locator('#new-password[aria-invalid=true]').waitFor();
  await assertAccessible(page, 'profile');
  await screenshot(page, 'profile');
  await page.getByLabel('New password', { exact: true }).fill(fresh);
  await page.getByLabel('New password, once more').fill(fresh);
  await page.getByRole('button', { name: 'Change it' }).click();
  await page.getByText('Your password is changed.').waitFor();
  assert.equal((await other.context().request.get(`${URL_BASE}/api/auth/session`)).status(), 401);
  await signIn(other, { email: person.email, password: fresh });
  assert.equal(await page.locator('#step-up-password').count(), 0, 'asked twice for one password');
  await close(other);
  await close(page);
});

test('with a second factor a new password takes it, too', async () => {
  const { page, person } = await enter();
  await enrol(page, person);
  await go(page, '/account/profile');
  const fresh = `${person.password} and more`;
  await page.getByLabel('Present password').fill('not my password at all');
  await page.getByLabel('New password', { exact: true }).fill(fresh);
  await page.getByLabel('New password, once more').fill(fresh);
  await page.getByRole('button', { name: 'Change it' }).click();
  await page.getByRole('dialog', { name: 'Change your password' }).waitFor();
  await stepUpCode(page, await nextCode(person));
  await page.getByRole('alert').getByText('not your password').waitFor();
  await page.getByLabel('Present password').fill(person.password);
  await page.getByRole('button', { name: 'Change it' }).click();
  await page.getByText('Your password is changed.').waitFor();
  await close(page);
});

test('where everybody has to have a second factor, one without any is led through setting it up, and on', async () => {
  const { page, person } = await enter('operator', PHONE);
  await go(page, '/agents?sort=version');
  await page.getByRole('heading', { level: 1, name: 'Agents' }).waitFor();
  await withRule('auth.mfa.required', 'true', async () => {
    await page.getByText('This server asks everybody for a second factor.').waitFor(); // refused at the next poll
    await untilRequired(page, true);
    assert.equal(new URL(page.url()).pathname, '/account/mfa');
    await assertAccessible(page, 'forced');
    await screenshot(page, 'mfa-forced');
    for (const path of ['/', '/backups', '/users']) {
      await go(page, path);
      await page.getByText('This server asks everybody for a second factor.').waitFor();
    }
    await page.getByRole('link', { name: 'I would rather use a passkey' }).click();
    await page.getByRole('button', { name: 'Add a passkey' }).waitFor();
    await go(page, '/agents?sort=version');
    await page.getByRole('button', { name: 'I have one' }).click();
    await stepUp(page);
    person.secret = (await page.locator('#totp-secret').innerText()).replaceAll(' ', '');
    await page.getByLabel('The code that the app shows now').fill(totp(person.secret));
    await page.getByLabel('I have stored them').check();
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('heading', { level: 1, name: 'Agents' }).waitFor();
    assert.equal(page.url(), `${URL_BASE}/agents?sort=version`);
    await page.getByText('No agents yet.').waitFor();
  });
  await untilRequired(page, false);
  await close(page);
});
