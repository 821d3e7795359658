// The client of GraphQL over server-sent events, with distinct connections: node events.mjs URL. It prints what it is told, a
// line each, and ends when it has been told of version 3.
import { createClient } from 'graphql-sse';

const tell = (what, value) => console.log(`${what} ${JSON.stringify(value)}`);
process.stdin.on('end', () => process.exit()).resume();

const client = createClient({ url: process.argv[2], retryAttempts: 10, retry: async () => tell('again') });
for (const query of ['{ order(id: 1) { orderId } }', '{ nonsense }', 'subscription { ordersChanged(first: -1) { id } }']) {
  for await (const { data, errors } of client.iterate({ query })) tell('next', errors ? errors[0].extensions.code : data);
  tell('complete');
}
for await (const { data } of client.iterate({ query: 'subscription { orderChanged(id: 1) { version } }' })) {
  tell('next', data);
  if (data.orderChanged.version === 3) break;
}
process.exit();
