// Pages in a real browser, for the tests. A page fails its test by whatever it says on the console as an error, by an exception, by a
// request that leaves its origin, and by anything that the content security policy forbids.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

/** The running demo: make browser starts one. */
export const url = process.env.VIEWGATE_URL ?? 'http://127.0.0.1:8080';

/** The browser's program: Debian's, unless CHROMIUM names another. */
export const executable = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** What it is started with: it must ask nobody for anything by itself, and runs as root in containers. */
export const switches = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync',
];

let launched;

/** launch starts the browser, once for all tests of a file. close ends it. */
function launch() {
  launched ??= chromium.launch({ executablePath: executable, args: switches });
  return launched;
}

/** close ends the browser: after(close). */
export async function close() {
  await (await launched)?.close();
}

/**
 * open opens a path of the demo, or another demo's URL, in a browser of its own, with Playwright's options of a context. Answers the
 * page. expected are patterns of errors on the console that the test provokes.
 */
export async function open(t, path, { expected = [], prepare = async () => {}, ...options } = {}) {
  const browser = await launch();
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const wrong = [];
  const tell = (text) => expected.some((pattern) => pattern.test(text)) || wrong.push(text);
  page.on('console', (message) => message.type() === 'error' && tell(`console: ${message.text()} (${message.location().url})`));
  page.on('pageerror', (error) => tell(`exception: ${error.message}`));
  const origin = new URL(path, url).host;
  const stays = (to) => ['data:', 'blob:', 'about:'].includes(new URL(to).protocol) || new URL(to).host === origin;
  page.on('request', (request) => stays(request.url()) || tell(`left the origin: ${request.url()}`));
  page.on('websocket', (socket) => stays(socket.url()) || tell(`left the origin: ${socket.url()}`));
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`));
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(wrong, []);
  });
  await prepare(page, context);
  await page.goto(new URL(path, url).href);
  return page;
}

/** ask sends a GraphQL operation to the demo, or to what at names, beside the page. Answers its data. */
export async function ask(query, variables = {}, headers = {}, at = url) {
  const response = await fetch(new URL('/graphql', at), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  return data;
}

/** accessible fails where axe-core finds a serious violation in the page as it is. */
export async function accessible(page) {
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(axe); // not a script element, which the policy forbids
  const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  const serious = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  assert.deepEqual(serious, []);
}

/** until answers what a function does, as soon as that is true; it asks again for ten seconds, or as long as is given. */
export async function until(what, about = what.toString(), within = 10_000) {
  for (const end = Date.now() + within; ; ) {
    const is = await what();
    if (is) {
      return is;
    }
    assert.ok(Date.now() < end, `it did not come: ${about}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
