import type { OrdersQuery } from '../operations';

/** Where the words of a query were found in an order. */
export type Highlight = OrdersQuery['orderHistory']['edges'][number]['highlights'][number];

/** Marked is a text with the words marked that were found in it. A text that no highlight is of has no marks. */
export function Marked({ text, field, highlights }: { text: string; field: string; highlights: Highlight[] }) {
  const found = highlights.find((one) => one.field === field && one.fragment === text);
  return found ? <Fragment of={found} /> : <>{text}</>;
}

/** Fragment is a highlight. Its text is put into the page as text, whatever is in it. */
export function Fragment({ of: { fragment, ranges } }: { of: Highlight }) {
  let at = 0;
  return (
    <>
      {ranges.map(({ start, end }) => {
        const before = fragment.slice(at, start);
        at = end;
        return <>{before}<mark>{fragment.slice(start, end)}</mark></>;
      })}
      {fragment.slice(at)}
    </>
  );
}
