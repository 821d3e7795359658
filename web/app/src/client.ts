import { Client, fetchExchange, makeOperation, mapExchange, subscriptionExchange, type CombinedError } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { ask, unanswered } from './asking';
import { connect } from './connection';
import { newest } from './newest';
import { accepted, authorization, refused, type Refusal, type Session } from './session';

/** newClient returns a client of the gateway that the page comes from, with an empty cache, which speaks for a session. */
export function newClient(of: Session): { client: Client; close: () => void } {
  const { socket, close } = connect(of);
  const { keep, keys } = newest();
  const client = new Client({
    url: '/graphql',
    fetch: ask,
    preferGetMethod: false,
    exchanges: [
      mapExchange({ onOperation: (operation) => identify(operation, of), onError: (error) => {
        const why = refusalOf(error);
        if (why) {
          void refused(of, why);
        }
      } }), // before the cache, whose results are of what it was given
      cacheExchange({ keys }),
      mapExchange({ onResult: (result) => {
        keep(result.data);
        if (result.data) {
          accepted(of);
        }
      } }),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: (request) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ ...request, query: request.query ?? '' }, sink as never),
          }),
        }),
      }),
    ],
  });
  return { client, close };
}

/** refusalOf returns why the server does not take whoever asks; undefined where that is not what went wrong. */
function refusalOf({ graphQLErrors, response }: CombinedError): Refusal | undefined {
  const has = (code: string) => graphQLErrors.some(({ extensions }) => extensions?.code === code);
  if (has('UNAUTHENTICATED')) {
    return 'not taken';
  }
  return has('FORBIDDEN') && (response as Response | undefined)?.status === 403 ? 'no role' : undefined; // of fields it is not 403
}

/** identify gives a request its id, so that it can be told when something goes wrong, and says who asks. */
function identify(operation: Parameters<typeof makeOperation>[1], of: Session) {
  const requestId = Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, '0')).join('');
  return makeOperation(operation.kind, operation, {
    ...operation.context,
    requestId,
    fetchOptions: { headers: { ...authorization(of), 'X-Request-Id': requestId } },
  });
}

/** A fault in plain words. */
export interface Fault {
  message: string;
  /** What somebody who looks into it asks for; '' where there is none. */
  requestId: string;
  /** Nobody said who asks, the token is not taken, or it gives no role. */
  signIn: boolean;
  /** What was asked for is a page of a list that is no longer there. */
  pageGone: boolean;
}

const plain: Record<string, string> = {
  UNAUTHENTICATED: 'You are not signed in, or your access has ended.',
  FORBIDDEN: 'You may not see this.',
  RATE_LIMITED: 'Too many requests. Wait a moment.',
  OVERLOADED: 'The server is busy. Try again in a moment.',
  TIMEOUT: 'It took too long. Search for more words, or a shorter time.',
  UPSTREAM_UNAVAILABLE: 'A service that was asked does not answer. Try again in a moment.',
  QUERY_NOT_IN_SAFELIST: 'The gateway does not know this page’s queries: page and gateway are of different versions.',
  INTERNAL_SERVER_ERROR: 'Something went wrong on the server.',
};

/** faultOf says what went wrong, in the words of whoever looks at the page. */
export function faultOf(result: { error?: CombinedError; operation?: { context: object } }): Fault | undefined {
  const { error } = result;
  if (!error) {
    return undefined;
  }
  const first = error.graphQLErrors[0];
  const code = String(first?.extensions?.code ?? '');
  const refusal = refusalOf(error);
  const pageGone = first?.message.startsWith('not a cursor') ?? false;
  const id = first?.extensions?.requestId ?? (result.operation?.context as { requestId?: string } | undefined)?.requestId;
  return {
    message: pageGone ? 'This page of the list is no longer there.' : refusal === 'no role' ? 'Your token has no role here.' : first ? (plain[code] ?? first.message) : unanswered(error.networkError),
    requestId: String(id ?? ''),
    signIn: refusal !== undefined,
    pageGone,
  };
}
