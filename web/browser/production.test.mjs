import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { close, open, until } from './browser.mjs';
import { demo } from './demo.mjs';

// In production the schema is told to nobody, and of documents only those are answered that are known: the page's own are.
const documents = mkdtempSync(join(tmpdir(), 'viewgate-documents-'));
writeFileSync(join(documents, 'other.graphql'), '{ orderHistory(first: 1) { total { count } } }');
let strict;
before(async () => {
  strict = await demo([
    '--orders', '40', '--rate', '20', '--speed', '20', '--auth', 'demo', '--production', '--persisted-only', '--persisted-documents', documents,
  ]);
});
after(close);
after(async () => {
  await strict?.stop();
  rmSync(documents, { recursive: true });
});

test('the order search page works in production', async (t) => {
  const page = await open(t, strict.url);
  const hits = page.locator('article.hit');
  await until(async () => (await hits.count()) > 5 || (await page.reload(), false));
  assert.equal(await page.getByRole('link', { name: 'Playground' }).count(), 0);

  const box = page.getByRole('combobox', { name: 'Search orders' });
  await box.fill('delivered chick'); // suggests, searches, and asks what was meant
  await page.getByRole('option').first().waitFor();
  await box.fill('zzzz');
  await box.press('Enter');
  await page.getByText('No order has all of these words.').waitFor();
  await box.fill('');
  await box.press('Enter');

  await hits.first().getByRole('link').click();
  const details = page.getByRole('region', { name: /^Order \d+/ });
  await details.getByRole('button', { name: 'Ask the owners now' }).click();
  await details.getByText(/asked \d services in/).waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  assert.equal(await page.getByRole('alert').count(), 0);
});

test('nobody else’s documents are answered', async () => {
  const token = await (await fetch(`${strict.url}/demo/token?role=support`)).text();
  const response = await fetch(`${strict.url}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: '{ orderHistory(first: 2) { total { count } } }' }),
  });
  assert.equal((await response.json()).errors[0].extensions.code, 'QUERY_NOT_IN_SAFELIST');
});
