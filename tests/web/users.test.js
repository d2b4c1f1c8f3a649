// People as an admin looks after them: found, invited, changed, disabled, reset, granted, deleted and brought back.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { EMAIL, URL_BASE, assertAccessible, call, close, go, launch, open, registerAgent, screenshot, sideScroll, signIn, stepUp, unique } from './browser.js';
import { PHONE, addPerson, addUserWithFactor } from './people.js';

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

const dialog = () => page.getByRole('dialog');
const row = (person) => page.getByRole('table', { name: 'Accounts' }).getByRole('row').filter({ hasText: person.email });
const stateIs = (label) => page.locator('.page-head .badge').filter({ hasText: label }).waitFor();
const find = async (person) => (await call(page, 'GET', `/api/users?q=${encodeURIComponent(person.email)}`)).items[0];

async function visit(person) {
  person.id ??= (await find(person)).id;
  await go(page, `/users/${person.id}`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.getByText('Last signed in').waitFor();
}

// Whether the password still signs in; a tab of its own, which stays signed out.
async function login(person) {
  const tab = await open(browser);
  const reply = await tab.context().request.post(`${URL_BASE}/api/auth/login`, { data: { email: person.email, password: person.password }, headers: { Origin: URL_BASE } });
  await close(tab);
  return reply.status();
}

test('people are found from the menu, by name, role and state, and the address holds it', async () => {
  const person = await addPerson('operator');
  await go(page, '/');
  await page.getByLabel(`Account of ${EMAIL}`).click();
  await page.getByRole('navigation', { name: 'Account' }).getByRole('link', { name: 'People' }).click();
  await page.getByRole('heading', { level: 1, name: 'People' }).waitFor();
  await page.getByPlaceholder('Search name or e-mail').fill(person.email);
  await page.waitForURL((url) => url.searchParams.get('q') === person.email);
  await row(person).getByText('Operator', { exact: true }).waitFor();
  await page.getByText('1 found').waitFor();
  await page.getByLabel('Role', { exact: true }).selectOption('admin');
  await page.getByText('Nobody matches.').waitFor();
  await page.reload();
  await page.getByText('Nobody matches.').waitFor();
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await page.waitForURL(`${URL_BASE}/users`);
  await page.getByRole('columnheader', { name: 'Added' }).getByRole('button').click();
  await page.waitForURL((url) => url.searchParams.get('sort') === 'created');
  await page.getByRole('columnheader', { name: 'Added' }).getByRole('button').click();
  await page.waitForFunction((email) => document.querySelector('td.col-name')?.textContent.includes(email), person.email);
  await assertAccessible(page, 'people');
  await screenshot(page, 'users');
});

test('an invitation gives a link once, shows in the list, and can be revoked', async () => {
  const email = `${unique('invited')}@example.net`;
  await go(page, '/users');
  await page.getByRole('button', { name: 'Invite a person' }).click();
  await dialog().getByLabel('E-mail').fill(email);
  await dialog().getByLabel(/^Operator/).check();
  await assertAccessible(page, 'invite');
  await dialog().getByRole('button', { name: 'Make the link' }).click();
  await page.getByRole('dialog', { name: 'Invite a person' }).last().waitFor();
  await stepUp(page);
  const link = await page.locator('#invitation-link').innerText();
  assert.ok(link.startsWith(`${URL_BASE}/invitation#`), link);
  await assertAccessible(page, 'invited');
  await screenshot(page, 'invited');
  await dialog().getByRole('button', { name: 'Done' }).click();
  const invitation = page.getByRole('table', { name: 'Invitations' }).getByRole('row').filter({ hasText: email });
  await invitation.getByText('Open').waitFor();
  assert.ok(!(await page.content()).includes(link.split('#')[1]));
  await invitation.getByRole('button', { name: `Revoke the invitation of ${email}` }).click();
  await dialog().getByRole('button', { name: 'Revoke' }).click();
  await invitation.getByText('Revoked').waitFor();
  const stranger = await open(browser);
  await stranger.goto(link);
  await stranger.getByRole('alert').getByText('This link is not in force').waitFor();
  await close(stranger);
});

test('name and role are changed, and one’s own role is not', async () => {
  const person = await addPerson('viewer');
  await visit(person);
  await page.getByRole('button', { name: 'Change' }).click();
  await dialog().getByLabel('Name').fill('Ada Lovelace');
  await dialog().getByLabel('Role').selectOption('operator');
  await dialog().getByRole('button', { name: 'Change' }).click();
  await page.getByRole('dialog', { name: `Change the account of ${person.email}` }).waitFor();
  await stepUp(page);
  await page.getByRole('heading', { level: 1, name: 'Ada Lovelace' }).waitFor();
  const user = await find(person);
  assert.deepEqual([user.name, user.role], ['Ada Lovelace', 'operator']);

  await visit({ id: (await call(page, 'GET', '/api/auth/session')).user.id });
  for (const name of ['Disable', 'Delete', 'New password']) assert.equal(await page.getByRole('button', { name }).count(), 0);
  await page.getByRole('button', { name: 'Change' }).click();
  assert.ok(await dialog().getByLabel('Role').isDisabled());
  await page.keyboard.press('Escape');
});

test('who is disabled is signed out and refused, and comes back when enabled', async () => {
  const person = await addPerson('operator');
  const theirs = await open(browser);
  await signIn(theirs, person);
  await go(theirs, '/agents');
  await theirs.getByRole('heading', { level: 1, name: 'Agents' }).waitFor();
  await visit(person);
  await page.getByRole('button', { name: 'Disable' }).click();
  await dialog().getByRole('button', { name: 'Disable' }).click();
  await stepUp(page);
  await stateIs('Disabled');
  await assertAccessible(page, 'disabled');
  await theirs.getByText('Your session has ended').waitFor();
  assert.equal(await login(person), 401);
  await page.getByRole('button', { name: 'Enable' }).click();
  await dialog().getByRole('button', { name: 'Enable' }).click();
  await stateIs('Active');
  assert.equal(await login(person), 200);
  await close(theirs);
});

test('a lost second factor is reset, which says what is lost', async () => {
  const person = await addUserWithFactor(browser);
  await visit(person);
  await page.getByRole('button', { name: 'Reset second factor' }).click();
  await dialog().getByText('their password alone signs them in').waitFor();
  await dialog().getByRole('button', { name: 'Reset' }).click();
  await page.getByRole('dialog', { name: `Remove all second factors of ${person.email}` }).waitFor();
  await stepUp(page);
  await page.getByRole('button', { name: 'Reset second factor' }).waitFor({ state: 'detached' });
  const theirs = await open(browser);
  assert.equal((await signIn(theirs, person)).mfaRequired, false);
  await close(theirs);
});

test('a link sets a forgotten password anew', async () => {
  const person = await addPerson('viewer');
  await visit(person);
  await page.getByRole('button', { name: 'New password' }).click();
  await dialog().getByRole('button', { name: 'Make the link' }).click();
  await stepUp(page);
  const link = await page.locator('#invitation-link').innerText();
  await dialog().getByRole('button', { name: 'Done' }).click();
  const theirs = await open(browser);
  await theirs.goto(link);
  await theirs.getByRole('heading', { level: 1, name: 'Choose a new password' }).waitFor();
  await assertAccessible(theirs, 'new password by link');
  const fresh = `${person.password} anew`;
  await theirs.getByLabel('New password', { exact: true }).fill(fresh);
  await theirs.getByLabel('New password, once more').fill(fresh);
  await theirs.getByRole('button', { name: 'Set the password' }).click();
  await theirs.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  assert.equal(await login(person), 401);
  assert.equal(await login({ ...person, password: fresh }), 200);
  await close(theirs);
});

test('what is granted is seen, and what is taken back is not', async () => {
  const person = await addPerson('viewer');
  const agent = await registerAgent(page, unique('shared'));
  const theirs = await open(browser);
  await signIn(theirs, person);
  const sees = async () => (await call(theirs, 'GET', '/api/agents')).items.map((each) => each.id);
  assert.deepEqual(await sees(), []);
  await visit(person);
  await page.getByLabel('Find an agent or a backup').fill(agent.name);
  await page.getByRole('button', { name: `Show them ${agent.name}` }).click();
  await stepUp(page);
  await page.getByRole('list', { name: 'Granted' }).getByText(agent.name).waitFor();
  assert.deepEqual(await sees(), [agent.id]);
  await assertAccessible(page, 'person');
  await screenshot(page, 'user');
  await page.getByRole('button', { name: `Take back ${agent.name}` }).click();
  await page.getByText('Only what they own.').waitFor();
  assert.deepEqual(await sees(), []);
  await close(theirs);
});

test('deleting needs the address typed, and can be taken back while the grace lasts', async () => {
  const person = await addPerson('operator');
  await visit(person);
  await page.getByRole('button', { name: 'Delete' }).click();
  const confirm = dialog().getByRole('button', { name: 'Delete' });
  assert.ok(await confirm.isDisabled());
  await dialog().getByRole('textbox').fill(person.email);
  await assertAccessible(page, 'delete a person');
  await confirm.click();
  await page.getByRole('dialog', { name: `Delete the account of ${person.email}` }).waitFor();
  await stepUp(page);
  await stateIs('Deleted');
  await page.getByText('you can bring all of it back').waitFor();
  await assertAccessible(page, 'deleted');
  await screenshot(page, 'user-deleted');
  assert.equal(await login(person), 401);
  await page.getByRole('button', { name: 'Bring back' }).click();
  await dialog().getByRole('button', { name: 'Bring back' }).click();
  await stepUp(page);
  await stateIs('Active');
  assert.equal(await login(person), 200);
});

test('what is stored about a person is saved as a file', async () => {
  const person = await addPerson('viewer');
  await visit(person);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export' }).click()]);
  assert.ok(JSON.stringify(JSON.parse(await readFile(await download.path(), 'utf8'))).includes(person.email));
  const tab = await open(browser, { acceptDownloads: true });
  await signIn(tab, person);
  await go(tab, '/account/profile');
  const [own] = await Promise.all([tab.waitForEvent('download'), tab.getByRole('button', { name: 'Export my data' }).click()]);
  const text = await readFile(await own.path(), 'utf8');
  assert.ok(text.includes(person.email));
  assert.ok(!text.includes('$argon2'));
  await close(tab);
});

test('others than admins see no people', async () => {
  const tab = await open(browser);
  const person = await addPerson('operator');
  await signIn(tab, person);
  await go(tab, '/users');
  await tab.getByText('Only administrators look after people.').waitFor();
  await tab.getByLabel(`Account of ${person.email}`).click();
  assert.equal(await tab.getByRole('link', { name: 'People' }).count(), 0);
  await close(tab);
});

test('people fit a phone', async () => {
  const phone = await open(browser, PHONE);
  await signIn(phone);
  for (const path of ['/users', `/users/${(await call(page, 'GET', '/api/auth/session')).user.id}`]) {
    await go(phone, path);
    await phone.getByRole('heading', { level: 1 }).waitFor();
    await phone.waitForFunction(() => !document.querySelector('.loading'));
    assert.equal(await sideScroll(phone), 0, path);
    await assertAccessible(phone, `${path}, phone`);
    await screenshot(phone, `users-phone${path.length > 6 ? '-one' : ''}`);
  }
  await close(phone);
});
