import { go } from '../address';
import type { Understood } from './answer';
import { HowToSearch } from './howto';
import { Instead } from './instead';

const plain = (query: string) => query.trim().replace(/\s+/g, ' ');

interface Props {
  id: string;
  q: string;
  understood?: Understood;
  /** More of the query may come: nothing is said that the rest of a word makes untrue. */
  typing: boolean;
}

/** Understanding says how a query was read: what of it could not be, and its exact form where that is another. */
export function Understanding({ id, q, understood, typing }: Props) {
  const { query = '', warnings = [], all = false, loose = false, partial = false } = understood ?? {};
  const otherwise = understood && query !== '' && plain(query) !== plain(q) && warnings.length === 0;
  return (
    <div class="understanding">
      <div class="line">
        <div id={id}>
          {otherwise ? (
            <p class="hint">Understood as <code>{query}</code> <button type="button" class="link" onClick={() => go({ q: query })}>write it so</button></p>
          ) : (
            warnings.length === 0 && <p class="hint tip">All words must be found. Conditions narrow it: <code>status:ready</code>, <code>total:&gt;50</code>.</p>
          )}
          {warnings.length > 0 && (
            <ul class="warnings">
              {warnings.map(({ message, text, start }) => (
                <li key={`${start} ${message}`}>{text && <><q>{text}</q>: </>}{message}</li>
              ))}
            </ul>
          )}
        </div>
        <HowToSearch />
      </div>
      {all && warnings.length > 0 && (
        <div class="remark">
          <p>Nothing of the search could be understood. The list is what there is without it.</p>
          <Instead q={q} />
        </div>
      )}
      {loose && !typing && <p class="remark">Nothing was found with just these words. Shown is what is like them.</p>}
      {partial && <p class="remark">It took too long to look at all orders: there may be more, and the numbers may be too low. Search for more words, or a shorter time.</p>}
    </div>
  );
}
