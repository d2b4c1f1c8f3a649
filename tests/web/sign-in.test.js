import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EMAIL, PASSWORD, URL_BASE, assertAccessible, close, fillSignIn, freeze, go, launch, open, registerAgent, screenshot, sideScroll, signIn, sql } from './browser.js';
import { PHONE, addPerson, addUserWithFactor, nextCode, readQr, totp, userId, wrongCode } from './people.js';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

test('a wrong password says so, keeps the e-mail and signs nobody in', async () => {
  const page = await open(browser);
  await go(page, '/');
  await fillSignIn(page, `nobody-${process.pid}@example.net`, 'not the password');
  await page.getByRole('alert').filter({ hasText: /\w/ }).waitFor();
  assert.match(await page.getByRole('alert').innerText(), /password/i);
  assert.equal(await page.getByLabel('Password').inputValue(), '');
  assert.match(await page.getByLabel('E-mail').inputValue(), /^nobody-/);
  assert.equal((await page.context().cookies()).length, 0);
  await close(page);
});

test('the keyboard alone signs in, and the page that was asked for follows', async () => {
  const page = await open(browser);
  await go(page, '/backups?status=failed');
  await page.waitForURL(/\/login\?next=/);
  await assertAccessible(page, 'sign in');
  await screenshot(page, 'sign-in');
  await page.locator('#email:focus').waitFor();
  await page.keyboard.type(EMAIL);
  await page.keyboard.press('Tab');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Backups' }).waitFor();
  assert.equal(page.url(), `${URL_BASE}/backups?status=failed`);
  await close(page);
});

test('a session that has ended leads to sign in and back to the same view', async () => {
  const page = await open(browser);
  await signIn(page);
  await go(page, '/agents?q=web&sort=version&order=desc');
  await page.getByRole('heading', { level: 1, name: 'Agents' }).waitFor();
  await page.context().clearCookies();
  await page.getByText('Your session has ended').waitFor();
  await fillSignIn(page, EMAIL, PASSWORD);
  await page.getByRole('heading', { level: 1, name: 'Agents' }).waitFor();
  assert.equal(page.url(), `${URL_BASE}/agents?q=web&sort=version&order=desc`);
  assert.equal(await page.getByPlaceholder('Search name, host or id').inputValue(), 'web');
  await close(page);
});

test('an address from elsewhere is not followed after signing in', async () => {
  for (const next of ['//example.net/', 'https://example.net/', '/\\example.net/', 'javascript:alert(1)']) {
    const page = await open(browser);
    await signIn(page);
    await go(page, `/login?next=${encodeURIComponent(next)}`);
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    assert.equal(page.url(), `${URL_BASE}/`, next);
    await close(page);
  }
});

test('signing out ends the session on the server too', async () => {
  const page = await open(browser);
  await signIn(page);
  await go(page, '/');
  await page.getByLabel(`Account of ${EMAIL}`).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  const reply = await page.context().request.get(`${URL_BASE}/api/auth/session`);
  assert.equal(reply.status(), 401);
  await close(page);
});

const heading = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor();
const codeField = (page) => page.getByLabel('Code of six digits');

// Up to the second stage, at a page that was asked for.
async function halfWay(person, options, path = '/agents?sort=version') {
  const page = await open(browser, { permissions: ['clipboard-read', 'clipboard-write'], ...options });
  await go(page, path);
  await fillSignIn(page, person.email, person.password);
  await heading(page, 'Show that it is you');
  return page;
}

for (const [size, options] of [['desktop', {}], ['phone', PHONE]]) {
  test(`the sixth digit of the code signs in, back to the page that was asked for (${size})`, async () => {
    const person = await addUserWithFactor(browser);
    const page = await halfWay(person, options);
    const field = codeField(page);
    assert.equal(await field.getAttribute('inputmode'), 'numeric');
    assert.equal(await field.getAttribute('autocomplete'), 'one-time-code');
    await page.waitForFunction(() => document.activeElement.id === 'sign-in-totp');
    assert.equal(await sideScroll(page), 0);
    await assertAccessible(page, `second stage, ${size}`);
    await screenshot(page, `sign-in-code-${size}`);
    const code = await nextCode(person);
    await page.keyboard.type(code.slice(0, 5));
    await heading(page, 'Show that it is you');
    await page.keyboard.type(code[5]);
    await heading(page, 'Agents');
    assert.equal(page.url(), `${URL_BASE}/agents?sort=version`);
    await close(page);
  });
}

test('a digit typed as soon as the field for the code is seen counts', async () => {
  const person = await addUserWithFactor(browser);
  const page = await open(browser);
  await page.clock.install();
  await go(page, '/login');
  await heading(page, 'Sign in');
  await freeze(page);
  await fillSignIn(page, person.email, person.password);
  await codeField(page).waitFor();
  await page.keyboard.type('12');
  assert.equal(await codeField(page).inputValue(), '12');
  await close(page);
});

test('a code that is pasted with blanks around and inside signs in', async () => {
  const person = await addUserWithFactor(browser);
  const page = await halfWay(person);
  const code = await nextCode(person);
  await page.evaluate((text) => navigator.clipboard.writeText(text), ` ${code.slice(0, 3)} ${code.slice(3)}\n`);
  await codeField(page).press('Control+V');
  await heading(page, 'Agents');
  await close(page);
});

test('a used code says to wait for the next, a wrong one that it is wrong, and the field is empty for another', async () => {
  const person = await addUserWithFactor(browser);
  const code = await nextCode(person);
  const first = await halfWay(person);
  await codeField(first).fill(code);
  await heading(first, 'Agents');
  await close(first);
  const page = await halfWay(person);
  await codeField(page).fill(code);
  await page.getByRole('alert').getByText('wait for the next one').waitFor();
  assert.equal(await codeField(page).inputValue(), '');
  await codeField(page).fill(wrongCode(person.secret));
  await page.getByRole('alert').getByText('The code is wrong.').waitFor();
  await page.waitForFunction(() => document.activeElement.id === 'sign-in-totp');
  await assertAccessible(page, 'wrong code');
  await codeField(page).fill(await nextCode(person));
  await heading(page, 'Agents');
  await close(page);
});

test('five wrong codes end the sign-in, and the next one says how long the codes are locked', async () => {
  const person = await addUserWithFactor(browser);
  const page = await halfWay(person);
  for (let n = 1; n <= 4; n++) {
    await codeField(page).fill(wrongCode(person.secret));
    await page.getByRole('alert').getByText('The code is wrong.').waitFor();
    await page.waitForFunction(() => document.getElementById('sign-in-totp').value === '');
  }
  await codeField(page).fill(wrongCode(person.secret));
  await page.getByRole('alert').getByText(/wait 15 minutes/).waitFor();
  await codeField(page).fill(await nextCode(person));
  await heading(page, 'Sign in');
  await page.getByRole('alert').getByText(/begin again/i).waitFor();
  assert.equal(await page.getByLabel('E-mail').inputValue(), person.email);
  await page.getByLabel('Password').fill(person.password);
  await page.keyboard.press('Enter');
  await sql(`UPDATE user_lockouts SET window_tries = 0 WHERE user_id = ${userId(person.email)}`); // the minute is over
  await codeField(page).fill(await nextCode(person));
  await page.getByRole('alert').getByText(/wait 15 minutes, or use a backup code/).waitFor();
  await screenshot(page, 'sign-in-locked');
  await page.getByRole('button', { name: 'Use a backup code instead' }).click();
  await page.getByLabel('Backup code').fill(person.codes[0]);
  await page.getByRole('button', { name: 'Continue' }).click();
  await heading(page, 'Agents');
  await close(page);
});

test('who has lost the phone comes in with a backup code, sets a new one up, and is back', async () => {
  const person = await addUserWithFactor(browser);
  const page = await halfWay(person, PHONE, '/');
  await page.getByRole('button', { name: 'Use a backup code instead' }).click();
  await page.waitForFunction(() => document.activeElement.id === 'sign-in-backup-code');
  await assertAccessible(page, 'backup code');
  await page.getByLabel('Backup code').fill(person.codes[0].toLowerCase().replaceAll('-', ' '));
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('You signed in with a backup code; 9 are left.').waitFor();
  await assertAccessible(page, 'signed in with a backup code');
  await screenshot(page, 'recovery');
  await go(page, '/agents');
  await page.getByRole('button', { name: 'Dismiss' }).click();
  assert.equal(await page.evaluate(() => document.querySelector('main').firstElementChild.className), 'page-body');
  await page.reload();
  await page.getByRole('link', { name: 'Set the app up anew' }).click();
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Use a backup code instead' }).click();
  await page.getByRole('dialog').getByLabel('Backup code').fill(person.codes[1]);
  await page.getByRole('dialog').getByRole('button', { name: 'Confirm' }).click();
  person.secret = new URL(await readQr(page, page.getByRole('img', { name: /^QR code/ }))).searchParams.get('secret');
  await page.getByLabel('The code that the app shows now').fill(totp(person.secret));
  await page.getByText('8 of 10 left').waitFor();
  await go(page, '/agents');
  await heading(page, 'Agents');
  assert.equal(await page.getByText('You signed in with a backup code').count(), 0, 'it has been done');
  await close(page);
  const again = await halfWay(person, PHONE, '/');
  await again.getByText('muster-app user reset-mfa').waitFor();
  await codeField(again).fill(await nextCode(person));
  await heading(again, 'Overview');
  await close(again);
});

test('a browser that is trusted is not asked for a code again, until it is forgotten', async () => {
  const person = await addUserWithFactor(browser);
  const page = await halfWay(person, {}, '/account');
  await page.getByLabel('Trust this browser for 30 days').check();
  await codeField(page).fill(await nextCode(person));
  await page.getByRole('region', { name: 'Trusted browsers' }).getByText('this one').waitFor();
  const leave = async () => {
    await page.getByLabel(`Account of ${person.email}`).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await heading(page, 'Sign in');
  };
  await leave();
  await fillSignIn(page, person.email, person.password);
  await page.getByRole('region', { name: 'Trusted browsers' }).getByText('this one').waitFor();
  await page.getByRole('button', { name: /^Stop trusting/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop trusting it' }).click();
  await page.getByText('No browser is trusted.').waitFor();
  await leave();
  await fillSignIn(page, person.email, person.password);
  await heading(page, 'Show that it is you');
  await close(page);
});

test('a sign-in that took too long begins again, with the address still there', async () => {
  const person = await addUserWithFactor(browser);
  const page = await halfWay(person);
  await sql(`UPDATE signins SET expires_ms = 0 WHERE user_id = ${userId(person.email)}`);
  await codeField(page).fill(await nextCode(person));
  await heading(page, 'Sign in');
  await page.getByRole('alert').getByText(/begin again/i).waitFor();
  await page.waitForFunction(() => document.activeElement.id === 'password');
  assert.equal(await page.getByLabel('E-mail').inputValue(), person.email);
  await close(page);
});

test('an act of an admin after twelve hours leads to sign in and back', async () => {
  const admin = await addPerson('admin');
  const page = await open(browser);
  await signIn(page, admin);
  const agent = await registerAgent(page, `approve-${process.pid}`);
  await go(page, `/agents/${agent.id}`);
  await heading(page, agent.name);
  await sql(`UPDATE sessions SET authenticated_ms = authenticated_ms - 43200001 WHERE user_id = ${userId(admin.email)}`);
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByRole('dialog').getByRole('textbox').fill(agent.name);
  await page.getByRole('button', { name: 'Delete for good' }).click();
  await page.getByText('more than twelve hours since you signed in').waitFor();
  await fillSignIn(page, admin.email, admin.password);
  await heading(page, agent.name);
  assert.equal(page.url(), `${URL_BASE}/agents/${agent.id}`);
  await close(page);
});

test('after twenty wrong codes the page asks for a backup code, which clears it', async () => {
  const person = await addUserWithFactor(browser);
  await sql(`INSERT INTO user_lockouts (user_id, failures_in_row) VALUES (${userId(person.email)}, 20)
    ON CONFLICT (user_id) DO UPDATE SET failures_in_row = 20`);
  const page = await halfWay(person);
  await codeField(page).fill(await nextCode(person));
  await page.getByRole('alert').getByText('use a backup code').waitFor();
  await page.waitForFunction(() => document.activeElement.id === 'sign-in-backup-code');
  await page.keyboard.type(person.codes[5]);
  await page.keyboard.press('Enter');
  await heading(page, 'Agents');
  await close(page);
});

test('who tries too fast is told how long to wait', async () => {
  const page = await open(browser);
  await page.route('**/api/auth/login', (route) => route.fulfill({
    status: 429, headers: { 'Retry-After': '90', 'Content-Type': 'application/problem+json' },
    body: JSON.stringify({ type: '/problems/rate-limited', title: 'Too many requests', status: 429, detail: 'Too many tries that failed; wait a little.' }),
  }));
  await go(page, '/login');
  await fillSignIn(page, 'somebody@example.net', 'not the password');
  await page.getByRole('alert').getByText('wait a little. Try again in 1 min 30 s.').waitFor();
  await close(page);
});

test('a browser is trusted for as many days as the server says, and not offered where none is', async () => {
  const person = await addUserWithFactor(browser);
  for (const [days, count] of [[7, 1], [0, 0]]) {
    const page = await open(browser);
    await page.route('**/api/auth/login', async (route) => {
      const reply = await route.fetch();
      await route.fulfill({ response: reply, json: { ...await reply.json(), trustedDeviceDays: days } });
    });
    await go(page, '/login');
    await fillSignIn(page, person.email, person.password);
    await codeField(page).waitFor();
    assert.equal(await page.getByLabel(`Trust this browser for ${days} days`).count(), count);
    assert.equal(await page.getByRole('checkbox').count(), count);
    await close(page);
  }
});
