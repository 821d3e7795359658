import type { Ref } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { go, type Address, type Sort } from '../address';
import { count } from '../words';
import type { Answer } from './answer';
import { sortOf } from './asked';
import type { Changes } from './changes';

const names: Record<Sort, string> = {
  newest: 'Newest first', oldest: 'Oldest first', changed: 'Last changed first', relevance: 'Best match first',
  dearest: 'Highest total first', cheapest: 'Lowest total first',
};

interface Props {
  address: Address;
  answer?: Answer;
  /** The answer is to what the address asks for. */
  of: boolean;
  loading: boolean;
  /** What the address asks for is waited for, and not just since now. */
  late: boolean;
  changes: Changes;
  heading: Ref<HTMLHeadingElement>;
  /** Asks for the list as it is now. */
  show: () => void;
}

/** Toolbar says how many orders were found, sorts them, and tells how the list has changed since. */
export function Toolbar({ address, answer, of, loading, late, changes, heading, show }: Props) {
  const before = loading && !of && !late; // for a moment the count of before stays, lest it flicker
  const found = answer && (of || before) ? hits(answer) : loading ? 'Searching…' : 'Orders';
  const changed = written(changes, sortOf(address));
  const sorts = (Object.keys(names) as Sort[]).filter((sort) => sort !== 'relevance' || address.q.trim() !== '');
  return (
    <div class="toolbar">
      <h2 ref={heading} tabIndex={-1} class={before ? 'before' : ''}>{found}</h2>
      <div class="arrivals">
        {changed && <button type="button" onClick={show}>{changed} – show</button>}
      </div>
      <label class="sort">
        <span class="visually-hidden">Sort by</span>
        <select value={sortOf(address)} onChange={(event) => go({ sort: event.currentTarget.value as Sort })}>
          {sorts.map((sort) => <option key={sort} value={sort}>{names[sort]}</option>)}
        </select>
      </label>
      <Said text={loading && !late ? '' : found} pause={700} />
      <Said text={changed} pause={3000} />
    </div>
  );
}

/** hits writes how many orders there are. */
function hits({ list: { total } }: Answer): string {
  const orders = total.count === 1 ? '1 order' : `${count(total.count)} orders`;
  return total.precision === 'AT_LEAST' ? `${count(total.count)} orders or more` : orders;
}

/** written writes what has changed: "2 new, 1 changed orders"; '' where nothing has. Sorted by the last change, what is new has changed. */
function written({ arrived, gone, moved }: Changes, sort: Sort): string {
  const fresh = sort === 'changed' ? 0 : arrived;
  const changed = arrived - fresh + gone.size + moved;
  const parts = [fresh > 0 && `${count(fresh)} new`, changed > 0 && `${count(changed)} changed`].filter(Boolean);
  return parts.length === 0 ? '' : `${parts.join(', ')} ${fresh + changed === 1 ? 'order' : 'orders'}`;
}

/** Said reads a text aloud when it has not changed for a while, or every so often where it keeps changing. */
function Said({ text, pause }: { text: string; pause: number }) {
  const [said, setSaid] = useState('');
  const latest = useRef(text);
  latest.current = text;
  const silent = text === '';
  useEffect(() => {
    const timer = setTimeout(() => setSaid(latest.current), pause);
    return () => clearTimeout(timer);
  }, [silent ? '' : said === '' ? 'first' : text, pause]);
  return <span class="visually-hidden" role="status">{said}</span>;
}
