// Acts that ask for a fresh proof: the dialog names the act and its target, and the request goes on or nothing is done.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { app, assertAccessible, call, close, go, launch, open, registerAgent, screenshot, sideScroll, signIn, stepUp, unique } from './browser.js';

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

const password = (on = page) => on.locator('#step-up-password');
const asks = (words, on = page) => on.getByRole('dialog', { name: words });

async function deleteAgent(agent, on = page) {
  await go(on, `/agents/${agent.id}`);
  await on.getByRole('button', { name: 'Delete', exact: true }).click();
  await on.getByRole('dialog').getByRole('textbox').fill(agent.name);
  await on.getByRole('button', { name: 'Delete for good' }).click();
}

const exists = async (agent) => (await call(page, 'GET', `/api/agents?q=${agent.name}`)).total === 1;

test('deleting asks for the password, names what is deleted, and then it is', async () => {
  const agent = await registerAgent(page, unique('goner'));
  await deleteAgent(agent);
  await asks(`Delete the agent ${agent.name}`).waitFor();
  await page.waitForFunction(() => document.activeElement.id === 'step-up-password');
  assert.equal(await password().getAttribute('autocomplete'), 'current-password');
  await assertAccessible(page, 'step-up');
  await screenshot(page, 'step-up');
  assert.ok(await exists(agent), 'deleted before it was confirmed');
  await stepUp(page);
  await page.getByText(`${agent.name} is deleted.`).waitFor();
  assert.ok(!await exists(agent));
  // What came and went has moved nothing.
  assert.deepEqual(await page.evaluate(() => [...document.getElementById('app').children].map((element) => element.className)),
    ['skip', 'top', 'container', 'container bottom', 'toasts']);
});

test('without its dialog nothing is done, and that is said', async () => {
  const tab = await open(browser);
  await signIn(tab);
  const agent = await registerAgent(page, unique('safe'));
  await tab.route('**/js/components/step-up.js', (route) => route.abort());
  await deleteAgent(agent, tab);
  await tab.getByRole('dialog').getByRole('alert').getByText('a part of this page could not be loaded').waitFor();
  assert.ok(await exists(agent));
  await close(tab);
});

test('a wrong password says so, keeps the dialog, and can be corrected', async () => {
  const agent = await registerAgent(page, unique('kept'));
  await deleteAgent(agent);
  await password().fill('this is not my password');
  await page.keyboard.press('Enter');
  await asks(/^Delete the agent/).getByRole('alert').getByText('This is not your password.').waitFor();
  assert.equal(await password().inputValue(), '');
  await page.waitForFunction(() => document.activeElement.id === 'step-up-password');
  assert.ok(await exists(agent));
  await stepUp(page);
  await page.getByText(`${agent.name} is deleted.`).waitFor();
});

for (const [how, cancel] of [
  ['Cancel', () => asks(/^Delete the agent/).getByRole('button', { name: 'Cancel' }).click()],
  ['Escape', () => page.keyboard.press('Escape')],
]) {
  test(`${how} does nothing and says so where the act was asked for`, async () => {
    const agent = await registerAgent(page, unique('spared'));
    await deleteAgent(agent);
    await password().waitFor();
    await cancel();
    await password().waitFor({ state: 'detached' });
    const confirm = page.getByRole('dialog', { name: `Delete ${agent.name}?` });
    await confirm.getByRole('alert').getByText('Nothing was done: you did not confirm that it is you.').waitFor();
    assert.ok(await exists(agent));
    await page.getByRole('button', { name: 'Delete for good' }).click();
    await stepUp(page);
    await page.getByText(`${agent.name} is deleted.`).waitFor();
  });
}

test('going back closes the dialog and does nothing', async () => {
  const agent = await registerAgent(page, unique('left'));
  await go(page, '/agents');
  await page.getByPlaceholder('Search name, host or id').fill(agent.name);
  await page.getByRole('link', { name: agent.name, exact: true }).click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByRole('dialog').getByRole('textbox').fill(agent.name);
  await page.getByRole('button', { name: 'Delete for good' }).click();
  await password().waitFor();
  await page.goBack();
  await password().waitFor({ state: 'detached' });
  await page.getByRole('heading', { level: 1, name: 'Agents' }).waitFor();
  assert.ok(await exists(agent));
});

test('once is enough for ten minutes of the same act, and for no other target', async () => {
  await go(page, '/add');
  await page.getByRole('button', { name: 'Make the command' }).click();
  await asks('Make a one-time password for new agents').waitFor();
  await stepUp(page);
  await page.locator('#enrol-command').waitFor();
  await page.getByRole('button', { name: 'Make another' }).click();
  await page.getByRole('button', { name: 'Make the command' }).click();
  await page.locator('#enrol-command').waitFor();
  assert.equal(await password().count(), 0);

  const agents = [await registerAgent(page, unique('one')), await registerAgent(page, unique('other'))];
  for (const agent of agents) {
    await deleteAgent(agent);
    await asks(`Delete the agent ${agent.name}`).waitFor();
    await stepUp(page);
    await page.getByText(`${agent.name} is deleted.`).waitFor();
  }
});

test('two acts at once are asked for one after the other', async () => {
  const agents = [await registerAgent(page, unique('first')), await registerAgent(page, unique('second'))];
  await go(page, '/agents');
  await page.getByRole('heading', { level: 1, name: 'Agents' }).waitFor();
  const both = page.evaluate(async (ids) => {
    const { api } = await import('/js/api.js');
    const results = await Promise.allSettled(ids.map((id) => api(`/api/agents/${id}`, { method: 'DELETE' })));
    return results.map((each) => each.status);
  }, agents.map((agent) => agent.id));
  await password().waitFor();
  assert.equal(await password().count(), 1);
  const title = await page.getByRole('dialog').getByRole('heading').innerText();
  const first = agents.findIndex(({ name }) => title.endsWith(name));
  await password().fill(page.password);
  await page.keyboard.press('Enter');
  await asks(`Delete the agent ${agents[1 - first].name}`).waitFor();
  await page.keyboard.press('Escape');
  const statuses = await both;
  assert.equal(statuses[first], 'fulfilled');
  assert.equal(statuses[1 - first], 'rejected');
  assert.ok(!await exists(agents[first]) && await exists(agents[1 - first]));
});

test('an end of the session while it asks leads to sign in', async () => {
  const email = `${unique('admin')}@example.net`;
  const secret = unique('a long enough password');
  await app(['user', 'add', email, '--role', 'admin'], `${secret}\n`);
  const other = await open(browser);
  await signIn(other, { email, password: secret });
  const agent = await registerAgent(page, unique('stays'));
  await deleteAgent(agent, other);
  await password(other).waitFor();
  await other.context().clearCookies();
  await password(other).fill(secret);
  await other.keyboard.press('Enter');
  await other.getByText('Your session has ended').waitFor();
  assert.equal(await password(other).count(), 0);
  assert.ok(await exists(agent));
  await close(other);
});

test('the dialog fits a phone', async () => {
  const phone = await open(browser, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await signIn(phone);
  const agent = await registerAgent(page, `${unique('a-name-that-is-far-too-long-for-one-line')}${'-and-longer'.repeat(5)}`);
  await deleteAgent(agent, phone);
  await password(phone).waitFor();
  assert.equal(await sideScroll(phone), 0);
  const confirm = await phone.getByRole('button', { name: 'Confirm' }).boundingBox();
  assert.ok(confirm.x >= 0 && confirm.x + confirm.width <= 390 && confirm.y + confirm.height <= 844);
  await assertAccessible(phone, 'step-up, phone');
  await screenshot(phone, 'step-up-phone');
  await stepUp(phone);
  await phone.getByText('is deleted.').waitFor();
  await close(phone);
});

test('every act that asks for a proof has a name in plain words', async () => {
  const routes = await readFile(new URL('../../fcgi-app/routes.c', import.meta.url), 'utf8');
  const asking = [...routes.matchAll(/\{HTTP_(\w+), +"([^"]+)",.*STEP_(?:FRESH|ONCE)/g)].map(([, method, path]) => `${method} ${path}`);
  assert.ok(asking.length > 10);
  const acts = await readFile(new URL('../../nginx/www/js/acts.js', import.meta.url), 'utf8');
  assert.deepEqual(asking.filter((action) => !acts.includes(`'${action}': [`)), []);
});
