// Apollo Client: node apollo.mjs URL. It prints each state of a query with @defer, and what queries come to whose documents
// are persisted.
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { Defer20220824Handler } from '@apollo/client/incremental';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { createHash } from 'node:crypto';

const uri = process.argv[2];
const tell = (what, value) => console.log(`${what} ${JSON.stringify(value)}`);

const client = new ApolloClient({
  link: new HttpLink({ uri }), cache: new InMemoryCache(), incrementalHandler: new Defer20220824Handler(),
});
const deferring = gql`{ order(id: 1) { orderId consumer { consumerId ... @defer(label: "h") { orderHistory { total { count } } } } } }`;
await new Promise((resolve) => {
  client.watchQuery({ query: deferring }).subscribe(({ data, dataState, error }) => {
    if (dataState === 'empty' && !error) return;
    tell(dataState, error ? error.message : data);
    if (dataState === 'complete' || error) resolve();
  });
});
await client.query({ query: gql`{ order(id: 1) { nonsense } }` }).catch((e) => tell(e.name, e.errors[0].extensions.code));

const bodies = [];
const persisted = new ApolloClient({
  link: new PersistedQueryLink({ sha256: (text) => createHash('sha256').update(text).digest('hex') }).concat(
    new HttpLink({ uri, fetch: (url, options) => { bodies.push(JSON.parse(options.body)); return fetch(url, options); } })),
  cache: new InMemoryCache(), defaultOptions: { query: { fetchPolicy: 'no-cache' } },
});
for (const id of [1, 2]) {
  const { data } = await persisted.query({
    query: gql`query Persisted($id: ID!) { order(id: $id) { orderId } }`, variables: { id },
  });
  tell('persisted', data);
}
tell('texts', bodies.map((b) => 'query' in b));
process.exit();
