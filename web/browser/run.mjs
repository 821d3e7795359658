// Starts a demo of its own, and runs the tests of this directory against it in a browser: node browser/run.mjs [FILES…]
import { spawn } from 'node:child_process';
import { demo } from './demo.mjs';

const here = import.meta.dirname;
const running = await demo(['--orders', '300', '--rate', '20']);
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
