import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { accessible, close, open, until } from './browser.mjs';

after(close);

test('the tabs are links, and the address bar has them', async (t) => {
  const page = await open(t, '/');
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Views' }).click();
  assert.equal(new URL(page.url()).search, '?tab=views');
  await page.goBack();
  assert.equal(new URL(page.url()).search, '');
  await accessible(page);
});

test('the browser’s tab is named by what it shows', async (t) => {
  const page = await open(t, '/?q=soup');
  const named = (title) => until(async () => (await page.title()) === title, title);
  await named('soup · Orders');
  await page.locator('.hit .id').first().click();
  await named(`Order ${new URL(page.url()).searchParams.get('order')} · viewgate`);
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Views' }).click();
  await named('Views · viewgate');
  await page.goBack();
  await page.goBack();
  await named('soup · Orders');
});
