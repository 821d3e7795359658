'use strict';

// GraphiQL on /graphql. A link may bring a query of its own: /playground?query=...
(() => {
  const defaultQuery = `# The orders that match some words, newest first.
# Ctrl-Enter runs the query, Ctrl-Space completes, and the book at the left has the documentation.
query Orders($words: String) {
  orderHistory(query: $words, first: 10) {
    total { count precision }
    nodes {
      orderId
      createdAt
      status
      total { amount currency }
      consumer { consumerId name }
      restaurant { name }
      lineItems { quantity name }
      ticket { state readyBy }
      delivery { state estimatedDeliveryTime }
      bill { state amount { amount } }
      timeline { type at aggregate version }
    }
    pageInfo { hasNextPage endCursor }
  }
}

# One order as its owners know it now. extensions.freshness in the answer tells where it came from.
query FreshOrder($id: ID = "1000000") {
  order(id: $id, freshness: { mode: FRESH }) {
    status
    version
    ticket { state version }
    delivery { state version }
    bill { state version }
  }
}

# One order as it is, and whenever it changes, until you stop it.
subscription FollowOrder($id: ID = "1000000") {
  orderChanged(id: $id) {
    status
    version
    ticket { state version }
    delivery { state version }
    bill { state version }
  }
}
`;
  const socket = new URL('/graphql', location.href);
  socket.protocol = socket.protocol.replace('http', 'ws');
  const linked = new URLSearchParams(location.search).get('query');
  ReactDOM.createRoot(document.getElementById('graphiql')).render(
    React.createElement(GraphiQL, {
      fetcher: GraphiQL.createFetcher({ url: '/graphql', subscriptionUrl: socket.href }),
      defaultQuery,
      query: linked || undefined,
      isHeadersEditorEnabled: true,
      shouldPersistHeaders: false, // they may hold a token
    }),
  );
})();
