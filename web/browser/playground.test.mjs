import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask, close, open, until, url } from './browser.mjs';
import { demo } from './demo.mjs';

after(close);

// What the page says on purpose when somebody without a token asks.
const unauthorized = [/the server responded with a status of 401/];

const tab = (page, name) => page.getByRole('tab').getByRole('button', { name, exact: true });
const headers = (page) => page.locator('.graphiql-editor-tool .CodeMirror').last().evaluate(({ CodeMirror }) => CodeMirror.getValue());

/** claims answers what the token says that headers have. */
const claims = (text) => JSON.parse(Buffer.from(JSON.parse(text).Authorization.split('.')[1], 'base64url'));

/**
 * run runs the current tab. Answers the answer that is shown, as soon as there is one that is accepted. GraphiQL reads what is new in a
 * tab a moment later than it shows it, and until then runs what was there: it is asked again, twice at most.
 */
async function run(page, accept = () => true) {
  for (let tries = 1; ; tries++) {
    await page.getByRole('button', { name: /^Execute query/ }).click();
    try {
      return await shown(page, accept, 4_000);
    } catch (error) {
      if (tries === 3) {
        throw error;
      }
    }
  }
}

/** shown answers the answer that is shown, as soon as there is one that is accepted. */
function shown(page, accept, within = 10_000) {
  return until(async () => {
    const text = await page.locator('.result-window .CodeMirror').evaluate(({ CodeMirror }) => CodeMirror.getValue());
    try {
      const answer = JSON.parse(text);
      return accept(answer) && answer;
    } catch {
      return undefined; // nothing, or not yet
    }
  }, `an answer such as ${accept}`, within);
}

test('a search is answered, with all that extensions tell', async (t) => {
  const page = await open(t, '/playground');
  await tab(page, 'Search').click();
  const { data, extensions, errors } = await run(page, ({ data }) => data?.orderHistory.total.count > 0);
  assert.equal(errors, undefined);
  assert.ok(data.orderHistory.edges[0].highlights.length > 0);
  assert.equal(extensions.freshness[0].source, 'VIEW');
  assert.ok(extensions.cost.actual > 0);
  assert.match(JSON.stringify(extensions.search), /chicken/);
});

test('each example opens, and is answered', async (t) => {
  const page = await open(t, '/playground');
  await page.getByRole('button', { name: 'Show Examples' }).click();
  const panel = page.getByRole('region', { name: 'Examples' });
  const names = await panel.locator('code').allTextContents();
  assert.ok(names.length >= 8);
  for (const name of names) {
    await panel.getByRole('button').filter({ has: page.getByText(name, { exact: true }) }).click();
    await page.locator('.graphiql-tab-active', { hasText: name }).waitFor();
    assert.equal(await tab(page, name).count(), 1, `tabs of ${name}`);
    const answer = await run(page, ({ data }) => data && Object.values(data).every(Boolean));
    assert.equal(answer.errors, undefined, name);
  }
  await until(() => page.evaluate((n) => {
    const kept = Object.entries(localStorage).find(([name]) => name.endsWith('tabState'));
    return kept && JSON.parse(kept[1]).tabs.length === n;
  }, names.length));
  await page.reload(); // the tabs are kept, and an example that has one gets no other
  await page.getByRole('button', { name: 'Show Examples' }).click();
  await panel.getByRole('button').first().click();
  await until(async () => (await page.getByRole('tab').count()) >= names.length);
  assert.equal(await page.getByRole('tab').count(), names.length);
});

test('orders are followed over a WebSocket, until it is stopped', async (t) => {
  const page = await open(t, '/playground');
  const opened = page.waitForEvent('websocket');
  await tab(page, 'FollowOrders').click();
  const { extensions } = await run(page, ({ data }) => data?.ordersChanged.orderId);
  assert.equal(extensions.matches, true);
  const socket = await opened;
  assert.equal(socket.url(), `${url.replace('http', 'ws')}/graphql`);
  const ended = socket.isClosed() || socket.waitForEvent('close');
  await page.getByRole('button', { name: /^Stop query/ }).click();
  await ended;
});

test('a part that is deferred comes into the answer', async (t) => {
  const page = await open(t, '/playground');
  await page.getByRole('button', { name: 'Show Examples' }).click();
  await page.getByRole('button', { name: /Deferred/ }).click();
  const forms = [];
  page.on('response', (response) => response.url().endsWith('/graphql') && forms.push(response.headers()['content-type']));
  await run(page, ({ data }) => data?.consumer.summary.orders.count >= 0);
  assert.match(forms.at(-1), /^multipart\/mixed/);
});

test('a link has a query and its variables', async (t) => {
  const { orderHistory: { nodes: [{ orderId }] } } = await ask('{ orderHistory(first: 1) { nodes { orderId } } }');
  const link = new URLSearchParams({
    query: 'query Linked($id: ID!) { order(id: $id) { orderId } }', variables: JSON.stringify({ id: orderId }),
  });
  const page = await open(t, `/playground?${link}`);
  await page.locator('.graphiql-tab-active', { hasText: 'Linked' }).waitFor();
  assert.equal((await run(page, ({ data }) => data)).data.order.orderId, orderId);
  assert.equal(new URL(page.url()).search, '');
  const tabs = await page.getByRole('tab').count();
  await page.reload();
  await tab(page, 'Linked').waitFor();
  assert.equal(await page.getByRole('tab').count(), tabs);
});

test('completions, errors, documentation, menus and dialogs keep to the policy', async (t) => {
  const page = await open(t, '/playground');
  const write = async (text) => {
    await page.locator('.graphiql-query-editor .CodeMirror').click();
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText(text);
  };
  await page.getByRole('button', { name: 'New tab' }).click();
  await write('query A { __typename } query B { __typename }');
  await until(async () => { // as run
    await page.getByRole('button', { name: /^Execute query/ }).click();
    return page.getByRole('menuitem', { name: 'A' }).click({ timeout: 2_000 }).then(() => true, () => false);
  });
  await shown(page, ({ data }) => data?.__typename === 'Query');
  await write('{ orderHis');
  await page.keyboard.press('t'); // which opens the completions
  await page.locator('.CodeMirror-hint', { hasText: 'orderHistory' }).click();
  await write('{ orderHist { total { count } } }');
  await page.locator('.CodeMirror-lint-mark-error').first().hover();
  await page.getByText('Did you mean "orderHistory"').waitFor();
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await page.getByText('Root Types').waitFor();
  await page.getByRole('button', { name: 'Open settings dialog' }).click();
  await page.getByRole('dialog').waitFor();
});

test('it can be used without a mouse, and on a phone', async (t) => {
  const page = await open(t, '/playground', { viewport: { width: 360, height: 740 } });
  await page.locator('.graphiql-query-editor .CodeMirror').click();
  await page.keyboard.press('Control+Enter');
  await shown(page, ({ data }) => data?.orderHistory.nodes.length > 0);
  for (const part of ['.graphiql-query-editor', '.result-window']) {
    const { width } = await page.locator(part).boundingBox();
    assert.ok(width > 250, `${part} is ${width} pixels wide`);
  }
  await page.getByRole('link', { name: 'viewgate' }).click();
  await until(() => new URL(page.url()).pathname === '/');
});

test('with the tokens of a demo', async (t) => {
  let guarded;
  before(async () => {
    guarded = await demo(['--auth', 'demo', '--orders', '120', '--rate', '40', '--speed', '20']);
  });
  after(() => guarded.stop());

  await t.test('a consumer sees their own orders, by either way', async (t) => {
    const page = await open(t, `${guarded.url}/playground`);
    const all = await run(page, ({ data }) => new Set(data?.orderHistory.nodes.map((order) => order.consumer.consumerId)).size > 1);
    const [{ consumer: { consumerId } }] = all.data.orderHistory.nodes;
    await page.getByLabel('As', { exact: true }).selectOption('consumer');
    await page.getByLabel("The consumer's id").fill(consumerId);
    await until(async () => claims(await headers(page)).id === consumerId, 'the token is the consumer\'s');
    const own = await run(page, ({ data }) => data?.orderHistory.nodes.every((order) => order.consumer.consumerId === consumerId));
    assert.ok(own.data.orderHistory.total.count > 0);

    const opened = page.waitForEvent('websocket');
    await page.getByRole('button', { name: 'Show Examples' }).click();
    await page.getByRole('button', { name: /Orders as they change/ }).click();
    assert.equal(await page.getByLabel('As', { exact: true }).inputValue(), 'support', 'each tab has its own');
    const init = opened.then((socket) => socket.waitForEvent('framesent'));
    await run(page, ({ data }) => data?.ordersChanged);
    assert.match(JSON.parse((await init).payload).payload.Authorization, /^Bearer /);
  });

  await t.test('nobody without one', async (t) => {
    const page = await open(t, `${guarded.url}/playground`, { expected: unauthorized });
    await page.getByLabel('As', { exact: true }).selectOption('nobody');
    await until(async () => (await headers(page)) === '');
    const { errors } = await run(page, ({ errors }) => errors);
    assert.equal(errors[0].extensions.code, 'UNAUTHENTICATED');
  });

  await t.test('none is kept', async (t) => {
    const page = await open(t, `${guarded.url}/playground`);
    await run(page, ({ data }) => data);
    const kept = await until(() => page.evaluate(() => {
      const text = JSON.stringify({ ...localStorage });
      return text.includes('tabState') && text.includes('queries') && text;
    }), 'tabs and history are kept');
    assert.doesNotMatch(kept, /Bearer/);
  });
});

test('where the schema is private', async (t) => {
  const secret = await demo(['--introspection', 'off', '--orders', '20', '--rate', '40']);
  t.after(() => secret.stop());
  const page = await open(t, `${secret.url}/playground`);
  await run(page, ({ data }) => data?.orderHistory.nodes.length > 0);
});

for (const damaged of ['{', 'null', '{"tabs":7}', '{"tabs":[null],"activeTabIndex":0}', '{"tabs":[{"query":{}}],"activeTabIndex":0}']) {
  test(`tabs that were kept and are ${damaged} are thrown away`, async (t) => {
    const page = await open(t, '/playground', {
      prepare: (page) => page.addInitScript((text) => localStorage.setItem('viewgate:graphiql:tabState', text), damaged),
    });
    await tab(page, 'Search').waitFor();
  });
}

test('a browser that keeps nothing has a playground', async (t) => {
  const page = await open(t, '/playground', {
    prepare: (page) => page.addInitScript(() => {
      Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });
    }),
  });
  await tab(page, 'Search').waitFor();
});
