import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { accessible, ask, close, open, until } from './browser.mjs';

after(close);

/** stored waits until the view has an order that is so, and returns it. */
const stored = (id, is) => until(async () => {
  const { order } = await ask('query ($id: ID!) { order(id: $id) { state status } }', { id });
  return order && is(order) && order;
});

/** purchase orders two of the first dish, and returns the order's id. */
async function purchase(page) {
  await page.getByRole('button', { name: 'Order something' }).click();
  const dialog = page.getByRole('dialog', { name: 'Order as a customer would' });
  const send = dialog.getByRole('button', { name: 'Order', exact: true });
  await dialog.getByRole('spinbutton').first().waitFor();
  assert.equal(await send.isDisabled(), true);
  await dialog.getByRole('spinbutton').first().fill('2');
  await accessible(page);
  await send.click();
  const [, id] = /order (\d+) is at version 1/.exec(await dialog.getByText('The Order service answered').innerText());
  const atLeast = dialog.locator('dl > div', { hasText: 'AT_LEAST' });
  assert.match(await atLeast.innerText(), /version \d+, (placed|confirmed)[^]*Your write is in it/);
  await dialog.getByRole('button', { name: 'Watch it' }).click();
  return id;
}

test('who orders reads what they wrote, and changes it', async (t) => {
  const page = await open(t, '/');
  const id = await purchase(page);
  assert.equal(new URL(page.url()).searchParams.get('order'), id);
  const actions = page.getByRole('region', { name: 'As the customer' });
  await stored(id, (order) => order.state === 'APPROVED');

  await actions.getByRole('button', { name: 'Revise it…' }).click();
  await actions.getByRole('spinbutton').first().fill('5');
  await actions.getByRole('button', { name: 'Revise', exact: true }).click();
  await actions.getByText('Your write is in it').waitFor();
});

test('who cancels sees it at once, and then the end of it', async (t) => {
  const page = await open(t, '/');
  const id = await purchase(page);
  await stored(id, (order) => order.state === 'APPROVED');
  const actions = page.getByRole('region', { name: 'As the customer' });
  await actions.getByRole('button', { name: 'Cancel the order' }).click();
  await actions.getByText('Your write is in it').waitFor();
  const { status } = await stored(id, (order) => order.state !== 'CANCEL_PENDING');
  const names = { CANCELLED: 'Cancelled' }; // unless the kitchen had begun: then it goes on
  await page.getByRole('region', { name: `Order ${id}` }).getByText(names[status] ?? /Confirmed|Preparing|Ready|On the way|Delivered/).first().waitFor();
});

/** approved opens an order of one's own that can be changed, and answers what can be done with it. */
async function approved(page) {
  const id = await purchase(page);
  await stored(id, (order) => order.state === 'APPROVED');
  const actions = page.getByRole('region', { name: 'As the customer' });
  await until(() => actions.getByRole('button', { name: 'Cancel the order' }).isEnabled());
  return actions;
}

/** focused reports whether an element has the focus. */
const focused = (locator) => locator.evaluate((element) => element === document.activeElement);

test('Escape leaves the change of an order before it leaves the order', async (t) => {
  const page = await open(t, '/');
  const actions = await approved(page);
  const revise = actions.getByRole('button', { name: 'Revise it…' });
  await revise.press('Enter');
  const first = actions.getByRole('spinbutton').first();
  await until(() => focused(first));
  await first.press('5');
  await first.press('Escape');
  await until(() => focused(revise));
  await revise.press('Escape');
  await actions.waitFor({ state: 'detached' });
});

test('who cancels by the keyboard keeps their place', async (t) => {
  const page = await open(t, '/');
  const actions = await approved(page);
  const cancel = actions.getByRole('button', { name: 'Cancel the order' });
  await cancel.press('Enter');
  await actions.getByText('Your write is in it').waitFor();
  assert.equal(await cancel.isDisabled(), true);
  assert.equal(await focused(cancel), true);
  await page.keyboard.press('Escape');
  await actions.waitFor({ state: 'detached' });
});

test('what the services refuse is said', async (t) => {
  const { orderHistory } = await until(async () => {
    const data = await ask('{ orderHistory(query: "status:delivered", first: 1) { nodes { orderId } } }');
    return data.orderHistory.nodes.length > 0 && data;
  });
  const page = await open(t, `/?order=${orderHistory.nodes[0].orderId}`);
  const actions = page.getByRole('region', { name: 'As the customer' });
  await actions.getByText('An order can be cancelled and revised once it is approved').waitFor();
  assert.equal(await actions.getByRole('button', { name: 'Cancel the order' }).isDisabled(), true);
});

test('a service that says no', async (t) => {
  const page = await open(t, '/', {
    expected: [/409/],
    prepare: (page) => page.route('**/demo/orders', (route) => route.fulfill({ status: 409, json: { error: 'the restaurant is closed' } })),
  });
  await page.getByRole('button', { name: 'Order something' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('spinbutton').first().fill('1');
  await dialog.getByRole('button', { name: 'Order', exact: true }).click();
  await dialog.getByRole('alert').filter({ hasText: 'the restaurant is closed' }).waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
});

test('a server that cannot be reached can be left', async (t) => {
  let down = false;
  const page = await open(t, '/', {
    expected: [/ERR_FAILED/],
    prepare: (page) => page.route(/graphql|consumers/, (route) => (down ? route.abort() : route.fallback())),
  });
  await page.locator('article').first().waitFor();
  down = true;
  await page.getByRole('button', { name: 'Order something' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Try again' }).waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await dialog.waitFor({ state: 'hidden' });
});
