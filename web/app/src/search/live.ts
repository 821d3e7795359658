import { useClient } from '@urql/preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Sort } from '../address';
import { connection } from '../connection';
import { ChangesDocument, type ChangesSubscriptionVariables, type OrdersQueryVariables } from '../operations';
import { useStore } from '../store';
import type { Answer } from './answer';
import { pageSize } from './asked';
import { changesOf, type Changes, type Told } from './changes';

const pause = 5_000; // until what the server has ended is begun again, in milliseconds
const every = 100; // milliseconds between two drawings of what has been told: at a rush, there is time for nothing else otherwise
const most = 500; // orders of which is remembered what was told
const unchanged: Changes = { arrived: 0, above: false, gone: new Set(), moved: 0 };

/**
 * useLive follows what a page of hits was found by, and tells what is not to be seen of it in the answer. Until the next answer is
 * there it follows what the last was of, and before the first what is asked for.
 */
export function useLive({ query, filter }: OrdersQueryVariables, sort: Sort, answer: Answer | undefined, loading: boolean): Changes {
  const client = useClient();
  const followed = useRef<ChangesSubscriptionVariables>({ query, filter, first: 0, shown: [] });
  if (answer && !loading) {
    followed.current = whatToFollow(answer, sort);
  }
  const search = JSON.stringify([followed.current.query, followed.current.filter]);
  const key = JSON.stringify(followed.current);
  const [told, setTold] = useState<Map<string, Told>>(new Map());
  const [turn, setTurn] = useState(0);
  const is = useStore(connection);
  const times = is.state === 'connected' ? is.times : 0;
  useEffect(() => setTold(new Map()), [search, times]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let drawing: ReturnType<typeof setTimeout> | undefined;
    let news: [string, Told][] = [];
    const draw = () => {
      const all = news;
      [news, drawing] = [[], undefined];
      setTold((told) => new Map([...told, ...all].slice(-most)));
    };
    const { unsubscribe } = client.subscription(ChangesDocument, followed.current).subscribe(({ data, error, extensions }) => {
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
      draw();
      unsubscribe();
    };
  }, [client, key, turn]);
  return useMemo(() => (answer ? changesOf(answer, told, sort) : unchanged), [told, answer, sort]);
}

/** whatToFollow begins with the hits, and with what may have come before the first of them since they were found. */
function whatToFollow({ list: { edges, pageInfo }, variables: { query, filter, before } }: Answer, sort: Sort): ChangesSubscriptionVariables {
  const first = (pageInfo.hasPreviousPage && !before) || sort === 'relevance' ? 0 : pageSize;
  return { query, filter, first, shown: edges.map(({ node }) => node.id) };
}

/** useFirst asks again when something has come where nothing was found: there is nothing that this could move. */
export function useFirst(empty: boolean, loading: boolean, arrived: number, again: () => void): void {
  const asked = useRef(0); // how many had come when it was asked again last: a search may see them later
  useEffect(() => {
    if (loading) {
      return;
    }
    if (empty && arrived > asked.current) {
      again();
    }
    asked.current = empty ? arrived : 0;
  }, [empty, loading, arrived]);
}
