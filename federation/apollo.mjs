// Apollo Gateway in Apollo Server: node apollo.mjs SUPERGRAPH-FILE. It hands viewgate's headers on, both ways.
import { readFileSync } from 'node:fs';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway';
import { told } from './process.mjs';

class Passing extends RemoteGraphQLDataSource {
  willSendRequest({ request, context }) {
    for (const name of ['viewgate-freshness', 'viewgate-token']) {
      const value = context.headers?.[name]; // the gateway's own calls have no client
      if (value) request.http.headers.set(name, value);
    }
  }
  didReceiveResponse({ response, context }) {
    const token = response.http.headers.get('viewgate-token');
    if (token) context.tokens?.push(token);
    return response;
  }
}

const server = new ApolloServer({
  gateway: new ApolloGateway({
    supergraphSdl: readFileSync(process.argv[2], 'utf8'),
    buildService: ({ url }) => new Passing({ url }),
  }),
  plugins: [{
    async requestDidStart() {
      return {
        async willSendResponse({ response, contextValue: { tokens } }) {
          if (tokens.length > 0) response.http.headers.set('viewgate-token', tokens.join(','));
        },
      };
    },
  }],
});
const { url } = await startStandaloneServer(server, {
  listen: { host: '127.0.0.1', port: 0 },
  context: async ({ req }) => ({ headers: req.headers, tokens: [] }),
});
told(url);
