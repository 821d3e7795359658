// Hive Gateway: node hive.mjs SUPERGRAPH-FILE. It hands viewgate's headers on, both ways.
import { readFileSync } from 'node:fs';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import http from '@graphql-mesh/transport-http';
import { serve } from './process.mjs';

serve(createGatewayRuntime({
  supergraph: readFileSync(process.argv[2], 'utf8'),
  transports: { http },
  graphqlEndpoint: '/',
  landingPage: false,
  graphiql: false,
  logging: false,
  maskedErrors: false,
  deferStream: true,
  propagateHeaders: {
    fromClientToSubgraphs: ({ request }) => ({
      'viewgate-freshness': request.headers.get('viewgate-freshness') ?? undefined,
      'viewgate-token': request.headers.get('viewgate-token') ?? undefined,
    }),
    fromSubgraphsToClient: ({ response }) => ({ 'viewgate-token': response.headers.get('viewgate-token') ?? undefined }),
  },
}));
