import { statuses } from '../address';
import type { SuggestionKind } from '../operations';
import { name } from '../words';

/** The word that somebody is typing, and where it is in the text. */
export interface Typed {
  /** What has been typed of it up to the cursor; of a condition, of its value. */
  word: string;
  start: number;
  end: number;
  /** What is in front of it. */
  before: string;
  /** The field of the condition that it is the value of; '' where it is none. */
  field: string;
}

/** typedAt returns the word at the cursor; undefined where none has been begun. */
export function typedAt(text: string, cursor: number): Typed | undefined {
  const before = text.slice(0, cursor);
  if ((before.match(/"/g)?.length ?? 0) % 2 === 1) {
    return undefined; // in quotes
  }
  const [token = ''] = /[^\s"()]*$/.exec(before) ?? [];
  const [, field = '', word = ''] = /^-?(?:([a-z][\w.-]*):)?(.*)$/i.exec(token) ?? [];
  if (word === '' && field === '') {
    return undefined;
  }
  const [rest = ''] = /^[^\s"():]*/.exec(text.slice(cursor)) ?? [];
  const start = cursor - word.length;
  return { word, field, start, end: cursor + rest.length, before: text.slice(0, start) };
}

/** Something that the word may be completed to. */
export interface Completion {
  kind: SuggestionKind | 'STATUS';
  text: string;
  /** What takes the word's place. */
  query: string;
  count: number | null;
}

const kinds: Record<string, SuggestionKind> = {
  restaurant: 'RESTAURANT', 'restaurant.name': 'RESTAURANT', 'lineitems.name': 'DISH', city: 'CITY', 'deliveryaddress.city': 'CITY',
  orderid: 'ORDER', dish: 'DISH',
};

/** kindOf returns what the values of a field are suggestions of; undefined where there are none for it. */
export const kindOf = (field: string): SuggestionKind | undefined => kinds[field.toLowerCase()];

const enough = 3; // letters of a word that may be meant for a status

/** conditionOn returns the condition that an order has a status. */
export const conditionOn = (status: string): string => `status:${status.toLowerCase().replaceAll('_', '-')}`;

/** statusesLike returns the statuses that begin as the value of a condition on the status does, or as the words do. */
export function statusesLike(typed: Typed): Completion[] {
  const { field, word, before } = typed;
  const all = statuses.map((status) => ({ kind: 'STATUS' as const, text: name(status), query: conditionOn(status), count: null }));
  if (field.toLowerCase() === 'status') {
    return all.filter(({ query }) => query.startsWith(conditionOn(word)));
  }
  return all.filter((one) => {
    const words = (before.slice(before.length - inFront(typed, one)) + word).toLowerCase();
    return field === '' && words.length >= enough && one.text.toLowerCase().startsWith(words);
  });
}

/** complete returns the text with the word completed, and where the cursor is then. */
export function complete(text: string, typed: Typed, to: Completion): { text: string; cursor: number } {
  const within = typed.field !== '';
  const query = within ? to.query.slice(to.query.indexOf(':') + 1) : to.query;
  const start = within ? typed.start : typed.start - inFront(typed, to);
  const open = query.endsWith(':'); // a field, whose value comes next
  const end = text.slice(typed.end);
  const put = text.slice(0, start) + query + (open || /^\s/.test(end) ? '' : ' ');
  return { text: put + end, cursor: put.length + (!open && /^\s/.test(end) ? 1 : 0) };
}

/** inFront returns how much in front of a word belongs to the same name: typing "chicken vin" means one dish, not a word and a dish. */
export function inFront({ before, word }: Typed, { text }: Completion): number {
  const whole = (before + word).toLowerCase();
  for (let start = 0; start < before.length; start++) {
    const atWord = start === 0 || /[\s(]/.test(before.charAt(start - 1));
    if (atWord && text.toLowerCase().startsWith(whole.slice(start))) {
      return before.length - start;
    }
  }
  return 0;
}
