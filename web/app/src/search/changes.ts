import type { Sort } from '../address';
import type { HitFragment } from '../operations';
import type { Answer } from './answer';
import { pageSize } from './asked';

/** What was told of an order since the page of hits was asked for. */
export interface Told {
  order: HitFragment;
  matches: boolean;
  /** When, by performance.now(). */
  at: number;
}

/** What has changed of a page of hits. What is written in the hits themselves is up to date: that is in the cache. */
export interface Changes {
  /** How many orders would be on the page if it were asked for now, and are not. */
  arrived: number;
  /** Whether some of these come before the first hit. */
  above: boolean;
  /** Ids of hits that no longer match. */
  gone: Set<string>;
  /** How many of the other hits would be at another place. */
  moved: number;
}

const behind = 2_000; // milliseconds that a search may be behind what is told

/** changesOf compares what was told with a page of hits. */
export function changesOf({ list: { edges, pageInfo }, variables: { before }, asked }: Answer, told: Map<string, Told>, sort: Sort): Changes {
  const hits = edges.map(({ node }) => node);
  const shown = new Set(hits.map(({ id }) => id));
  const gone = new Set(hits.map(({ id }) => id).filter((id) => told.get(id)?.matches === false));
  const compare = comparing(sort);
  const [first, last] = [hits[0], hits.at(-1)];
  const isAbove = ({ order }: Told) => Boolean(compare && first && compare(order, first) < 0);
  const back = Boolean(before) || !pageInfo.hasPreviousPage; // at the list's beginning, or on the way there
  const belongs = (one: Told) =>
    compare
      ? (back || !isAbove(one)) && (hits.length < pageSize || !last || compare(one.order, last) < 0)
      : one.at > asked - behind; // what was told before, the search has seen, and put wherever it is
  const arrived = [...told].filter(([id, one]) => one.matches && !shown.has(id) && belongs(one));
  return {
    arrived: arrived.length,
    above: arrived.some(([, one]) => isAbove(one)),
    gone,
    moved: compare ? displaced(hits.filter(({ id }) => !gone.has(id)), compare) : 0,
  };
}

type Compare = (a: HitFragment, b: HitFragment) => number;

const keys: Record<Sort, ((order: HitFragment) => number) | undefined> = {
  newest: ({ createdAt }) => -Date.parse(createdAt),
  oldest: ({ createdAt }) => Date.parse(createdAt),
  changed: ({ updatedAt }) => -Date.parse(updatedAt),
  relevance: undefined, // the server alone knows
  dearest: ({ total }) => -Number(total.amount),
  cheapest: ({ total }) => Number(total.amount),
};

/** comparing returns which of two orders stands first, as the server sorts: what is equal is sorted by id. */
function comparing(sort: Sort): Compare | undefined {
  const key = keys[sort];
  return key && ((a, b) => key(a) - key(b) || (a.orderId < b.orderId ? -1 : a.orderId > b.orderId ? 1 : 0));
}

/** displaced counts the fewest hits without which the others are in order. */
function displaced(hits: HitFragment[], compare: Compare): number {
  const most: number[] = []; // of each hit, how many in order end with it
  hits.forEach((hit, i) => most.push(1 + Math.max(0, ...most.filter((_, j) => j < i && compare(hits[j]!, hit) < 0))));
  return hits.length - Math.max(0, ...most);
}
