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

test('a token that is not good is said', async (t) => {
  const page = await open(t, guarded.url, {
    expected: [/401/, /WebSocket/],
    prepare: (page) => page.addInitScript(() => sessionStorage.setItem('viewgate session', JSON.stringify({ token: 'x', who: 'nobody' }))),
  });
  const alert = page.getByRole('alert').first();
  await alert.filter({ hasText: 'You are not signed in, or your access has ended.' }).waitFor();
  assert.match(await alert.innerText(), /Request [0-9a-f]{16}/);
});
