// Apollo Server over Elasticsearch, as somebody writes it who has a view in Elasticsearch and no gateway: the official
// clients, a loader for each request, and a resolver for what is not in the document as the schema wants it.
//
//	node server.mjs <Elasticsearch> <index> <file with the search to send, in which WORD is the word>
//
// It prints its URL, and ends when its standard input does.
import { readFileSync } from "node:fs";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { Client } from "@elastic/elasticsearch";
import DataLoader from "dataloader";

const [node, index, searchFile] = process.argv.slice(2);
const elasticsearch = new Client({ node });
const template = readFileSync(searchFile, "utf8");

const typeDefs = `
  type Query {
    order(id: ID!): Order
    orderHistory(query: String!, first: Int!): OrderConnection!
  }
  type OrderConnection { total: Count! nodes: [Order!]! facets: Facets! }
  type Count { count: Int! }
  type Facets { status: Facet! restaurant: Facet! city: Facet! }
  type Facet { values: [FacetValue!]! others: Int! }
  type FacetValue { value: String! count: Int! }
  type Order {
    orderId: ID! version: Int! createdAt: String! state: String! status: String! total: Money!
    restaurant: Restaurant! lineItems: [LineItem!]! deliveryAddress: Address
    ticket: Part delivery: Part bill: Part
  }
  type Money { amount: String! currency: String! }
  type Restaurant { restaurantId: ID! name: String }
  type LineItem { menuItemId: ID! name: String! quantity: Int! }
  type Address { street1: String! city: String! }
  type Part { state: String! version: Int! }
`;

const facet = (answer, name) => {
  const values = answer.aggregations[name].buckets.map(({ key, doc_count }) => ({ value: key, count: doc_count }));
  return { values, others: Math.max(0, answer.aggregations[name + "every"].value - values.length) };
};

const resolvers = {
  Query: {
    order: (_, { id }, { orders }) => orders.load(id),
    orderHistory: async (_, { query, first }) => {
      const answer = await elasticsearch.search({ index, ...JSON.parse(template.replaceAll("WORD", query.toLowerCase())) });
      return {
        total: { count: answer.hits.total.value },
        nodes: answer.hits.hits.slice(0, first).map((hit) => hit._source),
        facets: { status: facet(answer, "0"), restaurant: facet(answer, "1"), city: facet(answer, "2") },
      };
    },
  },
};

const server = new ApolloServer({ typeDefs, resolvers });
const { url } = await startStandaloneServer(server, {
  listen: { port: 0, host: "127.0.0.1" },
  context: async () => ({
    orders: new DataLoader(async (ids) => {
      const { docs } = await elasticsearch.mget({ index, ids });
      return docs.map((doc) => (doc.found ? doc._source : null));
    }),
  }),
});
process.stdin.on("end", () => process.exit()).resume();
console.log(url);
