// What the pages cost a reader: bytes, the first paint and when they can be used. node browser/measure.mjs prints a table.
// Interactive is the end of the last long task (50 ms or more) before five quiet seconds, or the first paint, as Lighthouse has it.
import { cpus } from 'node:os';
import { chromium } from 'playwright-core';
import { executable, switches } from './browser.mjs';
import { demo } from './demo.mjs';

const rounds = 5;
const networks = [
  { name: 'loopback, this machine', cpu: 1 },
  // The conditions of Lighthouse's mobile reports: 1.6 Mbit/s down, 0.75 Mbit/s up, 150 ms round trip.
  { name: 'slow 4G, a quarter of the CPU', cpu: 4, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 0.75e6 / 8 },
];
const pages = [['order search', '/'], ['playground', '/playground']];

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** visit loads a page with an empty cache, and returns what it took: times in milliseconds, bytes as they were sent. */
async function visit(browser, url, { cpu, name: _, ...network }) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const chrome = await context.newCDPSession(page);
  await chrome.send('Network.enable');
  await chrome.send('Emulation.setCPUThrottlingRate', { rate: cpu });
  if (network.latency) {
    await chrome.send('Network.emulateNetworkConditions', { offline: false, ...network });
  }
  let bytes = 0;
  let requests = 0;
  chrome.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
    requests++;
  });
  await page.addInitScript(() => {
    globalThis.tasks = [];
    new PerformanceObserver((list) => globalThis.tasks.push(...list.getEntries().map((e) => e.startTime + e.duration)))
      .observe({ type: 'longtask', buffered: true });
  });
  await page.goto(url, { waitUntil: 'load' });
  await page.evaluate(() => new Promise((resolve) => {
    const quiet = () => performance.now() - Math.max(...globalThis.tasks, 0) > 5000 && performance.now() > 5000;
    const timer = setInterval(() => quiet() && (clearInterval(timer), resolve()), 200);
    setTimeout(() => (clearInterval(timer), resolve()), 30_000);
  }));
  const [painted, busy] = await page.evaluate(() => [
    performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN, Math.max(...globalThis.tasks, 0),
  ]);
  await context.close();
  return { painted, interactive: Math.max(painted, busy), bytes, requests };
}

const running = await demo(['--orders', '200', '--rate', '50', '--speed', '20']);
const browser = await chromium.launch({ executablePath: executable, args: switches });
console.log(`${browser.browserType().name()} ${browser.version()}, ${cpus().length} × ${cpus()[0].model}, median of ${rounds}, empty cache\n`);
console.log('| page | conditions | first contentful paint | interactive | sent | requests |\n| --- | --- | --- | --- | --- | --- |');
for (const [name, path] of pages) {
  for (const network of networks) {
    const seen = [];
    for (let round = 0; round < rounds; round++) {
      seen.push(await visit(browser, running.url + path, network));
    }
    const of = (member) => median(seen.map((one) => one[member]));
    console.log(`| ${name} | ${network.name} | ${Math.round(of('painted'))} ms | ${Math.round(of('interactive'))} ms | ` +
      `${(of('bytes') / 1000).toFixed(1)} kB | ${of('requests')} |`);
  }
}
await browser.close();
await running.stop();
