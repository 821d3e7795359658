// Demos and gateways to look at: the program as it is in this repository, on ports of its own.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const repository = join(import.meta.dirname, '../..');
let built;

/** program builds viewgate, once, or takes the one that VIEWGATE_PROGRAM names. */
function program() {
  if (!built) {
    const directory = mkdtempSync(join(tmpdir(), 'viewgate-browser-'));
    built = process.env.VIEWGATE_PROGRAM ?? join(directory, 'viewgate');
    process.on('exit', () => rmSync(directory, { recursive: true }));
    if (!process.env.VIEWGATE_PROGRAM) {
      execFileSync('go', ['build', '-o', built, '.'], { cwd: repository, stdio: 'inherit' });
    }
  }
  return built;
}

/** demo starts a demo with these arguments. Answers its URL, the Order service's, its Kafka's address, and how to stop it, when it is ready. */
export async function demo(args = []) {
  const { found: [url, orders, kafka], stop } = await start(
    ['demo', '--addr', '127.0.0.1:0', '--broker-addr', '127.0.0.1:0', '--services-port', '0', ...args],
    'stdout', [/GraphQL +(\S+)\/graphql/, /order (http:\S+),/, /Kafka +(\S+)/],
  );
  return { url, orders, kafka, stop };
}

/** serve starts a gateway with these arguments. Answers its URL, and how to stop it, when it is ready. */
export async function serve(args) {
  const { found: [url], stop } = await start(['serve', '--addr', '127.0.0.1:0', ...args], 'stderr', [/graphql=(\S+)\/graphql/]);
  return { url, stop };
}

/** start starts the program, and waits until what it says has all of the patterns, and it is ready at the first one's URL. */
async function start(args, where, patterns) {
  const child = spawn(program(), args, {
    stdio: ['ignore', where === 'stdout' ? 'pipe' : 'inherit', where === 'stderr' ? 'pipe' : 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const kill = () => child.kill('SIGTERM');
  process.on('exit', kill); // whoever fails has not stopped it
  const stop = async () => {
    kill();
    await ended;
    process.off('exit', kill);
  };
  let said = '';
  const found = await new Promise((resolve, reject) => {
    child[where].on('data', (text) => {
      said += text;
      const found = patterns.map((pattern) => pattern.exec(said)?.[1]);
      if (found.every(Boolean)) {
        resolve(found);
      }
    });
    ended.then((code) => reject(new Error(`it ended by itself, with ${code}: ${said}`)));
  });
  for (const until = Date.now() + 30_000; !(await ready(found[0])); ) {
    if (Date.now() > until) {
      await stop();
      throw new Error('it is not ready within 30 seconds: see its /readyz');
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { found, stop };
}

/** ready asks one whether it is. One that does not answer within five seconds is not. */
async function ready(url) {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) })).ok;
  } catch {
    return false;
  }
}
