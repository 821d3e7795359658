import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask, close, open, until } from './browser.mjs';
import { demo } from './demo.mjs';

let guarded;
before(async () => {
  guarded = await demo(['--orders', '60', '--rate', '30', '--auth', 'demo']);
});
after(close);
after(() => guarded.stop());

/** support returns a token of who sees everything. */
const support = async () => (await fetch(`${guarded.url}/demo/token?role=support`)).text();

/** consumers returns the names of who ordered what is listed. */
const consumers = (page) => page.locator('article .who > span:nth-child(2)').allInnerTexts();

test('each sees what is theirs', async (t) => {
  const page = await open(t, guarded.url, { expected: [/403.*\/views/] });
  await page.getByText('support', { exact: true }).waitFor(); // who one is unless one says otherwise
  await until(async () => new Set(await consumers(page)).size > 1 || (await page.reload(), false));

  const { orderHistory: { nodes: [{ consumer: { consumerId } }] } } = await ask(
    '{ orderHistory(first: 1) { nodes { consumer { consumerId } } } }', {}, { Authorization: `Bearer ${await support()}` }, guarded.url,
  );
  await page.getByText('support', { exact: true }).click();
  await page.getByLabel('Id').fill(consumerId);
  await page.getByRole('button', { name: `Consumer ${consumerId}` }).click();
  await page.getByText(`consumer ${consumerId}`, { exact: true }).waitFor();
  await until(async () => new Set(await consumers(page)).size === 1);
  const [name] = await consumers(page);
  await page.reload();
  await page.getByText(`consumer ${consumerId}`, { exact: true }).waitFor();
  await until(async () => (await consumers(page))[0] === name);
  await page.getByRole('link', { name: 'Views' }).click();
  await page.getByRole('alert').filter({ hasText: 'This is told to who may see every order' }).waitFor();
});

/** keeping makes a page find what its tab had kept. */
const keeping = (text) => (page) => page.addInitScript((text) => sessionStorage.getItem('viewgate session') ?? sessionStorage.setItem('viewgate session', text), text);

/** live waits until changes reach the page. */
const live = (page) => page.getByRole('status').filter({ hasText: /^Live$/ }).waitFor();

/** unauthenticated answers whatever is asked by GraphQL as somebody is answered whose token is not good. */
const unauthenticated = (page) => page.route('**/graphql', (route) => route.fulfill({
  status: 401, contentType: 'application/json', body: JSON.stringify({ errors: [{ message: 'no', extensions: { code: 'UNAUTHENTICATED' } }] }),
}));

test('changes are shown from the first visit on', async (t) => {
  const page = await open(t, guarded.url);
  await live(page);
  await page.locator('article').first().waitFor();
  await page.reload();
  await live(page);
});

test('in a demo a token that is not good is replaced, by the same person’s', async (t) => {
  const page = await open(t, guarded.url, {
    expected: [/401/, /403.*\/views/], prepare: keeping(JSON.stringify({ token: 'x', who: 'consumer 1' })),
  });
  await live(page);
  await page.getByText('consumer 1', { exact: true }).waitFor();
  assert.match(await page.evaluate(() => JSON.parse(sessionStorage.getItem('viewgate session')).token), /^ey/);
  assert.equal(await page.getByRole('alert').count(), 0);
});

for (const damaged of ['null', '{"token":7}', '{"token":"\\n","who":""}', 'damaged']) {
  test(`what was kept and is ${damaged} is nothing`, async (t) => {
    const page = await open(t, guarded.url, { prepare: keeping(damaged) });
    await page.getByText('support', { exact: true }).waitFor();
    await live(page);
  });
}

test('a browser that keeps nothing does for a visit', async (t) => {
  const page = await open(t, guarded.url, {
    prepare: (page) => page.addInitScript(() => {
      for (const name of ['sessionStorage', 'localStorage']) {
        Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError'); } });
      }
    }),
  });
  await live(page);
});

test('a token that is refused although it is new is said, once', async (t) => {
  let given = 0;
  const page = await open(t, guarded.url, {
    expected: [/401/],
    prepare: async (page) => {
      await page.route('**/demo/token?*', (route) => { given++; return route.continue(); });
      await unauthenticated(page);
    },
  });
  const again = page.getByRole('button', { name: 'Sign in again' });
  await again.waitFor();
  const alert = page.getByRole('main').getByRole('alert');
  assert.match(await alert.innerText(), /You are not signed in.*Request [0-9a-f]{16}/s);
  assert.equal(await alert.getByRole('button').count(), 0);
  assert.equal(given, 2); // at first, and in its place
  assert.equal(await page.locator('.skeleton').count(), 0); // nothing is on its way
  await page.unroute('**/graphql');
  await again.click();
  await page.locator('article').first().waitFor();
  await page.getByRole('group', { name: 'Status' }).waitFor();
  assert.equal(await again.count(), 0);
});

test('where tokens come from elsewhere, one that has ended leads to the form', async (t) => {
  let connections = 0;
  const page = await open(t, guarded.url, {
    expected: [/401/],
    prepare: async (page) => {
      await keeping(JSON.stringify({ token: 'x', who: '' }))(page);
      await page.addInitScript(() => { // the page is told another kind of signing in than there is
        new MutationObserver(() => {
          const meta = document.querySelector('meta[name=viewgate]');
          if (meta?.content.includes('"auth":"demo"')) {
            meta.content = meta.content.replace('"auth":"demo"', '"auth":"jwt"');
          }
        }).observe(document, { childList: true, subtree: true });
      });
      page.on('websocket', () => connections++);
    },
  });
  await page.getByRole('alert').filter({ hasText: 'Sign in again' }).waitFor();
  await page.getByRole('status').filter({ hasText: 'Changes are not shown' }).waitFor();
  const before = connections;
  assert.equal(await page.getByText('Connection lost').count(), 0);
  const form = page.getByRole('alert').filter({ hasText: 'Sign in again' });
  await form.getByLabel('Access token').fill(await support());
  await form.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('article').first().waitFor();
  await live(page);
  assert.equal(await form.count(), 0);
  assert.equal(connections, before + 1); // with what was refused it has not tried again
});

test('where no WebSocket can be made it is said', async (t) => {
  const page = await open(t, guarded.url, {
    prepare: (page) => page.addInitScript(() => {
      globalThis.WebSocket = class WebSocket {
        static CONNECTING = 0;
        static OPEN = 1;
        static CLOSING = 2;
        static CLOSED = 3;
        constructor() { throw new DOMException('no', 'SecurityError'); }
      };
    }),
  });
  await page.locator('article').first().waitFor();
  await page.getByRole('status').filter({ hasText: 'Changes are not shown' }).waitFor();
});

test('a demo that was started again is followed again', async (t) => {
  const first = await demo(['--orders', '10', '--rate', '30', '--auth', 'demo']);
  t.after(() => first.stop());
  const page = await open(t, first.url, { expected: [/ERR_|401|503|WebSocket/] });
  await live(page);
  await first.stop();
  await page.getByRole('status').filter({ hasText: 'Connection lost' }).waitFor();
  const second = await demo(['--addr', new URL(first.url).host, '--orders', '10', '--rate', '30', '--auth', 'demo']);
  t.after(() => second.stop());
  await page.evaluate(() => dispatchEvent(new Event('online'))); // or it would wait until it tries again by itself
  await live(page);
  await page.locator('article').first().waitFor();
  assert.equal(await page.getByRole('alert').count(), 0);
});
