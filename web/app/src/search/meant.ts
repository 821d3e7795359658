import { isDay, statuses, type Address } from '../address';
import { name } from '../words';
import { conditionOn } from './completion';
import { day, daysAgo, zone } from './days';

/** Something that words may have been meant for, and the change of the address that searches for it. */
export interface Meant {
  /** In words: "orders that are “Delivered”". */
  text: string;
  change: Partial<Address>;
}

/** meantBy returns what a search may have been meant for that nothing is found by, or of which nothing is understood. */
export function meantBy(q: string): Meant[] {
  const words = q.trim().replace(/\s+/g, ' ');
  return [...statusesIn(words), ...idIn(words), ...numbersIn(words), ...dayIn(words), ...amountIn(words)];
}

function statusesIn(words: string): Meant[] {
  const plain = words.toLowerCase().replaceAll(/[_-]/g, ' ').replace(/cancel(?=ed|ing)/, 'cancell');
  return statuses
    .filter((status) => plain.length > 2 && name(status).toLowerCase().startsWith(plain))
    .map((status) => ({ text: `orders that are “${name(status)}”`, change: { q: conditionOn(status) } }));
}

const ids: Record<string, string> = { consumer: 'consumerId', customer: 'consumerId', restaurant: 'restaurantId', courier: 'courierId' };

function idIn(words: string): Meant[] {
  const [, kind = '', id] = /^([a-z]+?)(?: ?id| no\.?| number)?[: ] ?#?(\d+)$/i.exec(words) ?? [];
  const field = ids[kind.toLowerCase()];
  return field ? [{ text: `orders of ${kind.toLowerCase()} ${id}`, change: { q: `${field}:${id}` } }] : [];
}

/** numbersIn takes digits in groups, 1000 012, for an order's number, and others for several orders. */
function numbersIn(words: string): Meant[] {
  const given = words.replace(/^orders?\b:?/i, '').replaceAll(/\band\b|&/gi, ' ');
  const [first = '', ...others] = /^[\d\s#,;.]+$/.test(given) ? given.match(/\d+/g) ?? [] : [];
  if (others.length === 0) {
    return [];
  }
  const all = others.every((group) => group.length === 3) ? [[first, ...others].join('')] : [first, ...others];
  const one = all.length === 1;
  return [{ text: `${one ? 'order' : 'orders'} ${all.join(', ')}`, change: { q: one ? `orderId:${all[0]}` : `orderId:(${all.join(' OR ')})` } }];
}

/** dayIn takes a day for one where the reader is: as a condition on createdAt it is one in UTC. */
function dayIn(words: string): Meant[] {
  const [found = '', field, on = ''] = /(?<!\S)(createdAt:)?(today|yesterday|\d{4}-\d\d-\d\d)(?!\S)/i.exec(words) ?? [];
  const said = on.toLowerCase();
  const at = said === 'today' ? daysAgo(0) : said === 'yesterday' ? daysAgo(1) : on;
  if (!isDay(at) || (field && at === on && zone === 'UTC')) {
    return [];
  }
  const q = words.replace(found, ' ').replace(/\s+/g, ' ').trim();
  return [{ text: `${q || 'orders'} placed ${at === on ? `on ${day(at)}` : said} in your time zone`, change: { q, from: at, to: at } }];
}

function amountIn(words: string): Meant[] {
  const [, amount] = /^[$€£](\d+(?:\.\d+)?)$/.exec(words.replaceAll(',', '')) ?? [];
  return amount ? [{ text: `orders with a total of ${words}`, change: { q: `total:${amount}` } }] : [];
}
