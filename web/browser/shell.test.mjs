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

test('in the reader’s own few colours, nothing is told by ours alone', async (t) => {
  const page = await open(t, '/', { forcedColors: 'active' });
  await page.locator('.hits[aria-busy=false] .id').first().waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  const style = (selector, name, pseudo) => page.locator(selector).first().evaluate((at, [name, pseudo]) => getComputedStyle(at, pseudo)[name], [name, pseudo]);
  const ground = await style('body', 'backgroundColor');
  const bar = '.months button:enabled';
  assert.notEqual(await style(`${bar} > span`, 'backgroundColor'), await style(bar, 'backgroundColor'), 'a bar of the chart');
  assert.notEqual(await style('.connection', 'backgroundColor', '::before'), ground, 'the dot of the connection');
  assert.equal(await style('.bar nav [aria-current]', 'textDecorationLine'), 'underline', 'the tab');
  assert.equal(await style('.spans button', 'borderTopWidth'), '1px');
  await page.locator('.spans button').first().click();
  await until(async () => (await style('.spans button', 'borderTopWidth')) === '3px', 'a pressed button');
  await page.locator('.hits[aria-busy=false] .id').first().click();
  await until(async () => (await style('.hit.open', 'outlineStyle')) === 'solid', 'the open hit');
});
