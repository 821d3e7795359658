import { useQuery } from '@urql/preact';
import { go, link, type Address } from '../address';
import { InsteadDocument } from '../operations';
import type { Answer } from './answer';
import type { Narrowing } from './asked';
import { Examples } from './howto';
import { Instead } from './instead';

/** Empty says that nothing was found, and what to try. */
export function Empty({ address, answer: { variables }, narrowed }: { address: Address; answer: Answer; narrowed: Narrowing[] }) {
  const { query, filter } = variables;
  const [{ data }] = useQuery({ query: InsteadDocument, variables: { query, filter }, pause: !query });
  const instead = query ? data?.orderHistory.didYouMean : undefined;
  const paged = address.after !== '' || address.before !== '';
  return (
    <section class="empty sheet" aria-label="Nothing was found">
      <Instead q={address.q} />
      {instead && <p class="instead">Did you mean <a {...link({ q: instead })}>{instead}</a>?</p>}
      {paged && <p><button type="button" class="quiet" onClick={() => go({ after: '', before: '' })}>To the first page</button></p>}
      {narrowed.length > 0 && (
        <>
          <p>No order fits all of this. Leave something out:</p>
          <ul class="chips">
            {narrowed.map(({ of, text, without }) => (
              <li key={`${of} ${text}`}><button type="button" class="quiet" onClick={() => go(without)}>Without {of.toLowerCase()} {text}</button></li>
            ))}
            {address.q.trim() !== '' && <li><button type="button" class="quiet" onClick={() => go({ q: '' })}>Without the words {shortened(address.q)}</button></li>}
          </ul>
        </>
      )}
      {query ? (
        <>
          <p>{narrowed.length === 0 && 'No order has all of these words. '}Try fewer words, or searches like these:</p>
          <Examples />
        </>
      ) : narrowed.length === 0 && !paged && <p>There are no orders yet. They appear here as they are placed.</p>}
    </section>
  );
}

const most = 60; // letters that tell what is meant

function shortened(text: string): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
