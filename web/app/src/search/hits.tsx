import { link, type Address } from '../address';
import { Hit } from './hit';
import type { Answer } from './answer';
import type { Changes } from './changes';
import { pageSize } from './asked';
import './hits.css';

interface Props {
  address: Address;
  answer: Answer;
  changes: Changes;
  /** The answer is to what the address asks for. */
  of: boolean;
  loading: boolean;
}

/** Hits is a page of the list. The arrow keys, j and k move between its orders. */
export function Hits({ address, answer: { list }, changes, of, loading }: Props) {
  return (
    <>
      <ol class={`hits sheet ${of ? '' : 'before'}`} aria-busy={loading} onKeyDown={move}>
        {list.edges.map((edge) => (
          <li key={edge.node.id}>
            <Hit edge={edge} open={[edge.node.orderId, edge.node.id].includes(address.order)} gone={changes.gone.has(edge.node.id)} />
          </li>
        ))}
      </ol>
      <Paging {...list.pageInfo} />
    </>
  );
}

/** move brings the focus to the order above or below. */
function move(event: KeyboardEvent & { currentTarget: HTMLOListElement }) {
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const links = [...event.currentTarget.querySelectorAll<HTMLAnchorElement>('a.id')];
  const at = links.findIndex((one) => one.closest('li')?.contains(event.target as Node));
  const next = links[at + step];
  if (next) {
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: 'nearest' });
  }
}

interface PagingProps {
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  startCursor: string | null;
  endCursor: string | null;
}

/** Paging leads to the pages before and behind. */
function Paging({ hasNextPage, hasPreviousPage, startCursor, endCursor }: PagingProps) {
  if (!hasNextPage && !hasPreviousPage) {
    return null;
  }
  return (
    <nav class="paging" aria-label="Pages of orders">
      {hasPreviousPage && startCursor
        ? <a {...link({ before: startCursor, after: '' })}><span aria-hidden="true">← </span>Previous {pageSize}</a>
        : <span class="hint">First page</span>}
      {hasNextPage && endCursor
        ? <a {...link({ after: endCursor, before: '' })}>Next {pageSize}<span aria-hidden="true"> →</span></a>
        : <span class="hint">Last page</span>}
    </nav>
  );
}

/** Awaited stands where the first page of hits will be. */
export function Awaited() {
  return (
    <ol class="hits sheet" aria-busy="true" aria-label="Orders are being searched">
      {Array.from({ length: 8 }, (_, i) => (
        <li key={i}>
          <div class="hit">
            <span class="id skeleton" /><span class="state skeleton" /><span class="what"><span class="skeleton" /><span class="skeleton" /></span>
          </div>
        </li>
      ))}
    </ol>
  );
}
