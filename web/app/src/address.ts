// The page's whole state is in the address bar, so that a search can be bookmarked and sent.
import type { OrderStatus } from './operations';
import { store, useStore } from './store';

export const sorts = ['newest', 'oldest', 'changed', 'relevance', 'dearest', 'cheapest'] as const;
export type Sort = (typeof sorts)[number];

/** The facets whose values can be chosen, by the name of their parameter. */
export const choices = ['status', 'restaurant', 'dish', 'city'] as const;
export type Choice = (typeof choices)[number];

/** All that an order's status can be, in the order in which an order has them. */
export const statuses = [
  'PLACED', 'CONFIRMED', 'PREPARING', 'READY', 'ON_THE_WAY', 'DELIVERED', 'CHANGING', 'CANCELLING', 'CANCELLED', 'REJECTED', 'PAYMENT_FAILED',
] as const satisfies readonly OrderStatus[];

export interface Address {
  tab: 'orders' | 'views';
  /** The search, in the search language. */
  q: string;
  /** What is chosen of each facet. */
  chosen: Record<Choice, string[]>;
  /** Days in the reader's time zone, as 2026-03-01, both included; '' is no bound. */
  from: string;
  to: string;
  /** Amounts, both included; '' is no bound. */
  min: string;
  max: string;
  sort: Sort;
  /** Cursors; at most one of them is given. */
  after: string;
  before: string;
  /** The order whose details are shown; '' is none. */
  order: string;
}

/** isAmount says whether a text is an amount that an order may cost. */
export const isAmount = (text: string): boolean => /^\d{1,15}(\.\d{1,6})?$/.test(text);

/** isDay says whether a text is a day, as 2026-03-01. */
export function isDay(text: string): boolean {
  const at = new Date(text);
  return !Number.isNaN(at.getTime()) && at.toISOString().slice(0, 10) === text; // 2026-02-30 would be 2026-03-02
}

/** parse reads the query of an address. What cannot be is left out. */
export function parse(search: string): Address {
  const given = new URLSearchParams(search);
  const text = (name: string) => given.get(name) ?? '';
  const like = (name: string, can: (text: string) => boolean) => (can(text(name)) ? text(name) : '');
  const all = (name: string) => given.getAll(name).filter((value) => value.trim() !== '');
  const written = all('status').map((status) => status.trim().toUpperCase().replaceAll(/[\s-]/g, '_'));
  const after = text('after');
  return {
    tab: text('tab') === 'views' ? 'views' : 'orders',
    q: text('q'),
    chosen: {
      status: statuses.filter((status) => written.includes(status)), restaurant: all('restaurant'), dish: all('dish'), city: all('city'),
    },
    from: like('from', isDay),
    to: like('to', isDay),
    min: like('min', isAmount),
    max: like('max', isAmount),
    sort: sorts.find((sort) => sort === text('sort')) ?? 'newest',
    after,
    before: after ? '' : text('before'),
    order: text('order').trim().replace(/^#/, ''),
  };
}

/** format writes an address: what is not said there has its default. */
export function format(address: Address): string {
  const query = new URLSearchParams();
  const set = (name: string, value: string, byDefault = '') => value !== byDefault && query.set(name, value);
  set('tab', address.tab, 'orders');
  set('q', address.q);
  for (const name of choices) {
    address.chosen[name].forEach((value) => query.append(name, value));
  }
  set('from', address.from);
  set('to', address.to);
  set('min', address.min);
  set('max', address.max);
  set('sort', address.sort, 'newest');
  set('after', address.after);
  set('before', address.before);
  set('order', address.order);
  const text = query.toString();
  return text === '' ? '/' : `/?${text}`;
}

const current = store(parse(location.search));

addEventListener('popstate', () => current.set(parse(location.search)));

/** useAddress returns the address as it is, and again whenever it changes. */
export const useAddress = (): Address => useStore(current);

/** changedBy returns the address with some of it changed. A change of what is searched for begins at its first page. */
export function changedBy(address: Address, change: Partial<Address>): Address {
  const same = ['tab', 'order', 'after', 'before'];
  const turned = Object.keys(change).some((name) => !same.includes(name));
  return { ...address, ...(turned ? { after: '', before: '' } : {}), ...change };
}

/** go changes the address, as a step that the browser's Back undoes. */
export function go(change: Partial<Address>): void {
  const next = changedBy(current.get(), change);
  history.pushState(null, '', format(next));
  current.set(next);
}

/** amend changes the address without a step of its own. */
export function amend(change: Partial<Address>): void {
  const next = changedBy(current.get(), change);
  history.replaceState(null, '', format(next));
  current.set(next);
}

/** link returns the properties of a link that is a step within the page, unless it is to open elsewhere. */
export function link(change: Partial<Address>) {
  return {
    href: format(changedBy(current.get(), change)),
    onClick: (event: MouseEvent) => {
      if (event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey) {
        event.preventDefault();
        go(change);
      }
    },
  };
}
