import { createClient, type Client } from 'graphql-ws';
import { accepted, authorization, refused, type Session } from './session';
import { store } from './store';

/** Whether changes reach the page. */
export type Connection =
  /** Nothing is followed. */
  | { state: 'idle' }
  | { state: 'connecting' }
  /** times counts the connections there have been: with each, something may have been missed before it. */
  | { state: 'connected'; times: number }
  | { state: 'lost'; since: Date }
  /** The server does not take the session. It is not asked again with the same. */
  | { state: 'refused' }
  /** The browser makes no WebSocket. */
  | { state: 'impossible' };

export const connection = store<Connection>({ state: 'idle' });

const longestWait = 10_000; // between two tries, in milliseconds
const refusals = [4401, 4403]; // codes with which the server closes a connection to whom it does not take
const noRole = 'Forbidden: no role'; // its reason where that is for want of a role

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

/** Unopened is in the place of a WebSocket that cannot be made, and stays closed. */
class Unopened {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly readyState = Unopened.CLOSED;
  close() {}
}

/** sockets returns what makes WebSockets, which calls back where it cannot: graphql-ws would wait for one for ever. */
function sockets(impossible: () => void): unknown {
  return new Proxy(globalThis.WebSocket ?? Unopened, {
    construct(target, given) {
      try {
        const socket = Reflect.construct(target, given) as WebSocket | Unopened;
        if (!(socket instanceof Unopened)) {
          return socket;
        }
      } catch {
        // said below
      }
      impossible();
      return new Unopened();
    },
  });
}

/** connect returns a client of subscriptions for a session, which connects when there is something to follow, and how to end it. */
export function connect(of: Session): { socket: Client; close: () => void } {
  let times = 0;
  let over = false; // what happens to it then is nothing that the page should know
  let stopped = false;
  const tell = (state: Connection) => over || connection.set(state);
  const url = new URL('/graphql', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  const socket = createClient({
    url: () => (stopped ? new Promise<string>(() => {}) : url.href), // once refused, it connects no more
    connectionParams: () => authorization(of),
    webSocketImpl: sockets(() => tell({ state: 'impossible' })),
    keepAlive: 10_000,
    lazyCloseTimeout: 2_000,
    retryAttempts: Infinity,
    retryWait: wait,
    shouldRetry: () => true,
    on: {
      connecting: () => connection.get().state === 'idle' && tell({ state: 'connecting' }),
      connected: () => {
        accepted(of);
        tell({ state: 'connected', times: ++times });
      },
      ping: (received) => !received && expectPong(),
      pong: (received) => received && clearTimeout(pong),
      closed: (event) => {
        clearTimeout(pong);
        const { code, reason } = event as CloseEvent;
        if (code === 1000) {
          tell({ state: 'idle' });
        } else if (refusals.includes(code)) {
          stopped = true;
          tell({ state: 'refused' });
          void refused(of, reason === noRole ? 'no role' : 'not taken');
        } else if (connection.get().state !== 'lost') {
          tell({ state: 'lost', since: new Date() });
        }
      },
    },
  });
  let pong: ReturnType<typeof setTimeout> | undefined;
  // A network that is gone does not say so: without a pong within five seconds the connection is taken for lost.
  function expectPong() {
    clearTimeout(pong);
    pong = setTimeout(() => socket.terminate(), 5_000);
  }
  const offline = () => connection.get().state === 'connected' && socket.terminate();
  addEventListener('offline', offline);
  return {
    socket,
    close() {
      tell({ state: 'idle' });
      over = true;
      removeEventListener('offline', offline);
      Promise.resolve(socket.dispose()).catch(() => {}); // it was not connected
    },
  };
}
