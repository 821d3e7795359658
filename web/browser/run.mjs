// Starts a demo of its own, and runs the tests of this directory against it in a browser: node browser/run.mjs [FILES…]
import { spawn } from 'node:child_process';
import { demo } from './demo.mjs';

const here = import.meta.dirname;
const orders = 300;
const running = await demo(['--orders', String(orders), '--rate', '40']);
while ((await placed()) < orders) { // from here on those are new that a test places
  await new Promise((resolve) => setTimeout(resolve, 200));
}
const files = process.argv.slice(2);
const tests = spawn(
  process.execPath,
  ['--test', '--test-concurrency=2', ...(files.length > 0 ? files : [here])],
  { stdio: 'inherit', env: { ...process.env, VIEWGATE_URL: running.url, ORDER_SERVICE_URL: running.orders } },
);
tests.on('exit', async (code) => {
  await running.stop();
  process.exit(code ?? 1);
});

/** placed returns how many orders the demo's view has. */
async function placed() {
  const response = await fetch(`${running.url}/graphql?query={orderHistory{total{count}}}`);
  return (await response.json()).data.orderHistory.total.count;
}
