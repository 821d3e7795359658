import type { Ref } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { go, type Address, type Sort } from '../address';
import { count } from '../words';
import type { Answer } from './answer';
import { sortOf } from './asked';

const names: Record<Sort, string> = {
  newest: 'Newest first', oldest: 'Oldest first', changed: 'Last changed first', relevance: 'Best match first',
  dearest: 'Highest total first', cheapest: 'Lowest total first',
};

interface Props {
  address: Address;
  answer?: Answer;
  loading: boolean;
  arrived: number;
  heading: Ref<HTMLHeadingElement>;
  /** Shows what has arrived. */
  show: () => void;
}

/** Toolbar says how many orders were found, sorts them, and tells of those that have come since. */
export function Toolbar({ address, answer, loading, arrived, heading, show }: Props) {
  const found = answer ? hits(answer) : loading ? 'Searching…' : 'Orders';
  const fresh = arrived > 0 ? `${count(arrived)} ${sortOf(address) === 'changed' ? 'changed' : 'new'} ${arrived === 1 ? 'order' : 'orders'}` : '';
  const sorts = (Object.keys(names) as Sort[]).filter((sort) => sort !== 'relevance' || address.q.trim() !== '');
  return (
    <div class="toolbar">
      <h2 ref={heading} tabIndex={-1}>{found}</h2>
      <div class="arrivals">
        {fresh && <button type="button" onClick={show}>{fresh} – show</button>}
      </div>
      <label class="sort">
        <span class="visually-hidden">Sort by</span>
        <select value={sortOf(address)} onChange={(event) => go({ sort: event.currentTarget.value as Sort })}>
          {sorts.map((sort) => <option key={sort} value={sort}>{names[sort]}</option>)}
        </select>
      </label>
      <Said text={loading ? '' : found} pause={700} />
      <Said text={fresh} pause={3000} />
    </div>
  );
}

/** hits writes how many orders there are. */
function hits({ list: { total } }: Answer): string {
  const orders = total.count === 1 ? '1 order' : `${count(total.count)} orders`;
  return total.precision === 'AT_LEAST' ? `${count(total.count)} orders or more` : orders;
}

/** Said reads a text aloud when it has not changed for a while, or every so often where it keeps changing. */
function Said({ text, pause }: { text: string; pause: number }) {
  const [said, setSaid] = useState('');
  const silent = text === '';
  useEffect(() => {
    const timer = setTimeout(() => setSaid(text), pause);
    return () => clearTimeout(timer);
  }, [silent ? '' : said === '' ? 'first' : text, pause]);
  return <span class="visually-hidden" role="status">{said}</span>;
}
