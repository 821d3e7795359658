import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { accessible, close, open, until, url } from './browser.mjs';

after(close);

/** told returns what /views answers, of one view. */
async function told(name) {
  const { views } = await (await fetch(new URL('/views', url))).json();
  return views.find((view) => view.name === name);
}

/** fact returns what a view's card says of something. */
const fact = (card, name) => card.locator('.fact', { has: card.page().locator('dt', { hasText: name }) }).locator('dd');

test('an operator sees the views at a glance', async (t) => {
  await until(async () => (await told('restaurants')).documents === 12 && (await told('orders')).deadLetters);
  const page = await open(t, '/?tab=views');
  const card = page.getByRole('region', { name: 'restaurants' });
  await card.getByText('Ready', { exact: true }).waitFor();
  assert.equal(await fact(card, 'Documents').innerText(), '12');
  assert.equal(await fact(card, 'Dead letters').innerText(), '0');
  assert.match(await fact(card, 'Drift').innerText(), /^[\d,]+ of [\d,]+ comparisons with their owners/);
  assert.match(await fact(card, 'Built').innerText(), / ago$/);
  assert.match(await fact(card, 'Index').innerText(), /^restaurants\.[0-9a-f]+ embedded$/);
  assert.match(await card.getByRole('img').getAttribute('aria-label'), /behind; at most .* in the last two minutes; the limit is 30 s$/);
  await page.getByRole('region', { name: 'orders' }).waitFor();
  await accessible(page);
});

test('what is wrong with a view is red, and said', async (t) => {
  const orders = await told('orders');
  const bad = {
    ...orders, lagMs: 61_000, lagLimitMs: 30_000, waiting: 1234, ready: 'the view is 1m1s behind', warnings: ['a warning'], filling: true,
    deadLetters: { count: 3, newest: new Date().toISOString(), reasons: { body: 2, gap: 1 } },
    drift: { checked: 10, differed: 1, apart: 1, at: new Date().toISOString() },
  };
  const page = await open(t, '/?tab=views', {
    colorScheme: 'dark', viewport: { width: 360, height: 800 },
    prepare: (page) => page.route('**/views', (route) => route.fulfill({ json: { views: [bad] } })),
  });
  const card = page.getByRole('region', { name: 'orders' });
  await card.getByText('Not ready').waitFor();
  for (const text of ['the view is 1m1s behind', 'a warning', 'lacks old documents', 'body 2, gap 1', '1,234 events wait']) {
    await card.getByText(text).first().waitFor();
  }
  assert.equal(await card.locator('.fact span.over').count(), 3); // lag, dead letters, drift
  assert.equal(await card.locator('svg .over').count() > 0, true);
  assert.match(await page.getByRole('link', { name: '1 min 1 s behind' }).getAttribute('class'), /over/);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  await accessible(page);
});

test('a server that cannot be reached is said, and looked for', async (t) => {
  let down = true;
  const page = await open(t, '/?tab=views', {
    expected: [/ERR_FAILED/],
    prepare: (page) => page.route('**/views', (route) => (down ? route.abort() : route.continue())),
  });
  await page.getByRole('alert').filter({ hasText: 'The server cannot be reached' }).waitFor();
  down = false;
  await page.getByRole('region', { name: 'restaurants' }).waitFor();
  assert.equal(await page.getByRole('alert').count(), 0);
});

test('a server that does not answer is said, too', async (t) => {
  const page = await open(t, '/?tab=views', { prepare: (page) => page.route('**/views', () => {}) });
  await page.getByRole('alert').filter({ hasText: 'The server cannot be reached' }).waitFor(); // after ten seconds
});

for (const [how, expected] of [['abort', [/ERR_FAILED/]], ['freeze', []]]) {
  test(`what is no longer known is not told as if it were: ${how}`, async (t) => {
    let down = false;
    const page = await open(t, '/', {
      expected,
      prepare: (page) => page.route('**/views', (route) => (!down ? route.continue() : how === 'abort' ? route.abort() : undefined)),
    });
    const bar = page.getByRole('banner');
    await bar.getByRole('link', { name: / behind$/ }).waitFor();
    down = true;
    const old = bar.getByRole('link', { name: 'Lag not known' });
    await old.waitFor();
    assert.match(await old.getAttribute('title'), / behind .* ago$/);
    assert.equal(await bar.getByText(/ behind$/).count(), 0);
    down = false;
    if (how === 'abort') { // what never answers is given up after ten seconds
      await bar.getByRole('link', { name: / behind$/ }).waitFor();
    }
  });
}
