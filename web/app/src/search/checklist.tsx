import { useState } from 'preact/hooks';
import type { CountsFragment } from '../operations';
import { count } from '../words';

interface Props {
  title: string;
  facet?: CountsFragment;
  chosen: string[];
  choose: (values: string[]) => void;
  /** How a value is written; as it is unless given. */
  write?: (value: string) => string;
  /** The order of the values; the most frequent first unless given. */
  inOrder?: readonly string[];
}

const few = 6; // values that are shown until more are asked for

/** Checklist offers a facet's values. What is chosen stays in the list, though it may no longer be among the most frequent. */
export function Checklist({ title, facet, chosen, choose, write = (value) => value, inOrder }: Props) {
  const [more, setMore] = useState(false);
  const counted = facet?.values ?? [];
  const values = [
    ...counted.map(({ value, count: n }) => ({ value, n: n as number | undefined })),
    ...chosen.filter((value) => !counted.some((one) => same(one.value, value))).map((value) => ({ value, n: facet && facet.others === 0 ? 0 : undefined })),
  ];
  if (inOrder) {
    values.sort((a, b) => inOrder.indexOf(a.value) - inOrder.indexOf(b.value));
  }
  const isChosen = (value: string) => chosen.some((other) => same(other, value));
  const shown = more || inOrder ? values : values.filter(({ value }, i) => i < few || isChosen(value));
  const hidden = values.length - shown.length;
  if (values.length === 0 && facet) {
    return null;
  }
  return (
    <fieldset class="checklist" aria-busy={!facet}>
      <legend>{title}</legend>
      <ul>
        {shown.map(({ value, n }) => (
          <li key={value}>
            <label class={n === 0 ? 'none' : ''}>
              <input
                type="checkbox" checked={isChosen(value)}
                onChange={(event) => choose(event.currentTarget.checked ? [...chosen, value] : chosen.filter((other) => !same(other, value)))}
              />
              <span class="value">{write(value)}</span>
              <span class="count">{n === undefined ? '–' : count(n)}</span>
            </label>
          </li>
        ))}
        {!facet && values.length === 0 && [1, 2, 3].map((i) => <li key={i} class="skeleton" />)}
      </ul>
      {(hidden > 0 || more) && (
        <button type="button" class="link" aria-expanded={more} onClick={() => setMore(!more)}>
          {more ? 'Show fewer' : `Show ${hidden} more`}<span class="visually-hidden">: {title}</span>
        </button>
      )}
      {facet && facet.others > 0 && (more || hidden === 0) && <p class="hint">and {count(facet.others)} others: search for them by name</p>}
    </fieldset>
  );
}

/** same says whether two values are one: the gateway compares them blind to case. */
const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
