// From the link of an invitation to the first page, as the one who was invited.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { URL_BASE, assertAccessible, call, close, go, launch, open, screenshot, sideScroll, signIn, unique } from './browser.js';
import { PHONE } from './people.js';

let browser;
let admin;
before(async () => {
  browser = await launch();
  admin = await open(browser);
  await signIn(admin);
});
after(async () => {
  await close(admin);
  await browser.close();
});

async function invite(role = 'operator') {
  const email = `${unique('invited')}@example.net`;
  const { link } = await call(admin, 'POST', '/api/invitations', { email, role });
  return { email, link, password: `${unique('a long enough password')}!` };
}

async function follow(link, options) {
  const page = await open(browser, options);
  page.asked = [];
  page.on('request', (request) => page.asked.push(`${request.url()} ${JSON.stringify(request.headers())}`));
  await page.goto(link);
  return page;
}

for (const [size, options] of [['desktop', {}], ['phone', PHONE]]) {
  test(`who is invited chooses a password and signs in (${size})`, async () => {
    const person = await invite();
    const page = await follow(person.link, options);
    await page.getByRole('heading', { level: 1, name: 'Welcome to Muster' }).waitFor();
    await page.getByText(person.email).waitFor();
    await page.waitForFunction(() => document.activeElement.id === 'invitation-name');
    assert.equal(await sideScroll(page), 0);
    await assertAccessible(page, `invitation, ${size}`);
    await screenshot(page, `invitation-${size}`);
    await page.getByLabel('Your name').fill('Grace Hopper');
    await page.getByLabel('New password', { exact: true }).fill('short');
    await page.getByRole('button', { name: 'Make my account' }).click();
    await page.getByText('It has 5 characters; 15 are the least.').waitFor();
    await assertAccessible(page, `invitation with an error, ${size}`);
    await page.getByLabel('New password', { exact: true }).fill(person.password);
    await page.getByLabel('New password, once more').fill(person.password);
    await page.getByRole('button', { name: 'Make my account' }).click();
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    await page.getByText('Your account is ready.').waitFor();
    assert.equal(await page.getByLabel('E-mail').inputValue(), person.email);
    assert.equal(new URL(page.url()).hash, '');
    await page.waitForFunction(() => document.activeElement.id === 'password');
    await page.keyboard.type(person.password);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    const token = person.link.split('#')[1];
    assert.ok(token.length > 20);
    assert.deepEqual(page.asked.filter((request) => request.includes(token)), [], 'the secret is in an address or a header');
    await close(page);
  });
}

test('a link works once, and says what to do when it does not', async () => {
  const person = await invite('viewer');
  const stranger = await open(browser);
  const accept = () => stranger.context().request.post(`${URL_BASE}/api/invitations/accept`, {
    data: { token: person.link.split('#')[1], name: 'Somebody', password: person.password }, headers: { Origin: URL_BASE },
  });
  assert.equal((await accept()).status(), 200);
  await stranger.goto(person.link);
  await stranger.getByRole('alert').getByText('Ask an admin for a new one').waitFor();
  await assertAccessible(stranger, 'used link');
  await screenshot(stranger, 'invitation-used');
  await stranger.getByRole('link', { name: 'Sign in' }).click();
  await stranger.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  await close(stranger);
});

test('a link that lost its end says so', async () => {
  const page = await open(browser);
  await go(page, '/invitation');
  await page.getByText('The address is not whole').waitFor();
  await close(page);
});

test('who is signed in is told that the link is for somebody else', async () => {
  const person = await invite();
  const page = await open(browser);
  await signIn(page);
  await page.goto(person.link);
  await page.getByText(`This link is for ${person.email}`).waitFor();
  await page.getByLabel('Your name').fill('Somebody Else');
  await page.getByLabel('New password', { exact: true }).fill(person.password);
  await page.getByLabel('New password, once more').fill(person.password);
  await page.getByRole('button', { name: 'Make my account' }).click();
  await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  assert.equal(await page.getByLabel('E-mail').inputValue(), person.email);
  assert.equal((await page.context().request.get(`${URL_BASE}/api/auth/session`)).status(), 401);
  await close(page);
});
