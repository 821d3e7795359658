import { choices, type Address, type Sort } from '../address';
import { type OrderFilter, type OrderOrder, type OrderStatus, type OrdersQueryVariables } from '../operations';

/** How many hits a page has. */
export const pageSize = 20;

const orderBy: Record<Sort, OrderOrder> = {
  newest: { field: 'CREATED_AT', direction: 'DESC' },
  oldest: { field: 'CREATED_AT', direction: 'ASC' },
  changed: { field: 'UPDATED_AT', direction: 'DESC' },
  relevance: { field: 'RELEVANCE', direction: 'DESC' },
  dearest: { field: 'TOTAL', direction: 'DESC' },
  cheapest: { field: 'TOTAL', direction: 'ASC' },
};

/** sortOf returns the order that the hits are in: without words none matches better than another. */
export function sortOf({ q, sort }: Address): Sort {
  return sort === 'relevance' && q.trim() === '' ? 'newest' : sort;
}

/** queryOf returns a query with orders' numbers as they are, and not as people paste them: "Order #17.", "#17,". */
function queryOf(q: string): string {
  const [, alone] = /^\s*order:?\s*(?:no\.?|number:?)?\s*#?(\d+)[.,;:]?\s*$/i.exec(q) ?? [];
  // No letter less: warnings count from its beginning.
  return alone ? `orderId:${alone}` : q.replaceAll(/(^|\s)#(?=\d)/g, '$1 ').replaceAll(/(^|\s)(\d+)[.,;:](?=\s|$)/g, '$1$2 ').trimEnd();
}

/** asked returns what an address asks the gateway for. */
export function asked(address: Address): OrdersQueryVariables {
  const { q, after, before } = address;
  const query = queryOf(q);
  return {
    ...(query === '' ? {} : { query }),
    filter: filter(address),
    orderBy: [orderBy[sortOf(address)]],
    ...(before ? { last: pageSize, before } : { first: pageSize }),
    ...(after ? { after } : {}),
  };
}

/** filter returns what is chosen beside the query. Each facet is counted without what is chosen of it. */
function filter({ chosen, from, to, min, max }: Address): OrderFilter {
  const wanted: OrderFilter = {};
  if (chosen.status.length > 0) {
    wanted.status = { in: chosen.status as OrderStatus[] };
  }
  for (const name of ['restaurant', 'dish', 'city'] as const) {
    if (chosen[name].length > 0) {
      wanted[name] = { in: chosen[name] };
    }
  }
  if (from || to) {
    wanted.createdAt = { ...(from ? { gte: beginning(from, 0) } : {}), ...(to ? { lt: beginning(to, 1) } : {}) };
  }
  if (min || max) {
    wanted.total = { ...(min ? { gte: min } : {}), ...(max ? { lte: max } : {}) };
  }
  return wanted;
}

/** beginning returns the moment at which a day begins where the reader is, or the day so many days later. */
function beginning(day: string, later: number): string {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}

/** Something that narrows the search beside the query, and the change of the address that takes it away. */
export interface Narrowing {
  /** What it is of: "City". */
  of: string;
  text: string;
  without: Partial<Address>;
}

/** titles name the facets. */
export const titles = { status: 'Status', restaurant: 'Restaurant', dish: 'Dish', city: 'City' };

/** narrowings lists all that narrows the search beside the query. */
export function narrowings(address: Address, write: { day: (day: string) => string; status: (status: string) => string }): Narrowing[] {
  const { chosen, from, to, min, max } = address;
  const all: Narrowing[] = choices.flatMap((name) =>
    chosen[name].map((value) => ({
      of: titles[name],
      text: name === 'status' ? write.status(value) : value,
      without: { chosen: { ...chosen, [name]: chosen[name].filter((other) => other !== value) } },
    })),
  );
  if (from || to) {
    all.push({ of: 'Placed', text: span(from && write.day(from), to && write.day(to)), without: { from: '', to: '' } });
  }
  if (min || max) {
    all.push({ of: 'Total', text: span(min, max), without: { min: '', max: '' } });
  }
  return all;
}

function span(from: string, to: string): string {
  if (from === to) {
    return from;
  }
  return from && to ? `${from} – ${to}` : from ? `from ${from}` : `up to ${to}`;
}

/** nothingChosen is the change of an address that takes away all that narrows the search beside the query. */
export const nothingChosen: Partial<Address> = {
  chosen: { status: [], restaurant: [], dish: [], city: [] }, from: '', to: '', min: '', max: '',
};
