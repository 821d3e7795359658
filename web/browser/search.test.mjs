import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { accessible, ask, close, open, until } from './browser.mjs';
import { place } from './orders.mjs';

after(close);

const box = (page) => page.getByRole('combobox', { name: 'Search orders' });
const hits = (page) => page.locator('.hits:not([aria-busy=true]) article');
const found = (page) => page.locator('.toolbar h2').innerText();
const of = (page, name) => new URL(page.url()).searchParams.getAll(name);
const settled = (page) => page.locator('.hits[aria-busy=false], .empty').waitFor();

/** number is what the page says of how many orders there are. */
const number = async (page) => Number((await found(page)).replace(/\D/g, '') || NaN);

/** total asks the gateway for it. */
async function total(query, filter) {
  const data = await ask(
    'query($query: String, $filter: OrderFilter) { orderHistory(query: $query, filter: $filter, first: 1) { total { count } } }', { query, filter });
  return data.orderHistory.total.count;
}

/** counts waits until the page says as many orders as the gateway does. Other tests order meanwhile, which the page announces. */
const counts = (page, query, filter) => until(async () => {
  const news = page.getByRole('button', { name: /new orders? – show/ });
  if (await news.isVisible()) {
    await news.click({ timeout: 1_000 }).catch(() => {}); // it goes by itself where another search begins
  }
  return (await number(page)) === (await total(query, filter));
}, `${query} ${JSON.stringify(filter)}`, 30_000);

test('a search is run as it is typed, its words are marked, and Back undoes it', async (t) => {
  const page = await open(t, '/');
  await hits(page).first().waitFor();
  await box(page).pressSequentially('vindaloo', { delay: 20 });
  await page.locator('.hit mark', { hasText: /^vindaloo$/i }).first().waitFor();
  assert.deepEqual(of(page, 'q'), ['vindaloo']);
  const marked = await page.locator('.hit').filter({ has: page.locator('mark') }).count();
  assert.equal(marked, await hits(page).count(), 'hits with marked words');
  await page.getByLabel('Sort by').selectOption('Best match first');
  await until(async () => of(page, 'sort')[0] === 'relevance');
  await box(page).fill('');
  await until(async () => (await page.getByLabel('Sort by').inputValue()) === 'newest');
  await settled(page);
  assert.equal(await page.getByRole('alert').count(), 0);
  await page.goBack();
  assert.deepEqual([of(page, 'q'), of(page, 'sort')], [['vindaloo'], ['relevance']]);
  await page.goBack();
  await page.goBack();
  assert.deepEqual(of(page, 'q'), []);
  assert.equal(await box(page).inputValue(), '');
});

test('a suggestion is taken by the keyboard alone', async (t) => {
  const page = await open(t, '/');
  await hits(page).first().waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('chicken vi');
  const option = page.getByRole('option', { name: /Chicken Vindaloo/ });
  await option.waitFor();
  assert.equal(await box(page).getAttribute('aria-expanded'), 'true');
  await page.keyboard.press('ArrowDown');
  assert.equal(await box(page).getAttribute('aria-activedescendant'), await option.getAttribute('id'));
  assert.equal(await option.getAttribute('aria-selected'), 'true');
  await page.keyboard.press('Enter');
  assert.equal(await box(page).inputValue(), 'lineItems.name:"Chicken Vindaloo" ');
  assert.ok(await box(page).evaluate((input) => input === document.activeElement), 'it goes on in the box');
  await counts(page, 'lineItems.name:"Chicken Vindaloo"');
  await box(page).focus(); // which a click on what is new has taken away

  await page.keyboard.type('stat');
  await page.getByRole('option', { name: 'status:' }).waitFor();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  assert.match(await box(page).inputValue(), / status:$/);
  await page.keyboard.type('canc');
  await page.getByRole('option', { name: 'Cancelled' }).waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await box(page).getAttribute('aria-expanded'), 'false');
  await page.keyboard.press('Escape');
  assert.equal(await box(page).inputValue(), '');
});

test('an order that is suggested is opened, and closing it brings back the list', async (t) => {
  const page = await open(t, '/');
  await hits(page).first().waitFor();
  await box(page).pressSequentially('100000', { delay: 20 });
  const option = page.getByRole('option', { name: /^Order/ }).first();
  const id = (await option.locator('.text').innerText()).trim();
  await option.click();
  await page.getByRole('heading', { name: `Order ${id}` }).waitFor();
  assert.deepEqual(of(page, 'order'), [id]);
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: `Order ${id}` }).waitFor({ state: 'detached' });
  assert.deepEqual(of(page, 'order'), []);
});

test('filters narrow the search, count, and are taken away again', async (t) => {
  const page = await open(t, '/');
  await hits(page).first().waitFor();
  const restaurant = page.getByRole('group', { name: 'Restaurant' });
  const label = restaurant.locator('label').first();
  const [value, n] = [await label.locator('.value').innerText(), Number(await label.locator('.count').innerText())];
  await label.click();
  await counts(page, undefined, { restaurant: { in: [value] } });
  assert.ok((await number(page)) >= n, 'as many as were counted, and what was ordered since');
  assert.deepEqual(of(page, 'restaurant'), [value]);
  assert.ok((await restaurant.locator('label').count()) > 1, 'what else could be chosen is still there');
  await restaurant.locator('label').nth(1).click();
  await until(async () => (await number(page)) > n);

  await page.getByRole('group', { name: 'City' }).locator('label').first().click();
  const city = of(page, 'city');
  await counts(page, undefined, { restaurant: { in: of(page, 'restaurant') }, city: { in: city } });
  await page.getByRole('button', { name: `Remove City: ${city[0]}` }).click();
  await until(async () => of(page, 'city').length === 0);
  await page.getByRole('button', { name: 'Clear all' }).click();
  await counts(page);
  assert.equal(new URL(page.url()).search, '');
});

test('a total is chosen by a range or by amounts, and days by a month or by dates', async (t) => {
  const page = await open(t, '/');
  await hits(page).first().waitFor();
  const range = page.locator('.ranges button:enabled').nth(1);
  const n = Number((await range.locator('.count').innerText()).replace(/\D/g, ''));
  const all = await number(page);
  await range.click();
  await until(async () => (await number(page)) >= n && (await number(page)) < all); // and what was ordered since
  assert.equal(await range.getAttribute('aria-pressed'), 'true');
  const totals = page.getByRole('group', { name: /^Total/ });
  await totals.getByLabel('From').fill('30');
  await totals.getByLabel('From').press('Enter');
  await totals.getByLabel('To').fill('');
  await totals.getByLabel('To').press('Enter');
  await counts(page, undefined, { total: { gte: '30' } });
  assert.deepEqual([of(page, 'min'), of(page, 'max')], [['30'], []]);

  await page.getByRole('group', { name: 'Orders by month' }).getByRole('button').last().click();
  await until(async () => of(page, 'from').length === 1);
  assert.match(of(page, 'from')[0], /^\d{4}-\d\d-01$/);
  const placed = page.getByRole('group', { name: 'Placed', exact: true });
  await placed.getByLabel('From', { exact: true }).fill('2020-01-01');
  await placed.getByLabel('To', { exact: true }).fill('2020-01-31');
  await page.locator('.empty').waitFor();
  await page.locator('.empty').getByRole('button', { name: /^Without placed/ }).click();
  await counts(page, undefined, { total: { gte: '30' } });
});

test('sorting, and pages that Back and a reload find again', async (t) => {
  const page = await open(t, '/?sort=dearest');
  await hits(page).nth(19).waitFor();
  const amounts = (await page.locator('.hit .total').allInnerTexts()).map((text) => Number(text.replace(/[^\d.]/g, '')));
  assert.deepEqual(amounts, amounts.toSorted((a, b) => b - a));
  assert.deepEqual(await page.getByLabel('Sort by').getByText('Best match first').count(), 0, 'without words');
  const ids = () => page.locator('.hit .id').allInnerTexts();
  const first = await ids();

  const next = page.getByRole('link', { name: 'Next 20' });
  await next.scrollIntoViewIfNeeded();
  const y = await page.evaluate(() => scrollY);
  await next.click();
  await until(async () => (await ids())[0] !== first[0]);
  const second = await ids();
  assert.deepEqual(second.filter((id) => first.includes(id)), []);
  await until(() => page.evaluate(() => document.activeElement?.matches('.toolbar h2')));
  await page.reload();
  await hits(page).first().waitFor();
  assert.deepEqual(await ids(), second);
  await page.goBack();
  await until(async () => (await ids()).join() === first.join());
  await until(async () => Math.abs((await page.evaluate(() => scrollY)) - y) < 60);
  await page.getByRole('link', { name: 'Next 20' }).click();
  await until(async () => (await ids()).join() === second.join());
  await page.getByRole('link', { name: 'Previous 20' }).click();
  await until(async () => (await ids()).join() === first.join());
});

test('what was not understood is underlined where it stands, and explained', async (t) => {
  const page = await open(t, '/?q=' + encodeURIComponent('soup citty:Oakland total:cheap'));
  await settled(page);
  assert.deepEqual(await page.locator('.underlined span').allInnerTexts(), ['citty', 'total:cheap']);
  const warnings = await page.locator('.warnings li').allInnerTexts();
  assert.equal(warnings.length, 2);
  assert.match(warnings[0], /citty.*city/);
  const described = await box(page).getAttribute('aria-describedby');
  assert.match(await page.locator(`#${described}`).innerText(), /citty/);
  await box(page).fill('soup city: oakland');
  await page.getByText('Understood as').waitFor();
  await box(page).press('Escape'); // the suggestions are in front of it
  await page.getByRole('button', { name: 'write it so' }).click();
  assert.equal(await box(page).inputValue(), 'soup city:oakland');
});

test('where nothing is found, what is like the words is shown, or another word is offered', async (t) => {
  const page = await open(t, '/?q=vidnallo');
  await page.getByText('Shown is what is like them').waitFor();
  assert.ok((await hits(page).count()) > 0);
  await box(page).fill('xindaloo');
  const instead = page.locator('.instead a');
  await instead.waitFor();
  assert.equal(await instead.innerText(), 'vindaloo');
  await instead.click();
  assert.equal(await box(page).inputValue(), 'vindaloo');
  await page.locator('.hit mark').first().waitFor();
});

test('an empty result says what to leave out', async (t) => {
  const page = await open(t, '/?q=soup&status=DELIVERED&city=Nowhere');
  const empty = page.locator('.empty');
  await empty.waitFor();
  assert.equal(await found(page), '0 orders');
  await empty.getByRole('button', { name: 'Without city Nowhere' }).click();
  await until(() => of(page, 'city').length === 0);
  assert.deepEqual([of(page, 'q'), of(page, 'status')], [['soup'], ['DELIVERED']]);
});

test('a new order announces itself and moves nothing, and then changes before the eyes', async (t) => {
  const page = await open(t, '/?restaurant=Ajanta');
  await hits(page).first().waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  const before = await page.locator('.hit .id').allInnerTexts();
  const id = await place();
  const news = page.getByRole('button', { name: /new orders? – show/ });
  await news.waitFor();
  assert.deepEqual(await page.locator('.hit .id').allInnerTexts(), before);
  await news.click();
  await page.locator(`[data-order="${id}"]`).waitFor();
  const status = page.locator('.hit', { has: page.locator(`[data-order="${id}"]`) }).locator('.status');
  const was = await status.innerText();
  let asked = 0;
  page.on('request', (request) => request.method() === 'POST' && /query Orders/.test(request.postData() ?? '') && asked++);
  await until(async () => (await status.innerText()) !== was, 'another status', 30_000);
  assert.equal(asked, 0, 'searches for the change');
});

test('an order that no longer matches stays, and says so', async (t) => {
  const id = await place();
  const page = await open(t, `/?q=${encodeURIComponent(`orderId:${id} -status:ready -status:on-the-way -status:delivered`)}`);
  await page.locator(`[data-order="${id}"]`).waitFor();
  await page.locator('.hit.gone', { hasText: 'no longer matches' }).waitFor({ timeout: 60_000 });
});

test('a search that was under way does not undo what was told since', async (t) => {
  const id = await place();
  let hold;
  const held = new Promise((resolve) => (hold = resolve));
  let older;
  const page = await open(t, `/?q=orderId:${id}`, {
    prepare: (page) => page.route('**/graphql', async (route) => {
      if (!/query Orders/.test(route.request().postData() ?? '') || !older) {
        const response = await route.fetch();
        older ??= await response.body();
        return route.fulfill({ response });
      }
      hold();
      return route.fulfill({ contentType: 'application/json', body: older }); // what the view had at first
    }),
  });
  const status = page.locator('.hit .status');
  await status.waitFor();
  const was = await status.innerText();
  await until(async () => (await status.innerText()) !== was, 'another status', 30_000);
  await page.getByLabel('Sort by').selectOption('oldest'); // another search, of which the answer is old
  await held;
  await settled(page);
  assert.notEqual(await status.innerText(), was);
});

test('after a connection that was lost the page has what it missed', async (t) => {
  const page = await open(t, '/?restaurant=Ajanta', { expected: [/Failed to load resource|WebSocket|ERR_INTERNET_DISCONNECTED/] });
  await hits(page).first().waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  await page.context().setOffline(true);
  await page.getByText('Connection lost').waitFor();
  const id = await place();
  await until(async () => (await ask('query($id: ID!) { order(id: $id) { orderId } }', { id })).order);
  await page.context().setOffline(false);
  await page.locator(`[data-order="${id}"]`).waitFor();
});

test('a fault is told in plain words with the request’s id, and the list stays', async (t) => {
  const page = await open(t, '/', { expected: [/Failed to load resource/] });
  await hits(page).first().waitFor();
  const wrong = { errors: [{ message: 'x', extensions: { code: 'OVERLOADED', requestId: 'r-17' } }] };
  await page.route('**/graphql', (route) => route.fulfill({ status: 503, contentType: 'application/json', body: JSON.stringify(wrong) }));
  await page.getByLabel('Sort by').selectOption('oldest');
  const alert = page.getByRole('alert');
  await alert.waitFor();
  assert.match(await alert.innerText(), /busy[^]*r-17/);
  assert.ok((await page.locator('.hit').count()) > 0);
  await page.unroute('**/graphql');
  await alert.getByRole('button', { name: 'Try again' }).click();
  await alert.waitFor({ state: 'detached' });
});

test('a server that does not answer is said after a while, wherever it was asked', async (t) => {
  const page = await open(t, '/');
  await hits(page).first().locator('.id').click();
  await page.getByRole('button', { name: 'Ask the owners now' }).waitFor();
  let silent = true;
  await page.route(/graphql|consumers/, (route) => silent || route.continue());
  await page.getByRole('button', { name: 'Ask the owners now' }).click();
  await page.getByLabel('Sort by').selectOption('oldest');
  await page.getByRole('button', { name: 'Order something' }).click();
  const alerts = page.getByRole('alert').filter({ hasText: 'The server does not answer.' });
  await until(async () => (await alerts.count()) > 2, 'three are said', 60_000);
  silent = false;
  await page.keyboard.press('Escape');
  await page.getByRole('region', { name: 'Orders found' }).getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('region', { name: /^Order \d/ }).getByRole('button', { name: 'Try again' }).click();
  await page.getByText(/asked \d services in/).waitFor();
  await settled(page);
  assert.equal(await page.getByRole('alert').count(), 0);
});

test('the list is walked by the keyboard, and closing an order returns to it', async (t) => {
  const page = await open(t, '/');
  await hits(page).nth(4).waitFor();
  const ids = await page.locator('.hit .id').evaluateAll((links) => links.map((link) => link.dataset.order));
  await page.locator('.hit .id').first().focus();
  for (const key of ['j', 'ArrowDown', 'k', 'j']) {
    await page.keyboard.press(key);
  }
  const focused = () => page.evaluate(() => document.activeElement?.dataset.order);
  assert.equal(await focused(), ids[2]);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: `Order ${ids[2]}` }).waitFor();
  await page.keyboard.press('Escape');
  await until(async () => (await focused()) === ids[2]);
});

for (const colorScheme of ['light', 'dark']) {
  test(`nothing shuts anybody out, ${colorScheme}`, async (t) => {
    const page = await open(t, '/?q=soup+citty:x&sort=oldest', { colorScheme });
    await hits(page).first().waitFor();
    await accessible(page);
    await page.goto(page.url().replace(/\?.*/, '?q=soup&city=Nowhere&min=5'));
    await page.locator('.empty').waitFor();
    await accessible(page);
    await box(page).fill('chi');
    await page.getByRole('option').first().waitFor();
    await accessible(page);
  });
}

test('at 360 pixels nothing is cut off, and an open order takes the list’s place', async (t) => {
  const page = await open(t, '/', { viewport: { width: 360, height: 740 } });
  await hits(page).nth(9).waitFor();
  const wide = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok((await wide()) <= 0);
  await page.locator('.filters summary').click();
  assert.ok((await wide()) <= 0);
  await page.locator('.filters summary').click();
  await accessible(page);
  const hit = page.locator('.hit .id').nth(8);
  await hit.scrollIntoViewIfNeeded();
  const y = await page.evaluate(() => scrollY);
  await hit.click();
  await page.getByRole('heading', { name: /^Order \d/ }).waitFor();
  assert.equal(await page.locator('.find').isVisible(), false);
  assert.ok((await wide()) <= 0);
  await page.goBack();
  await page.locator('.find').waitFor();
  await until(async () => Math.abs((await page.evaluate(() => scrollY)) - y) < 60);
});

test('the words of a status offer it, in the suggestions and where nothing is found', async (t) => {
  const page = await open(t, '/');
  await hits(page).first().waitFor();
  await box(page).pressSequentially('soup on the wa', { delay: 20 });
  await page.getByRole('option', { name: /On the way/ }).click();
  assert.equal(await box(page).inputValue(), 'soup status:on-the-way ');
  await page.goto(new URL('/?q=payment+failed', page.url()).href);
  await page.getByRole('link', { name: 'orders that are “Payment failed”' }).click();
  assert.equal(await box(page).inputValue(), 'status:payment-failed');
  for (const [q, text, meant] of [['customer 17', 'customer 17', 'consumerId:17'], ['$66.00', 'a total of $66.00', 'total:66.00']]) {
    await page.goto(new URL(`/?q=${encodeURIComponent(q)}`, page.url()).href);
    await page.locator('.instead').getByRole('link', { name: text }).click();
    assert.equal(await box(page).inputValue(), meant);
  }
});

test('an order’s number may have # in front', async (t) => {
  const page = await open(t, '/');
  const id = await hits(page).locator('.id').first().getAttribute('data-order');
  await box(page).fill(`#${id}`);
  await until(async () => (await found(page)) === '1 order');
  assert.deepEqual(of(page, 'q'), [`#${id}`]);
});

test('the names of the filters are names in the search', async (t) => {
  const page = await open(t, '/?q=' + encodeURIComponent('dish:vindaloo restaurant:ajanta'));
  await settled(page);
  assert.equal(await page.locator('.warnings li').count(), 0);
  await counts(page, 'lineItems.name:vindaloo restaurant.name:ajanta');
});

test('where nothing of a search could be understood, that is said', async (t) => {
  const page = await open(t, '/?q=citty:Oakland');
  const said = page.getByText('Nothing of the search could be understood.');
  await said.waitFor();
  await box(page).fill('soup citty:Oakland');
  await said.waitFor({ state: 'detached' });
});

test('that what is found is only like the words is said when they are complete', async (t) => {
  const page = await open(t, '/');
  await hits(page).first().waitFor();
  await box(page).pressSequentially('vindal', { delay: 20 });
  await page.locator('.hit mark').first().waitFor();
  const said = page.getByText('Shown is what is like them');
  assert.equal(await said.count(), 0);
  await box(page).press('Enter');
  await said.waitFor();
});

test('an impossible range says so, and long words break', async (t) => {
  const page = await open(t, `/?min=50&max=20&from=2026-03-02&to=2026-03-01&q=${'x'.repeat(500)}`);
  await page.locator('.empty').waitFor();
  for (const group of [/^Total/, /^Placed$/]) {
    const from = page.getByRole('group', { name: group }).getByLabel('From', { exact: true });
    assert.equal(await from.getAttribute('aria-invalid'), 'true');
    assert.match(await page.locator(`[id="${await from.getAttribute('aria-describedby')}"]`).innerText(), /no order is between them/);
  }
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)) <= 0);
  await accessible(page);
});

test('the orders are a skip link and two steps away', async (t) => {
  const page = await open(t, '/');
  await hits(page).first().waitFor();
  await page.getByRole('link', { name: 'Skip to the orders' }).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  assert.ok(await page.evaluate(() => document.activeElement?.matches('.hit .id')));
});

test('a page of the list that is gone leads to the first', async (t) => {
  const page = await open(t, '/?after=damaged');
  const alert = page.getByRole('alert');
  await alert.getByText('This page of the list is no longer there.').waitFor();
  await alert.getByRole('button', { name: 'To the first page' }).click();
  await hits(page).first().waitFor();
  assert.deepEqual(of(page, 'after'), []);
});

test('text of a hit can be selected, and all of the hit clicked', async (t) => {
  const page = await open(t, '/');
  const hit = page.locator('article').first();
  const id = await hit.getByRole('link').getAttribute('data-order');
  const name = hit.locator('.who strong');
  const { x, y, width, height } = await name.boundingBox();
  await page.mouse.move(x + 1, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width - 1, y + height / 2, { steps: 5 });
  await page.mouse.up();
  const selected = await page.evaluate(() => getSelection().toString());
  assert.ok(selected.length > 2 && (await name.innerText()).includes(selected), `selected is “${selected}”`);
  assert.equal(new URL(page.url()).searchParams.get('order'), null);

  const elsewhere = page.context().waitForEvent('page');
  await hit.locator('.items > span').first().click({ button: 'middle' });
  await (await elsewhere).waitForURL((to) => to.searchParams.get('order') === id);
  assert.equal(new URL(page.url()).searchParams.get('order'), null);

  await name.click();
  await page.getByRole('region', { name: `Order ${id}` }).waitFor();
  await page.goBack();
  const card = await hit.boundingBox();
  await page.mouse.click(card.x + card.width - 4, card.y + card.height - 4); // beside all text
  await page.getByRole('region', { name: `Order ${id}` }).waitFor();
});
