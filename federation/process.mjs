// What the processes of the test have in common: they say where they listen, and end when the test does.
import { createServer } from 'node:http';

// serve listens on a port of this machine that is free, and prints the URL.
export function serve(listener) {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1', () => told(`http://127.0.0.1:${server.address().port}`));
}

export function told(url) {
  console.log(url);
  process.stdin.on('end', () => process.exit()).resume();
}
