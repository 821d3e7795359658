// What people type into the search that is not in its language.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ask, close, open, until } from './browser.mjs';

after(close);

const box = (page) => page.getByRole('combobox', { name: 'Search orders' });
const found = (page) => page.locator('.toolbar h2').innerText();
const of = (page, name) => new URL(page.url()).searchParams.get(name);

/** ids returns the numbers of two orders. */
async function ids() {
  const { orderHistory } = await ask('{ orderHistory(first: 2) { edges { node { orderId } } } }');
  return orderHistory.edges.map(({ node }) => node.orderId);
}

test('an order’s number is found as people paste it', async (t) => {
  const [id] = await ids();
  const page = await open(t, '/');
  for (const pasted of [`${id},`, ` #${id}. `, `Order #${id}.`, `order ${id}`, `Order: ${id};`, `Order no. ${id}`]) {
    await box(page).fill(pasted);
    await until(async () => (await found(page)) === '1 order' && (await page.locator('.hits .id').getAttribute('data-order')) === id, pasted);
    await box(page).fill('zzzzqq');
    await page.locator('.empty').waitFor();
  }
});

test('a link to an order may have # in front, and blanks', async (t) => {
  const [id] = await ids();
  const page = await open(t, `/?order=${encodeURIComponent(`#${id} `)}`);
  await page.getByRole('heading', { name: `Order ${id}` }).waitFor();
  await page.locator('.details .status').first().waitFor();
});

test('numbers in groups, and several of them, are offered as they may be meant', async (t) => {
  const [a, b] = await ids();
  const page = await open(t, '/');
  for (const [pasted, text, finds] of [
    [`${a.slice(0, -3)} ${a.slice(-3)}`, `order ${a}`, '1 order'],
    [`${a} ${b}`, `orders ${a}, ${b}`, '2 orders'],
    [`orders #${a}, #${b}`, `orders ${a}, ${b}`, '2 orders'],
  ]) {
    await box(page).fill(pasted);
    await page.locator('.instead').getByRole('link', { name: text }).click();
    await until(async () => (await found(page)) === finds, pasted);
  }
});

test('numbers of customers and others, other spellings and days are offered', async (t) => {
  const page = await open(t, '/');
  for (const [q, text, meant] of [
    ['customer 7', 'orders of customer 7', 'consumerId:7'],
    ['customer:7', 'orders of customer 7', 'consumerId:7'],
    ['consumer #7', 'orders of consumer 7', 'consumerId:7'],
    ['consumer:7', 'orders of consumer 7', 'consumerId:7'],
    ['restaurant 99', 'orders of restaurant 99', 'restaurantId:99'],
    ['canceled', 'orders that are “Cancelled”', 'status:cancelled'],
  ]) {
    await box(page).fill(q);
    await box(page).press('Enter');
    await page.locator('.instead').getByRole('link', { name: text }).click();
    assert.equal(of(page, 'q'), meant);
  }
  await box(page).fill('vindaloo today');
  await page.locator('.instead').getByRole('link', { name: 'vindaloo placed today' }).click();
  assert.equal(of(page, 'q'), 'vindaloo');
  assert.equal(of(page, 'from'), of(page, 'to'));
  assert.match(of(page, 'from'), /^\d{4}-\d\d-\d\d$/);
});

test('a day typed as one in UTC is offered where the reader is', async (t) => {
  const page = await open(t, '/?q=createdAt:1999-11-29', { timezoneId: 'Asia/Tokyo' });
  await page.locator('.instead').getByRole('link', { name: 'orders placed on Nov 29, 1999 in your time zone' }).click();
  assert.deepEqual([of(page, 'q'), of(page, 'from'), of(page, 'to')], [null, '1999-11-29', '1999-11-29']);
});
