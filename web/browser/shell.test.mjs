import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { accessible, close, open } from './browser.mjs';

after(close);

test('the tabs are links, and the address bar has them', async (t) => {
  const page = await open(t, '/');
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Views' }).click();
  assert.equal(new URL(page.url()).search, '?tab=views');
  await page.goBack();
  assert.equal(new URL(page.url()).search, '');
  await accessible(page);
});
