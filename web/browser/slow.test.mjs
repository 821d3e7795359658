// The search page while an answer is on its way.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { close, open, until } from './browser.mjs';

after(close);

const box = (page) => page.getByRole('combobox', { name: 'Search orders' });
const heading = (page) => page.locator('.toolbar h2');
const opacity = (locator) => locator.evaluate((element) => Number(getComputedStyle(element).opacity));

/** holding opens a path and lets searches through until hold is called; what it answers lets the held ones through. */
async function holding(t, path) {
  let held;
  const page = await open(t, path, {
    prepare: (page) => page.route('**/graphql', async (route) => {
      if (/query Orders/.test(route.request().postData() ?? '')) {
        await held;
      }
      await route.continue().catch(() => {}); // what is searched for no longer has been given up
    }),
  });
  const hold = () => {
    let release;
    held = new Promise((resolve) => (release = resolve));
    t.after(release);
    return release;
  };
  return { page, hold };
}

test('while a search is under way, nothing of the one before is said to be found by it', async (t) => {
  const { page, hold } = await holding(t, '/');
  await page.locator('.hits[aria-busy=false]').waitFor();
  const all = await heading(page).innerText();
  const release = hold();
  await box(page).fill('vindaloo');
  await until(async () => (await heading(page).innerText()) === 'Searching…');
  await page.getByRole('status').getByText('Searching…').waitFor({ state: 'attached' });
  assert.equal(await page.locator('.hits').getAttribute('aria-busy'), 'true');
  assert.equal(await page.getByRole('complementary', { name: 'Filters' }).getAttribute('aria-busy'), 'true');
  for (const old of [page.locator('.hits'), page.locator('.checklist .count').first(), page.locator('.months')]) {
    await until(async () => (await opacity(old)) < 0.6);
  }
  release();
  await until(async () => /^[\d,]+ orders?$/.test(await heading(page).innerText()));
  assert.notEqual(await heading(page).innerText(), all);
  for (const now of [heading(page), page.locator('.hits'), page.locator('.checklist .count').first()]) {
    await until(async () => (await opacity(now)) === 1);
  }
});

test('that nothing was found is said of no search that is under way', async (t) => {
  const { page, hold } = await holding(t, '/?q=zzzzqq');
  await page.locator('.empty').waitFor();
  const release = hold();
  await box(page).fill('curry');
  await page.locator('.empty').waitFor({ state: 'detached' });
  await page.getByLabel('Orders are being searched').waitFor();
  await until(async () => (await heading(page).innerText()) === 'Searching…');
  release();
  await page.locator('.hits[aria-busy=false] mark').first().waitFor();
});
