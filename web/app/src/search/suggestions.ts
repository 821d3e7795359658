import { useClient } from '@urql/preact';
import { useEffect, useState } from 'preact/hooks';
import { SuggestDocument } from '../operations';
import { inFront, kindOf, statusesLike, type Completion, type Typed } from './completion';

const pause = 120; // in typing, before it is asked, in milliseconds

const order: Completion['kind'][] = ['ORDER', 'RESTAURANT', 'DISH', 'CITY', 'FIELD'];

/** useSuggestions returns what a word may be completed to. At most one request is under way, and what comes late is dropped. */
export function useSuggestions(typed: Typed | undefined): Completion[] {
  const client = useClient();
  const [found, setFound] = useState<{ of: string; all: Completion[] }>({ of: '', all: [] });
  const of = typed ? `${typed.field}:${typed.word}` : '';
  const local = typed ? statusesLike(typed) : [];
  const kind = typed?.field ? kindOf(typed.field) : undefined;
  const ask = typed !== undefined && typed.word !== '' && (typed.field === '' || kind !== undefined);
  useEffect(() => {
    if (!ask) {
      return;
    }
    let stop = () => {};
    const timer = setTimeout(() => {
      const { unsubscribe } = client.query(SuggestDocument, { prefix: typed.word }).subscribe(({ data }) => {
        const all = (data?.suggest ?? []).filter((one) => !kind || one.kind === kind);
        setFound({ of, all });
      });
      stop = unsubscribe;
    }, pause);
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [client, of, ask]);
  if (!typed || !ask || !(found.of === of || (found.of !== '' && of.startsWith(found.of)))) {
    return local;
  }
  // While more is typed, what was found for less stays as far as it still fits: the list does not flicker.
  const rank = (one: Completion) => order.indexOf(one.kind) - (inFront(typed, one) > 0 ? order.length : 0);
  return [...local, ...found.all.filter((one) => fits(one, typed.word)).toSorted((a, b) => rank(a) - rank(b))];
}

/** fits says whether a word of a suggestion begins so. Accents are left to the server. */
function fits({ text }: Completion, word: string): boolean {
  const plain = (text: string) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
  return plain(text).split(/[\s.&/-]+/).some((part) => part.startsWith(plain(word))) || plain(text).startsWith(plain(word));
}
