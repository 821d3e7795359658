import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, ask, close, open, until } from './browser.mjs';

after(close);

const search = 'query ($q: String) { orderHistory(query: $q, first: 1) { nodes { orderId } } }';

/** find answers the newest order that a search finds, once there is one; a demo's first is delivered within a minute. */
const find = (q) => until(async () => (await ask(search, { q })).orderHistory.nodes[0]?.orderId, q, 60_000);

let delivered;
before(async () => {
  delivered = await find('status:delivered');
});

const panel = (page) => page.getByRole('region', { name: /^Order \d/ });

/** shown opens an order's details, and waits until they are there. */
async function shown(t, id, options) {
  const page = await open(t, `/?order=${id}`, options);
  await panel(page).getByRole('heading', { name: 'Where it comes from' }).waitFor();
  return page;
}

test('details show the order, its parts and what happened', async (t) => {
  const page = await shown(t, delivered);
  const { order } = await ask(
    `query ($id: ID!) { order(id: $id) {
      consumer { name } restaurant { name } lineItems { name } deliveryAddress { street1 } ticket { version } delivery { version }
      timeline { type version }
    } }`,
    { id: delivered },
  );
  const details = panel(page);
  const text = await details.innerText();
  for (const what of ['Delivered', order.consumer.name, order.restaurant.name, order.deliveryAddress.street1, ...order.lineItems.map(({ name }) => name)]) {
    assert.ok(text.includes(what), `${what} is not there`);
  }
  const parts = details.getByRole('region', { name: 'Where it comes from' }).getByRole('listitem');
  assert.equal(await parts.count(), 4);
  assert.match(await parts.filter({ hasText: 'Kitchen' }).innerText(), new RegExp(`version ${order.ticket.version}\\b`));
  assert.match(await parts.filter({ hasText: 'Delivery' }).innerText(), new RegExp(`version ${order.delivery.version}\\b`));

  const events = details.getByRole('list', { name: 'Events, oldest first' }).getByRole('listitem');
  const types = await events.evaluateAll((items) => items.map((item) => item.querySelector('code').textContent));
  assert.deepEqual(types, order.timeline.map(({ type }) => type));
  const picture = details.getByRole('img', { name: `${types.length} events within` });
  assert.deepEqual(await picture.locator('text.service').allTextContents(), ['Order', 'Kitchen', 'Delivery', 'Accounting']);
  const titles = await picture.locator('.mark title').evaluateAll((all) => all.map((title) => title.textContent));
  assert.deepEqual(titles.map((title) => /, (\w+), version/.exec(title)[1]), types);
});

test('marks of the picture do not cover each other', async (t) => {
  const page = await shown(t, delivered, { viewport: { width: 360, height: 800 } });
  const marks = await page.locator('.picture circle').evaluateAll((all) => all.map((one) => ({ x: +one.getAttribute('cx'), y: +one.getAttribute('cy'), r: +one.getAttribute('r') })));
  assert.ok(marks.length > 0);
  marks.forEach((a, i) => marks.slice(i + 1).forEach((b) => assert.ok(a.y !== b.y || Math.abs(a.x - b.x) >= a.r + b.r, `at ${a.x} and ${b.x}`)));
});

test('pointing at an event of the picture shows it in the list, and the other way round', async (t) => {
  const page = await shown(t, delivered);
  await page.locator('.picture .mark').nth(2).hover();
  await page.locator('.events li.pointed').filter({ hasText: /./ }).waitFor();
  assert.equal(await page.locator('.events li').nth(2).getAttribute('class').then((c) => c.includes('pointed')), true);
  await page.locator('.events li').nth(1).hover();
  await page.locator('.picture .mark.pointed').filter({ hasText: '2' }).waitFor();
});

test('the owners are asked, and nothing differs', async (t) => {
  const page = await shown(t, delivered);
  await page.getByRole('button', { name: 'Ask the owners now' }).click();
  await page.getByText(/^Nothing differed: the view was up to date \(asked 4 services in \d/).waitFor();
  assert.equal(await panel(page).getByText('from the service', { exact: true }).count(), 4);
});

/** stepBack makes an order as it was before its last event. */
function stepBack(order) {
  return {
    ...order,
    status: 'ON_THE_WAY',
    delivery: { ...order.delivery, state: 'PICKED_UP', version: order.delivery.version - 1 },
    timeline: order.timeline.filter(({ type }) => type !== 'DeliveryDelivered'),
  };
}

/** behind stands between a page and a view: what that says of an order is behind, by a step. Answers how to send a change of it. */
async function behind(page, back = stepBack) {
  let tell;
  await page.routeWebSocket(/\/graphql$/, (socket) => {
    const send = (message) => socket.send(JSON.stringify(message));
    socket.onMessage((text) => {
      const { type, id, payload } = JSON.parse(text);
      if (type === 'connection_init') {
        send({ type: 'connection_ack' });
      } else if (type === 'subscribe' && payload.operationName === 'OrderChanges') {
        tell = (orderChanged, extensions) => send({ type: 'next', id, payload: { data: { __typename: 'Subscription', orderChanged }, extensions } });
      }
    });
  });
  let fresh, note;
  await page.route('**/graphql', async (route) => {
    const { operationName, variables } = route.request().postDataJSON();
    const response = await route.fetch();
    if (operationName !== 'Order') {
      return route.fulfill({ response });
    }
    const answer = await response.json();
    fresh = answer.data.order;
    note = answer.extensions.freshness[0];
    return route.fulfill({ response, json: variables.freshness ? answer : { ...answer, data: { ...answer.data, order: back(fresh) } } });
  });
  return { order: () => fresh, note: () => note, tell: (order, extensions) => tell(order, extensions), followed: () => until(() => tell, 'the subscription') };
}

test('the owners are asked, and what differed is told', async (t) => {
  const page = await open(t, '/?tab=views', { prepare: (page) => behind(page) });
  await page.goto(new URL(`/?order=${delivered}`, page.url()).href);
  await panel(page).getByText('On the way', { exact: true }).first().waitFor();
  await page.getByRole('button', { name: 'Ask the owners now' }).click();
  const table = panel(page).getByRole('table').filter({ hasText: 'Was shown' });
  await table.waitFor();
  const rows = await table.getByRole('row').allInnerTexts();
  assert.ok(rows.some((row) => /^Status\s+On the way\s+Delivered$/.test(row)), rows.join('; '));
  assert.ok(rows.some((row) => /^Delivery: state\s+Picked up\s+Delivered$/.test(row)), rows.join('; '));
  assert.ok(rows.some((row) => /^Event \d+\s+none\s+Delivered$/.test(row)), rows.join('; '));
  await panel(page).getByRole('status').filter({ hasText: 'Now: delivered' }).waitFor();
});

test('what the owners said is put away when the order has changed, and not when a courier moved', async (t) => {
  let view;
  const page = await open(t, `/?order=${delivered}`, { prepare: async (page) => (view = await behind(page)) });
  await view.followed();
  await page.getByRole('button', { name: 'Ask the owners now' }).click();
  const owners = panel(page).getByRole('region', { name: 'Is it up to date?' });
  await owners.getByText('What differed').waitFor();
  await owners.getByText(/^Asked .* ago$/).waitFor();
  const { order } = view;
  const moved = { ...order().delivery, version: order().delivery.version + 1, location: { __typename: 'Location', latitude: 1, longitude: 2 } };
  view.tell({ ...order(), delivery: moved });
  await panel(page).getByText('1.0000, 2.0000').waitFor();
  assert.equal(await owners.getByText('What differed').count(), 1);
  view.tell({ ...order(), delivery: moved, version: order().version + 1, state: 'CANCEL_PENDING' });
  await owners.getByText('The order has changed since the owners were asked.').waitFor();
  assert.equal(await owners.getByRole('table').count(), 0);
});

test('a version and a courier’s place are no differences', async (t) => {
  const before = (order) => ({
    ...order,
    delivery: { ...order.delivery, version: order.delivery.version - 1, location: { __typename: 'Location', latitude: 1, longitude: 2 } },
  });
  const page = await open(t, `/?order=${delivered}`, { prepare: (page) => behind(page, before) });
  await panel(page).getByText('1.0000, 2.0000').waitFor();
  await page.getByRole('button', { name: 'Ask the owners now' }).click();
  await page.getByText(/^Nothing differed/).waitFor();
  await panel(page).getByText('1.0000, 2.0000').waitFor({ state: 'detached' });
});

test('what the view says late does not take back what the owners said', async (t) => {
  let view;
  const page = await open(t, `/?order=${delivered}`, { prepare: async (page) => (view = await behind(page)) });
  await panel(page).getByText('On the way', { exact: true }).first().waitFor();
  await view.followed();
  await page.getByRole('button', { name: 'Ask the owners now' }).click();
  const status = panel(page).locator('dl .status');
  await status.filter({ hasText: 'Delivered' }).waitFor();
  await page.evaluate(() => {
    const details = document.querySelector('.details');
    new MutationObserver(() => (globalThis.wentBack ||= details.querySelector('dl .status').textContent !== 'Delivered'))
      .observe(details, { childList: true, subtree: true, characterData: true });
  });
  view.tell(stepBack(view.order()));
  view.tell({ ...view.order(), version: view.order().version + 1, state: 'CANCEL_PENDING' });
  await panel(page).getByText('Cancel pending').first().waitFor();
  assert.equal(await page.evaluate(() => globalThis.wentBack), false);
});

test('what the owners said is theirs until there is news', async (t) => {
  let view;
  const page = await open(t, `/?order=${delivered}`, { prepare: async (page) => (view = await behind(page)) });
  await view.followed();
  await page.getByRole('button', { name: 'Ask the owners now' }).click();
  const theirs = panel(page).getByText('From the services themselves', { exact: false });
  await theirs.first().waitFor();
  const { parts, ...note } = view.note();
  const ofTheView = (versions) => ({ freshness: [{ ...note, path: ['orderChanged'], source: 'VIEW', reason: 'satisfied', lagMs: 0, versions }] });
  view.tell(view.order(), ofTheView(note.versions));
  await page.waitForTimeout(300); // nothing is to happen
  assert.ok(await theirs.count() > 0);
  view.tell({ ...view.order(), version: view.order().version + 1, state: 'CANCEL_PENDING' },
    ofTheView(note.versions.map((one) => (one.aggregate === 'ORDER' ? { ...one, version: one.version + 1 } : one))));
  await panel(page).getByText('From the view', { exact: false }).first().waitFor();
});

test('an owner that cannot be asked is told in plain words', async (t) => {
  const page = await open(t, '/', {
    expected: [/503/],
    prepare: (page) => page.route('**/graphql', async (route) => {
      const { operationName, variables } = route.request().postDataJSON();
      if (operationName !== 'Order' || !variables.freshness) {
        return route.fallback();
      }
      const error = { message: 'upstream', extensions: { code: 'UPSTREAM_UNAVAILABLE', requestId: 'abc123' } };
      return route.fulfill({ status: 503, json: { data: null, errors: [error] } });
    }),
  });
  await page.goto(new URL(`/?order=${delivered}`, page.url()).href);
  await page.getByRole('button', { name: 'Ask the owners now' }).click();
  const alert = page.getByRole('alert');
  await alert.getByText('A service that was asked does not answer.').waitFor();
  await alert.getByText('abc123').waitFor();
  assert.ok(await panel(page).getByText('Delivered', { exact: true }).first().isVisible(), 'what was shown is gone');
});

/** place orders something at the demo's Order service. Answers the order's number. */
async function place() {
  const response = await fetch(new URL('/orders', process.env.ORDER_SERVICE_URL), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      consumerId: 1, restaurantId: 1, lineItems: [{ menuItemId: '1', quantity: 2 }],
      deliveryAddress: { street1: '9 Amazing View', city: 'Oakland', state: 'CA', zip: '94612' },
    }),
  });
  assert.equal(response.ok, true, await response.clone().text());
  const { orderId } = await response.json();
  return find(`orderId:${orderId}`);
}

test('an order changes before one’s eyes', async (t) => {
  const page = await shown(t, await place());
  const said = panel(page).getByRole('status').filter({ hasText: /^Now: / });
  await said.waitFor({ timeout: 60_000 });
  await page.locator('.details .flash').first().waitFor();
  const list = page.locator('.events li');
  const events = await list.count();
  await until(async () => (await list.count()) > events || (await said.innerText()) === 'Now: delivered');
});

test('an order that has not arrived yet is there when it has', async (t) => {
  const id = await place();
  let asked = 0;
  const page = await open(t, '/', {
    prepare: (page) => page.route('**/graphql', (route) => (
      route.request().postDataJSON().operationName === 'Order' && asked++ === 0 ? route.fulfill({ json: { data: { order: null } } }) : route.fallback()
    )),
  });
  await page.goto(new URL(`/?order=${id}`, page.url()).href);
  await panel(page).getByRole('heading', { name: 'Where it comes from' }).waitFor({ timeout: 60_000 });
});

test('a connection that is lost is said and mended, and the order is no older than before', async (t) => {
  const sockets = [];
  let refuse = false;
  const page = await open(t, '/', {
    expected: [/WebSocket/],
    prepare: (page) => page.routeWebSocket(/\/graphql$/, (socket) => {
      if (refuse) {
        return void socket.close({ code: 1011 });
      }
      socket.connectToServer();
      sockets.push(socket);
    }),
  });
  await page.goto(new URL(`/?order=${delivered}`, page.url()).href);
  await page.getByText('Live', { exact: true }).waitFor();
  const before = await page.locator('.events').innerText();
  refuse = true;
  await Promise.all(sockets.map((socket) => socket.close({ code: 1011 })));
  await page.getByText('Connection lost; trying again').waitFor();
  refuse = false;
  await page.getByText('Live', { exact: true }).waitFor();
  assert.equal(await page.locator('.events').innerText(), before);
});

test('an order that is not there is said to be not', async (t) => {
  const page = await open(t, '/?order=987654321');
  await page.getByText('There is no order with this number that you may see.').waitFor();
  await page.getByRole('button', { name: 'Look again' }).click();
  await accessible(page);
});

test('the keyboard alone opens, reads and closes an order', async (t) => {
  const page = await open(t, `/?q=orderId:${delivered}`);
  const hit = page.getByRole('link', { name: delivered });
  await hit.focus();
  await page.keyboard.press('Enter');
  await until(() => page.evaluate(() => document.activeElement?.id === 'order-heading'));
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Copy');
  await page.keyboard.press('Escape');
  await panel(page).waitFor({ state: 'detached' });
  await until(() => hit.evaluate((link) => link === document.activeElement));
});

test('Escape closes the order from wherever in the page', async (t) => {
  const page = await shown(t, delivered);
  const escape = async () => {
    await page.keyboard.press('Escape');
    await panel(page).waitFor({ state: 'detached' });
    await page.goBack();
    await panel(page).getByRole('heading', { name: 'Where it comes from' }).waitFor();
  };
  await panel(page).getByRole('heading', { name: 'Where it comes from' }).click();
  await escape();
  await page.getByRole('checkbox').first().click();
  await escape();
  await page.evaluate(() => document.activeElement.blur());
  await escape();
});

test('Escape closes first what is above the order', async (t) => {
  const page = await shown(t, delivered);
  const box = page.getByRole('combobox', { name: 'Search orders' });
  await box.pressSequentially('chick');
  await page.getByRole('option').first().waitFor();
  await box.press('Escape');
  await page.getByRole('option').first().waitFor({ state: 'hidden' });
  await box.press('Escape'); // empties the box
  assert.equal(await box.inputValue(), '');
  assert.equal(await panel(page).count(), 1);
  await page.getByRole('button', { name: 'Order something' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('spinbutton').first().waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  assert.equal(await panel(page).count(), 1);
  await page.keyboard.press('Escape');
  await panel(page).waitFor({ state: 'detached' });
});

for (const colorScheme of ['light', 'dark']) {
  test(`details are accessible, ${colorScheme}`, async (t) => {
    const page = await shown(t, delivered, { colorScheme, reducedMotion: 'reduce' });
    await page.getByRole('button', { name: 'Ask the owners now' }).click();
    await page.getByText(/asked 4 services/).waitFor();
    await accessible(page);
  });
}

for (const width of [360, 800, 1400]) {
  test(`details need no scrolling sideways, ${width} wide`, async (t) => {
    const page = await shown(t, delivered, { viewport: { width, height: 800 } });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), 'the page scrolls');
    assert.ok(await panel(page).evaluate((el) => el.scrollWidth <= el.clientWidth), 'the panel scrolls');
  });
}
