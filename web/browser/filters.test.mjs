// The filters of the search page, as links have them and as they are typed.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ask, close, open, until } from './browser.mjs';

after(close);

const hits = (page) => page.locator('.hits:not([aria-busy=true]) article');
const found = (page) => page.locator('.toolbar h2').innerText();
const of = (page, name) => new URL(page.url()).searchParams.getAll(name);
const placed = (page) => page.getByRole('group', { name: 'Placed', exact: true });
const chips = (page) => page.getByRole('list', { name: 'Chosen filters' }).getByRole('button').allInnerTexts();

const total = async (filter) => (await ask(
  'query($filter: OrderFilter) { orderHistory(filter: $filter, first: 1) { total { count } } }', { filter })).orderHistory.total.count;

test('a link’s status is chosen however it is written, and what is none is not chosen', async (t) => {
  const page = await open(t, '/');
  for (const [search, statuses] of [['status=cancelled', ['Cancelled']], ['status=FOO&status=', []], ['status=foo&status=Payment-failed', ['Payment failed']]]) {
    const is = { in: statuses.map((status) => status.toUpperCase().replace(' ', '_')) };
    await until(async () => { // orders may have gone on in between
      await page.goto(new URL(`/?${search}`, page.url()).href);
      await page.locator('.hits[aria-busy=false]').waitFor();
      return Number((await found(page)).replace(/\D/g, '')) === (await total(statuses.length > 0 ? { status: is } : {}));
    }, search, 40_000);
    assert.equal(await page.locator('.chips').count(), statuses.length);
    const checked = page.getByRole('group', { name: 'Status' }).locator('label:has(:checked) .value');
    assert.deepEqual(await checked.allInnerTexts(), statuses);
  }
});

test('a link’s days that are none are left out', async (t) => {
  const all = await total();
  const page = await open(t, '/');
  for (const search of ['from=2026-02-30&to=2026-02-31', 'from=2026-13-45', 'to=2027-02-29', 'from=yesterday']) {
    await page.goto(new URL(`/?${search}`, page.url()).href);
    await hits(page).first().waitFor();
    assert.equal(await page.locator('.chips').count(), 0, search);
    const n = Number((await found(page)).replace(/\D/g, ''));
    assert.ok(n >= all && n <= await total(), `${search}: ${n}, of ${all} or more`); // what was ordered meanwhile is among them
  }
  await page.goto(new URL('/?to=2028-02-29', page.url()).href);
  await hits(page).first().waitFor();
  assert.match((await chips(page)).join(), /Feb 29, 2028/);
});

test('a day that is typed is one step, and one that is picked is taken at once', async (t) => {
  const page = await open(t, '/');
  await hits(page).first().waitFor();
  const steps = await page.evaluate(() => history.length);
  const from = placed(page).getByLabel('From', { exact: true });
  await from.focus();
  await page.keyboard.type('11282020');
  assert.equal(await from.inputValue(), '2020-11-28');
  assert.deepEqual(of(page, 'from'), []);
  await page.keyboard.press('Enter');
  await until(() => of(page, 'from')[0] === '2020-11-28');
  await from.blur();
  await from.focus();
  await page.keyboard.type('11292020');
  await placed(page).getByLabel('To', { exact: true }).focus();
  await until(() => of(page, 'from')[0] === '2020-11-29');
  assert.equal(await page.evaluate(() => history.length), steps + 2);
  await placed(page).getByLabel('To', { exact: true }).fill('2999-01-01'); // no key is pressed: the calendar's way
  await until(() => of(page, 'to')[0] === '2999-01-01');
  await page.goBack();
  await page.goBack();
  await until(async () => (await from.inputValue()) === '2020-11-28');
});

test('an amount that cannot be is said to be not searched for', async (t) => {
  const page = await open(t, '/');
  await hits(page).first().waitFor();
  const from = page.getByRole('group', { name: /^Total/ }).getByLabel('From');
  await from.fill('-5');
  await from.press('Enter');
  assert.equal(await from.getAttribute('aria-invalid'), 'true');
  assert.match(await page.locator(`[id="${await from.getAttribute('aria-describedby')}"]`).innerText(), /not searched for/);
  assert.deepEqual(of(page, 'min'), []);
  await from.fill('5');
  await from.press('Enter');
  await until(() => of(page, 'min')[0] === '5');
  assert.equal(await from.getAttribute('aria-invalid'), 'false');
});

test('where the reader is not in UTC, it is said what is', async (t) => {
  const page = await open(t, '/', { timezoneId: 'Asia/Tokyo' });
  await hits(page).first().waitFor();
  const months = page.getByRole('group', { name: 'Orders by month' });
  const said = page.locator(`[id="${await months.getAttribute('aria-describedby')}"]`);
  assert.match(await said.innerText(), /UTC.*Asia\/Tokyo/);
  await page.getByText('How to search').click();
  await page.getByText(/Times in a search are in UTC.*Asia\/Tokyo/).waitFor();
});
