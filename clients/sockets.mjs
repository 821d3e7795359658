// The client of graphql-transport-ws: node sockets.mjs URL. It prints what it is told, a line each, and ends when it has been
// told of version 3.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const url = process.argv[2].replace(/^http/, 'ws');
const tell = (what, value) => console.log(`${what} ${JSON.stringify(value)}`);
process.stdin.on('end', () => process.exit()).resume();

const connect = (options) => createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, ...options });
const codes = (errors) => (Array.isArray(errors) ? errors.map((e) => e.extensions.code) : errors.code);

// What an operation comes to: its data, the codes of its errors, or the code of the connection's close.
async function ask(client, query, variables) {
  try {
    for await (const { data, errors } of client.iterate({ query, variables })) tell('next', errors ? codes(errors) : data);
    tell('complete');
  } catch (e) {
    tell('error', codes(e));
  }
}

const client = connect({ keepAlive: 50 });
await ask(client, 'query ($id: ID!) { order(id: $id) { orderId } }', { id: 1 });
await ask(client, '{ orderHistory(first: -1) { total { count } } }');
await ask(client, '{ nonsense }');
await ask(client, 'subscription { orderChanged(id: 1) { nonsense } }');
await ask(client, 'query ($n: Int) { orderHistory(first: $n) { total { count } } }', { n: '5' });
await client.dispose();

await ask(connect({ connectionParams: { Authorization: 'Mallory' } }), '{ __typename }');
const same = connect({ generateID: () => 'same' });
await Promise.all([0, 1].map(() => ask(same, 'subscription { orderChanged(id: 2) { orderId } }')));
await same.dispose();

// What the client never does, by hand.
for (const [protocol, ...messages] of [
  [[]], // no protocol
  ['graphql-transport-ws', 'no JSON'],
  ['graphql-transport-ws', '{"type":"start"}'],
  ['graphql-transport-ws', '{"type":"connection_init"}', '{"type":"subscribe","id":"1","payload":{"query":5}}'],
  ['graphql-transport-ws', '{"type":"subscribe","id":"1","payload":{"query":"{ __typename }"}}'],
  ['graphql-transport-ws', '{"type":"connection_init"}', '{"type":"connection_init"}'],
]) {
  const socket = new WebSocket(url, protocol, { handshakeTimeout: 60_000 });
  socket.on('open', () => messages.forEach((m) => socket.send(m)));
  tell('closed', await new Promise((resolve) => socket.on('close', resolve)));
}

// A subscription that outlives the server's process.
const lasting = connect({
  retryAttempts: 10, retryWait: async () => {}, on: { closed: ({ code }) => tell('closed', code) },
});
for await (const { data } of lasting.iterate({ query: 'subscription { orderChanged(id: 1) { version } }' })) {
  tell('next', data);
  if (data.orderChanged.version === 3) break;
}
await lasting.dispose();
process.exit();
