// Two subgraphs beside viewgate: reviews knows orders by their global ids, and whose they are by the services' own; tips
// knows them by the Order service's ids, and shares what an amount is.
import { buildSchema, execute, parse, validate } from 'graphql';
import { serve } from './process.mjs';

const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])\n`;
const global = (type, id) => Buffer.from(`${type}:${id}`).toString('base64url');

const reviews = [
  { id: 'r1', stars: 5, order: '1', consumer: '7', restaurant: '1' },
  { id: 'r2', stars: 2, order: '3', consumer: '7', restaurant: '2' },
  { id: 'r3', stars: 4, order: '1', consumer: '7', restaurant: '1' },
  { id: 'r4', stars: 1, order: '404', consumer: '404', restaurant: '404' },
];
const review = (r) => ({
  id: r.id,
  stars: r.stars,
  order: { __typename: 'Order', id: global('Order', r.order) },
  consumer: { __typename: 'Consumer', consumerId: r.consumer },
  restaurant: { __typename: 'Restaurant', restaurantId: r.restaurant },
});
const amount = (id) => ({ amount: `${id}.00`, currency: 'USD' });

const subgraphs = {
  '/reviews': subgraph(`${link}
    type Query {
      "The newest reviews."
      reviews: [Review!]!
    }
    "What somebody thought of an order."
    type Review @key(fields: "id") {
      id: ID!
      stars: Int!
      order: Order
      consumer: Consumer
      restaurant: Restaurant
    }
    type Order @key(fields: "id") {
      id: ID!
      reviews: [Review!]!
    }
    type Consumer @key(fields: "consumerId") {
      consumerId: ID!
    }
    type Restaurant @key(fields: "restaurantId", resolvable: false) {
      restaurantId: ID!
    }`, 'Review | Order | Consumer', { reviews: () => reviews.map(review) }, {
    Review: ({ id }) => review(reviews.find((r) => r.id === id)),
    Order: ({ id }) => ({ id, reviews: reviews.filter((r) => global('Order', r.order) === id).map(review) }),
    Consumer: (reference) => reference,
  }),
  '/tips': subgraph(`${link}
    type Query {
      "The orders with a tip."
      tipped: [Order]!
    }
    type Order @key(fields: "orderId") {
      orderId: ID!
      "What the courier was given."
      tip: Money!
    }
    type Money @shareable {
      amount: Decimal!
      currency: String!
    }
    scalar Decimal`, 'Order', {
    tipped: ['2', '1', '404', '2'].map((orderId) => ({ orderId, tip: amount(orderId) })),
  }, {
    Order: ({ orderId }) => ({ orderId, tip: amount(orderId) }),
  }),
};

// subgraph returns a schema with what a subgraph has beside its own, and its root.
function subgraph(sdl, entities, root, resolvers) {
  const schema = buildSchema(`${sdl.replace(link, '')}
    directive @key(fields: String!, resolvable: Boolean = true) repeatable on OBJECT
    directive @shareable repeatable on OBJECT | FIELD_DEFINITION
    scalar _Any
    union _Entity = ${entities}
    type _Service { sdl: String! }
    extend type Query { _entities(representations: [_Any!]!): [_Entity]! _service: _Service! }`);
  const _entities = ({ representations }) =>
    representations.map(({ __typename, ...reference }) => ({ __typename, ...resolvers[__typename](reference) }));
  return { schema, root: { ...root, _entities, _service: { sdl } } };
}

serve(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { query, variables } = JSON.parse(Buffer.concat(chunks));
  const { schema, root } = subgraphs[request.url];
  const document = parse(query);
  const errors = validate(schema, document);
  const result = errors.length > 0 ? { errors } : await execute({ schema, document, rootValue: root, variableValues: variables });
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(result));
});
