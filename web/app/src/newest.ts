// What the cache takes of orders. In it an order is one, whoever asked for it and for whichever of its fields, and nothing of it may be
// older than what the page was told before, nor be mixed of two times. An order has four parts, and each a version of its own:
// - A part that an answer has older than it is known takes its known fields: what a subscription tells may be newer than a search that
//   is answered after it, which may have begun before, or asked a view that was further behind.
// - What is written in an order, such as its items, has its version in its key. So a newer item that was told without its price does
//   not get an older one's: whoever shows prices asks again.
// In other lists of the cache all is asked for by one query alone, which brings all fields at once.
import type { KeyingConfig } from '@urql/exchange-graphcache';

type Fields = Record<string, unknown>;
type Node = Fields & { __typename: 'Order'; id: string };

const fieldsOf = {
  order: ['version', 'createdAt', 'deliveryTime', 'state', 'total', 'consumer', 'restaurant', 'lineItems', 'deliveryAddress'],
  ticket: ['ticket'],
  delivery: ['delivery'],
  bill: ['bill'],
};
type Part = keyof typeof fieldsOf;
const parts = Object.keys(fieldsOf) as Part[];
const ofAll = ['status', 'updatedAt', 'timeline']; // follow from all parts

/** Types without an identity of their own. A restaurant and a consumer in an order are as they were when it was placed. */
const written = [
  'Address', 'Bill', 'Consumer', 'Count', 'Delivery', 'Facet', 'FacetValue', 'Highlight', 'LineItem', 'Location', 'MenuItem',
  'Money', 'OrderConnection', 'OrderEdge', 'OrderFacets', 'PageInfo', 'Restaurant', 'RestaurantConnection', 'RestaurantEdge',
  'Suggestion', 'TextRange', 'Ticket', 'TimelineEntry',
];

const remembered = 1000; // orders, those that were told of last

/** newest returns what is to be done with an answer before the cache takes it, and the keys that it gives to what is in orders. */
export function newest(): { keep: (data: unknown) => void; keys: KeyingConfig } {
  const orders = new Map<string, Fields>();
  const keys = new WeakMap<object, string>();
  function keepOrder(node: Node) {
    const known = merge(node, orders.get(node.id) ?? {});
    orders.delete(node.id);
    orders.set(node.id, known);
    for (const id of orders.keys()) {
      if (orders.size <= remembered) {
        break;
      }
      orders.delete(id);
    }
    for (const part of parts) {
      for (const field of fieldsOf[part]) {
        [node[field]].flat().forEach((value, i) => isObject(value) && keys.set(value, [node.id, field, i, versionOf(node, part)].join(' ')));
      }
    }
  }
  function keep(data: unknown) {
    if (Array.isArray(data)) {
      data.forEach(keep);
    } else if (isObject(data)) {
      Object.values(data).forEach(keep);
      if (data.__typename === 'Order' && typeof data.id === 'string') {
        keepOrder(data as Node);
      }
    }
  }
  return { keep, keys: Object.fromEntries(written.map((name) => [name, (data) => keys.get(data) ?? null])) };
}

/** versionOf returns a part's version, 0 where there is no such part yet; undefined where it is not told. */
function versionOf(node: Fields, part: Part): number | undefined {
  const value = part === 'order' ? node : node[part];
  return value === null ? 0 : ((value as Fields | undefined)?.version as number | undefined);
}

/** merge replaces what is older in an answer by what is known, and returns what is known from then on. */
function merge(node: Fields, known: Fields): Fields {
  const next = { ...known };
  let [newer, older] = [false, false];
  for (const part of parts) {
    const [told, had] = [versionOf(node, part), versionOf(known, part)];
    const step = told === undefined ? 0 : had === undefined ? 1 : told - had;
    if (step < 0) {
      older = true;
      replace(node, known, fieldsOf[part]);
    } else if (told !== undefined) {
      newer ||= step > 0;
      take(next, node, fieldsOf[part], step > 0);
    }
  }
  if (older && newer) { // the later of two that lack something
    newer = Date.parse(String(node.updatedAt)) >= Date.parse(String(known.updatedAt));
    older = !newer;
  }
  if (older) {
    ofAll.forEach((field) => replace(node, known, [field]));
  } else {
    take(next, node, ofAll, newer);
  }
  return next;
}

/** replace puts what is known in the place of an answer's fields, all or, where something was not told of one of them, none. */
function replace(node: Fields, known: Fields, fields: string[]): void {
  const there = fields.filter((field) => field in node);
  if (there.every((field) => covers(known[field], node[field]))) {
    there.forEach((field) => (node[field] = known[field]));
  }
}

/** take remembers an answer's fields. Of another time nothing remains; of the same, what tells more. */
function take(next: Fields, node: Fields, fields: string[], another: boolean): void {
  for (const field of fields) {
    if (another || covers(node[field], next[field])) {
      next[field] = node[field];
    }
  }
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

/** covers says whether a value has all fields that another has, so that it can stand in its place. */
function covers(value: unknown, other: unknown): boolean {
  if (value === undefined) {
    return false;
  }
  if (value === null || !isObject(other)) {
    return true;
  }
  if (Array.isArray(value) && Array.isArray(other)) {
    return value.length === 0 || other.length === 0 || covers(value[0], other[0]);
  }
  return Object.entries(other).every(([key, part]) => covers((value as Fields)[key], part));
}
