import { useClient } from '@urql/preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Sort } from '../address';
import { connection } from '../connection';
import { ChangesDocument, type OrdersQueryVariables } from '../operations';
import { useStore } from '../store';
import type { Answer } from './answer';
import { pageSize } from './asked';
import { changesOf, type Changes, type Told } from './changes';

const pause = 5_000; // until what the server has ended is begun again, in milliseconds
const every = 100; // milliseconds between two drawings of what has been told: at a rush, there is time for nothing else otherwise
const unchanged: Changes = { arrived: 0, gone: new Set(), moved: 0 };
const most = 500; // orders of which is remembered what was told

/** useLive follows what matches a query, and tells what is not to be seen of it in the answer. */
export function useLive(variables: OrdersQueryVariables, sort: Sort, answer: Answer | undefined): Changes {
  const client = useClient();
  const { query, filter, after, before } = variables;
  const first = !after && !before;
  const key = JSON.stringify([query, filter, first && sort === 'newest']);
  const [told, setTold] = useState<Map<string, Told>>(new Map());
  const [turn, setTurn] = useState(0);
  const is = useStore(connection);
  const times = is.state === 'connected' ? is.times : 0;
  useEffect(() => setTold(new Map()), [key, times]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let drawing: ReturnType<typeof setTimeout> | undefined;
    let news: [string, Told][] = [];
    const draw = () => {
      const all = news;
      [news, drawing] = [[], undefined];
      setTold((told) => new Map([...told, ...all].slice(-most)));
    };
    const begin = { query, filter, first: first && sort === 'newest' ? pageSize : 0 };
    const { unsubscribe } = client.subscription(ChangesDocument, begin).subscribe(({ data, error, extensions }) => {
      if (error) {
        timer = setTimeout(() => setTurn((turn) => turn + 1), pause);
      } else if (data) {
        const order = data.ordersChanged;
        news.push([order.id, { order, matches: extensions?.matches !== false, at: performance.now() }]);
        drawing ??= setTimeout(draw, every);
      }
    });
    return () => {
      clearTimeout(timer);
      clearTimeout(drawing);
      unsubscribe();
    };
  }, [client, key, turn]);
  return useMemo(() => (answer ? changesOf(answer, told, sort) : unchanged), [told, answer, sort]);
}
