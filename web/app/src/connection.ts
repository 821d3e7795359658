import { createClient, type Client } from 'graphql-ws';
import { authorization } from './session';
import { store } from './store';

/** Whether changes reach the page. */
export type Connection =
  /** Nothing is followed. */
  | { state: 'idle' }
  | { state: 'connecting' }
  /** times counts the connections there have been: with each, something may have been missed before it. */
  | { state: 'connected'; times: number }
  | { state: 'lost'; since: Date };

export const connection = store<Connection>({ state: 'idle' });

const longestWait = 10_000; // between two tries, in milliseconds

/** wait ends when it is time to try again: later each time, and at once when the network is back. */
function wait(tries: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, Math.min(longestWait, 500 * 2 ** tries) * (0.75 + Math.random() / 2));
    addEventListener('online', done);
    function done() {
      clearTimeout(timer);
      removeEventListener('online', done);
      resolve();
    }
  });
}

/** connect returns a client of subscriptions, which connects when there is something to follow. */
export function connect(): Client {
  let times = 0;
  const url = new URL('/graphql', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  const client = createClient({
    url: url.href,
    connectionParams: authorization,
    keepAlive: 10_000,
    lazyCloseTimeout: 2_000,
    retryAttempts: Infinity,
    retryWait: wait,
    shouldRetry: () => true,
    on: {
      connecting: () => connection.get().state === 'idle' && connection.set({ state: 'connecting' }),
      connected: () => connection.set({ state: 'connected', times: ++times }),
      ping: (received) => !received && expectPong(),
      pong: (received) => received && clearTimeout(pong),
      closed: (event) => {
        clearTimeout(pong);
        const { state } = connection.get();
        if ((event as CloseEvent).code === 1000) {
          connection.set({ state: 'idle' });
        } else if (state !== 'lost') {
          connection.set({ state: 'lost', since: new Date() });
        }
      },
    },
  });
  let pong: ReturnType<typeof setTimeout> | undefined;
  // A network that is gone does not say so: without a pong within five seconds the connection is taken for lost.
  function expectPong() {
    clearTimeout(pong);
    pong = setTimeout(() => client.terminate(), 5_000);
  }
  addEventListener('offline', () => connection.get().state === 'connected' && client.terminate());
  return client;
}
