// Every page, as axe-core sees it: no violation of any weight, light and dark, on a desk and on a phone. What only shows
// while something is done (dialogs, errors, wizards) is looked at where that is tested.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { URL_BASE, assertAccessible, call, close, go, launch, liveAgent, open, sideScroll, signIn, unique } from './browser.js';
import { addHost, begin, publishRelease } from './fleet.js';
import { PHONE, addPerson } from './people.js';

let browser;
let admin;
let pages;
before(async () => {
  browser = await launch();
  admin = await open(browser);
  await signIn(admin);
  pages = await places();
});
after(async () => {
  await close(admin);
  await browser.close();
});

// Of everything that has a page of its own one that is there.
async function places() {
  const agent = await liveAgent(admin);
  const { items: [run] } = await call(admin, 'GET', '/api/runs?status=completed&limit=1');
  const { job } = await call(admin, 'POST', `/api/runs/${run.id}/verify`, {});
  const version = await publishRelease();
  const rollout = await begin(admin, version, [await addHost(admin)], [{ count: 1, advance: 'manual' }, { percent: 100 }]);
  const { user } = await call(admin, 'GET', '/api/auth/session');
  return [
    '/', '/agents', '/agents?q=there-is-none', `/agents/${agent.id}`, '/add', '/add?tab=key',
    '/backups', `/backups/${run.id}`, `/backups/${run.id}/restore`, '/configs/new', `/configs/${run.configId}`,
    `/configs/${run.configId}/edit`, `/jobs/${job.id}`,
    '/releases', `/releases/${version}`, '/rollouts', '/rollouts/new', `/rollouts/${rollout.id}`, '/containers',
    '/account', '/account/mfa', '/account/sessions', '/account/tokens', '/account/profile',
    '/users', `/users/${user.id}`, '/audit', '/settings', '/alerts', '/no/such/page',
  ];
}

async function look(page, path, where) {
  await go(page, path);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.waitForFunction(() => !document.querySelector('.loading'));
  await assertAccessible(page, `${path}, ${where}`);
  assert.equal(await sideScroll(page), 0, `${path}, ${where} scrolls sideways`);
}

const LOOKS = [
  ['desk, light', { colorScheme: 'light' }], ['desk, dark', { colorScheme: 'dark' }],
  ['phone, light', { ...PHONE, colorScheme: 'light' }], ['phone, dark', { ...PHONE, colorScheme: 'dark' }],
];

for (const [name, options] of LOOKS) {
  test(`no page has a violation: ${name}`, async () => {
    const page = await open(browser, options);
    await signIn(page);
    for (const path of pages) await look(page, path, name);
    await close(page);
  });

  test(`no page of somebody who is not signed in has a violation: ${name}`, async () => {
    const page = await open(browser, options);
    const { link } = await call(admin, 'POST', '/api/invitations', { email: `${unique('invited')}@example.net`, role: 'viewer' });
    for (const path of ['/login', '/invitation', '/invitation#no-such-link', link.slice(URL_BASE.length)]) await look(page, path, name);
    await close(page);
  });
}

test('no page that says no to somebody has a violation', async () => {
  const page = await open(browser);
  await signIn(page, await addPerson('viewer'));
  for (const path of ['/', '/add', '/configs/new', '/rollouts/new', '/users', '/backups', '/releases', '/agents/none']) await look(page, path, 'viewer');
  await close(page);
});
