import { name } from '../words';
import { statuses } from './asked';
import { conditionOn } from './completion';

/** Something that words may have been meant for, and the search for it. */
export interface Meant {
  /** In words: "orders that are Delivered". */
  text: string;
  q: string;
}

/** meantBy returns what words that nothing is found by may have been meant for, all of them or those that remain without it. */
export function meantBy(q: string): Meant[] {
  const words = q.trim().replace(/\s+/g, ' ');
  const plain = words.toLowerCase().replaceAll(/[_-]/g, ' ');
  const all: Meant[] = statuses
    .filter((status) => plain.length > 2 && name(status).toLowerCase().startsWith(plain))
    .map((status) => ({ text: `orders that are “${name(status)}”`, q: conditionOn(status) }));
  const [, id] = /^order:? #?(\d+)$/i.exec(words) ?? [];
  if (id) {
    all.push({ text: `order ${id}`, q: `orderId:${id}` });
  }
  const [, amount] = /^[$€£](\d+(?:\.\d+)?)$/.exec(words.replaceAll(',', '')) ?? [];
  if (amount) {
    all.push({ text: `orders with a total of ${words}`, q: `total:${amount}` });
  }
  return all;
}
