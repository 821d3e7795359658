import { useClient } from '@urql/preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Sort } from '../address';
import { connection } from '../connection';
import { ChangesDocument, type HitFragment, type OrdersQueryVariables } from '../operations';
import { useStore } from '../store';
import type { Answer } from './answer';
import { pageSize } from './asked';

const pause = 5_000; // until what the server has ended is begun again, in milliseconds
const every = 100; // milliseconds between two drawings of what has been told: at a rush, there is time for nothing else otherwise
const most = 500; // orders of which is remembered what was told

interface Told {
  order: HitFragment;
  matches: boolean;
}

/** What has changed since the page of hits was asked for. Changes of the hits themselves are in the cache. */
export interface Live {
  /** Ids of orders that would be on the page if it were asked for now. */
  arrived: string[];
  /** Ids of hits that no longer match. */
  gone: Set<string>;
}

/** useLive follows what matches a query, and tells what is not to be seen of it in the answer. */
export function useLive(variables: OrdersQueryVariables, sort: Sort, answer: Answer | undefined): Live {
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
        news.push([order.id, { order, matches: extensions?.matches !== false }]);
        drawing ??= setTimeout(draw, every);
      }
    });
    return () => {
      clearTimeout(timer);
      clearTimeout(drawing);
      unsubscribe();
    };
  }, [client, key, turn]);
  return useMemo(() => sinceThen(told, answer, first, sort), [told, answer, first, sort]);
}

/** sinceThen compares what was told with what is shown. */
function sinceThen(told: Map<string, Told>, answer: Answer | undefined, first: boolean, sort: Sort): Live {
  const live: Live = { arrived: [], gone: new Set() };
  if (!answer) {
    return live;
  }
  const { edges } = answer.list;
  const shown = new Set(edges.map(({ node }) => node.id));
  const top = edges[0]?.node;
  for (const [id, { order, matches }] of told) {
    if (!matches) {
      live.gone.add(id);
    } else if (!shown.has(id) && first) {
      const by = sort === 'newest' ? 'createdAt' : sort === 'changed' ? 'updatedAt' : undefined;
      if (!top || (by && order[by] >= top[by])) {
        live.arrived.push(id);
      }
    }
  }
  return live;
}
