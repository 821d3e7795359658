// How the list of the order search page follows changes, with orders that nothing happens to but what a test does.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask, close, open, until } from './browser.mjs';
import { demo } from './demo.mjs';
import { cancel, place, revise } from './orders.mjs';

let calm;
before(async () => {
  calm = await demo(['--orders', '0', '--speed', '0.001']);
});
after(close);
after(() => calm?.stop());

/** stored waits until the view has an order that is so. */
const stored = (id, is) => until(async () => {
  const { order } = await ask('query ($id: ID!) { order(id: $id) { state status lineItems { quantity } } }', { id }, {}, calm.url);
  return order && is(order);
}, `order ${id}, ${is}`, 60_000);

/** placed places orders one after the other, and answers their ids when they are approved. */
async function placed(...orders) {
  const ids = [];
  for (const dishes of orders) {
    ids.push(await place(dishes, calm.orders));
  }
  for (const id of ids) {
    await stored(id, (order) => order.state === 'APPROVED');
  }
  return ids;
}

async function cancelled(id) {
  await cancel(id, calm.orders);
  await stored(id, (order) => order.status === 'CANCELLED');
}

const ids = (page) => page.locator('.hits[aria-busy=false] .id').evaluateAll((links) => links.map((link) => link.dataset.order));
const pill = (page, text) => page.getByRole('button', { name: `${text} – show`, exact: true });

/** turned waits until another page of the list is there, and answers its ids. */
const turned = (page, from) => until(async () => {
  const now = await ids(page);
  return now.length > 0 && now[0] !== from[0] && now;
}, 'another page');

/** looked opens a search, and waits until it is followed. */
async function looked(t, path) {
  const page = await open(t, new URL(path, calm.url).href);
  await page.locator('.hits[aria-busy=false], .empty').waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  return page;
}

test('an older order that begins to match announces itself', async (t) => {
  const [older, newer] = await placed({ 1: 1 }, { 1: 1 });
  await cancelled(newer);
  const page = await looked(t, '/?status=CANCELLED');
  assert.deepEqual(await ids(page), [newer]);
  await cancelled(older);
  await pill(page, '1 new order').click();
  await until(async () => (await ids(page)).join() === [newer, older].join());
  await pill(page, '1 new order').waitFor({ state: 'detached' });
});

test('in every order what would be on the page announces itself, and moves nothing', async (t) => {
  await placed({ 1: 1 });
  const count = (await ids(await looked(t, '/'))).length;
  const pages = [];
  for (const sort of ['newest', 'oldest', 'dearest', 'cheapest', 'relevance']) {
    pages.push(await looked(t, `/?sort=${sort}&q=orderId:*`));
  }
  const before = await Promise.all(pages.map(ids));
  const [id] = await placed({ 1: 3 });
  for (const [i, page] of pages.entries()) {
    await pill(page, '1 new order').waitFor();
    assert.deepEqual(await ids(page), before[i]);
    assert.equal(before[i].length, count);
    await pill(page, '1 new order').click();
    await until(async () => (await ids(page)).includes(id));
  }
});

test('an order that would be at another place announces itself', async (t) => {
  const [dear] = await placed({ 1: 9 });
  const page = await looked(t, '/?sort=dearest');
  assert.equal((await ids(page))[0], dear);
  await revise(dear, { 1: 1 }, calm.orders);
  await stored(dear, ({ state, lineItems }) => state === 'APPROVED' && lineItems[0].quantity === 1);
  await pill(page, '1 changed order').waitFor();
  assert.equal((await ids(page))[0], dear);
  await pill(page, '1 changed order').click();
  await turned(page, [dear]);
});

test('the first page is followed however one comes to it, and no other tells of what is before it', async (t) => {
  await placed(...Array(22).fill({ 1: 1 }));
  const page = await looked(t, '/');
  const first = await ids(page);
  await page.getByRole('link', { name: 'Next 20' }).click();
  const second = await turned(page, first);
  const elsewhere = await looked(t, new URL(page.url()).search);
  assert.deepEqual(await ids(elsewhere), second);
  await page.getByRole('link', { name: 'Previous 20' }).click();
  await until(async () => (await ids(page)).join() === first.join());
  const [one] = await placed({ 1: 1 });
  await pill(page, '1 new order').waitFor();
  await page.goBack();
  await until(async () => (await ids(page)).join() === second.join());
  await page.getByRole('link', { name: 'Previous 20' }).click(); // before which there is one now
  await until(async () => (await ids(page)).join() === first.join());
  const [other] = await placed({ 1: 1 });
  await pill(page, '2 new orders').click();
  await until(async () => (await ids(page)).slice(0, 2).join() === [other, one].join());
  assert.equal(new URL(page.url()).search, '');
  assert.equal(await elsewhere.getByRole('button', { name: /– show/ }).count(), 0);
});

const hit = (page, id) => page.locator('.hit', { has: page.locator(`[data-order="${id}"]`) });

test('a hit that no longer matches says so, in whatever order and on whatever page', async (t) => {
  const [first, second] = await placed(...Array(22).fill({ 1: 6 }));
  const page = await looked(t, '/?sort=oldest&status=CONFIRMED&q=lineItems.quantity:6');
  assert.deepEqual((await ids(page)).slice(0, 2), [first, second]);
  await page.getByRole('link', { name: 'Next 20' }).click();
  const [last] = await turned(page, [first]);
  await cancelled(last);
  await hit(page, last).getByText('no longer matches').waitFor();
  await page.goBack();
  await until(async () => (await ids(page))[0] === first);
  await cancelled(second);
  await hit(page, second).getByText('no longer matches').waitFor();
  assert.equal((await ids(page))[1], second);
  await pill(page, '1 changed order').click();
  await until(async () => !(await ids(page)).includes(second));
});

test('what changes before changes are followed is not missed', async (t) => {
  const [changed, other] = await placed({ 1: 7 }, { 1: 7 });
  let follow;
  const followed = new Promise((resolve) => (follow = resolve));
  const page = await open(t, `${calm.url}/?sort=oldest&status=CONFIRMED&q=lineItems.quantity:7`, {
    prepare: (page) => page.routeWebSocket('**/graphql', (socket) => {
      const server = socket.connectToServer();
      socket.onMessage(async (message) => {
        await followed;
        server.send(message);
      });
    }),
  });
  await until(async () => (await ids(page)).join() === [changed, other].join());
  await cancelled(changed);
  const [added] = await placed({ 1: 7 });
  follow();
  await hit(page, changed).getByText('no longer matches').waitFor();
  await hit(page, changed).getByText('Cancelled').waitFor();
  await pill(page, '1 new, 1 changed orders').click();
  await until(async () => (await ids(page)).join() === [other, added].join());
});

test('an order that is opened again shows nothing of two times', async (t) => {
  const [id] = await placed({ 1: 1, 2: 2 });
  let answer;
  let answered;
  const page = await open(t, calm.url, {
    prepare: async (page) => {
      await page.route('**/graphql', async (route) => {
        await (/query Order\(/.test(route.request().postData() ?? '') && answered);
        await route.continue();
      });
      await page.routeWebSocket('**/graphql', (socket) => {
        const server = socket.connectToServer();
        socket.onMessage(async (message) => {
          await (message.includes('OrderChanges') && answered);
          server.send(message);
        });
      });
    },
  });
  const items = page.locator('.details .items');
  const price = (row) => items.getByRole('row').nth(row).getByRole('cell').nth(1).innerText();
  await hit(page, id).locator('.id').click();
  await items.getByRole('row').nth(3).waitFor();
  const [one, other] = [await price(1), await price(2)];
  assert.notEqual(one, other);
  await page.keyboard.press('Escape');
  await items.waitFor({ state: 'detached' });
  await revise(id, { 1: 0 }, calm.orders);
  await until(async () => (await hit(page, id).locator('.items > span').count()) === 1);
  answered = new Promise((resolve) => (answer = resolve));
  await hit(page, id).locator('.id').click();
  const details = page.getByRole('region', { name: `Order ${id}` });
  await details.getByText('Reading the order…').or(items).first().waitFor();
  if ((await items.count()) > 0) {
    assert.equal(await price(1), other, 'before the answer');
  }
  answer();
  await until(async () => (await items.getByRole('row').count()) === 3);
  assert.equal(await price(1), other);
});

test('what comes where nothing was found appears by itself', async (t) => {
  const page = await looked(t, '/?q=lineItems.quantity:8');
  await page.locator('.empty').waitFor();
  const [id] = await placed({ 1: 8 });
  await hit(page, id).waitFor();
  const [other] = await placed({ 1: 8 });
  await pill(page, '1 new order').waitFor();
  assert.equal(await hit(page, other).count(), 0);
});
