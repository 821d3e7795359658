// Takes the pictures of README.md into doc/pictures: node browser/pictures.mjs. Needs img2webp and cwebp, of Debian's package webp.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { ask, executable, switches, until } from './browser.mjs';
import { demo } from './demo.mjs';

const pictures = join(import.meta.dirname, '../../doc/pictures');
const frames = mkdtempSync(join(tmpdir(), 'viewgate-pictures-'));
mkdirSync(pictures, { recursive: true });

const running = await demo(['--orders', '1200', '--rate', '20', '--speed', '2', '--seed', '7']);
const delivered = await until(async () => {
  const query = '{ orderHistory(query: "chicken status:delivered", first: 30) { nodes { orderId } } }';
  return (await ask(query, {}, {}, running.url)).orderHistory.nodes[25]?.orderId;
}, 'deliveries', 120_000);
const browser = await chromium.launch({ executablePath: executable, args: switches });

/** open opens a path in a window of its own. */
async function open(path, options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US', timezoneId: 'UTC', ...options });
  const page = await context.newPage();
  await page.goto(running.url + path);
  return page;
}

/** picture keeps what a page shows now. */
async function picture(page, name) {
  const file = join(frames, `${name}.png`);
  await page.screenshot({ path: file });
  execFileSync('cwebp', ['-quiet', '-q', '85', file, '-o', join(pictures, `${name}.webp`)]);
}

/** film keeps what a page shows, several times a second, until something is so. */
async function film(page, name, over) {
  const files = [];
  const interval = 250; // milliseconds
  for (const end = Date.now() + 60_000; Date.now() < end && !(await over()); ) {
    const file = join(frames, `${name}-${String(files.length).padStart(4, '0')}.png`);
    await page.screenshot({ path: file });
    files.push(file);
    await page.waitForTimeout(interval);
  }
  execFileSync('img2webp', ['-loop', '0', '-lossy', '-q', '60', '-m', '4', '-d', '300', ...files, '-o', join(pictures, `${name}.webp`)]);
  return files.length;
}

const search = await open(`/?q=chicken&order=${delivered}`);
await search.getByRole('region', { name: `Order ${delivered}` }).getByRole('img').first().waitFor();
await picture(search, 'search');
await search.context().close();

const dark = await open(`/?order=${delivered}`, { viewport: { width: 390, height: 800 }, colorScheme: 'dark' });
await dark.getByRole('region', { name: `Order ${delivered}` }).getByRole('img').first().waitFor();
await picture(dark, 'order-on-a-phone');
await dark.context().close();

const playground = await open('/playground', { viewport: { width: 1280, height: 1000 } });
await playground.getByRole('tab', { name: 'FreshBesideEventual' }).click();
await until(async () => { // until the fresh answer is ahead
  await playground.getByRole('button', { name: /execute query/i }).click();
  await playground.waitForTimeout(500);
  return playground.locator('.result-window .CodeMirror').evaluate(({ CodeMirror: shown }) => {
    const text = shown.getValue();
    const { data } = JSON.parse(text || '{}');
    shown.scrollTo(0, shown.heightAtLine(2, 'local'));
    return data && JSON.stringify(data.eventual) !== JSON.stringify(data.fresh);
  });
}, 'a fresh answer that is ahead', 60_000);
await picture(playground, 'playground');
await playground.context().close();

// A customer orders, and support watches what happens to it.
const live = await open('/', { viewport: { width: 1280, height: 720 } });
await live.getByRole('button', { name: 'Order something' }).click();
const dialog = live.getByRole('dialog');
await dialog.getByRole('spinbutton').first().fill('2');
await dialog.getByRole('button', { name: 'Order', exact: true }).click();
await dialog.getByRole('button', { name: 'Watch it' }).click();
const id = new URL(live.url()).searchParams.get('order');
const watched = live.getByRole('region', { name: `Order ${id}` });
await watched.waitFor();
const seen = await film(live, 'live-order', async () => (await watched.locator('.status').first().innerText()) === 'Delivered');
console.log(`${pictures}: ${seen} frames of order ${id}`);

await browser.close();
await running.stop();
rmSync(frames, { recursive: true });
