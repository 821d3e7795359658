import { useEffect, useId, useState } from 'preact/hooks';
import { go, isAmount } from '../address';
import type { CountsFragment } from '../operations';
import { count, money } from '../words';

interface Props {
  min: string;
  max: string;
  ranges?: CountsFragment;
  /** What the amounts are in, where that is known. */
  currency?: string;
}

/** TotalRange chooses what the orders cost: by amounts, or by a range of the facet. */
export function TotalRange({ min, max, ranges, currency }: Props) {
  const write = (amount: string) => (currency ? money({ amount, currency }) : amount);
  const id = useId();
  const wrong = { 'aria-invalid': min !== '' && max !== '' && Number(min) > Number(max), 'aria-describedby': `${id}wrong` };
  return (
    <fieldset class="range">
      <legend>Total{currency && ` (${currency})`}</legend>
      <div class="pair">
        <Amount title="From" value={min} wrong={wrong} set={(min) => go({ min })} />
        <Amount title="To" value={max} wrong={wrong} set={(max) => go({ max })} />
      </div>
      <p id={`${id}wrong`} class="wrong" role="status">{wrong['aria-invalid'] && 'The first amount is above the last: no order is between them.'}</p>
      <ul class="ranges">
        {ranges?.values.map(({ value, count: n }) => {
          const span = bounds(value);
          const pressed = min === span.min && max === span.max;
          const text = span.min === '' ? `up to ${write(span.max)}` : span.max === '' ? `${write(span.min)} and more` : `${write(span.min)} – ${write(span.max)}`;
          return (
            <li key={value}>
              <button type="button" aria-pressed={pressed} disabled={n === 0 && !pressed} onClick={() => go(pressed ? { min: '', max: '' } : span)}>
                <span>{text}</span>
                <span class="count">{count(n)}<span class="visually-hidden"> orders</span></span>
              </button>
            </li>
          );
        })}
      </ul>
    </fieldset>
  );
}

interface AmountProps {
  title: string;
  value: string;
  /** What the input says of itself where the range is impossible. */
  wrong: { 'aria-invalid': boolean; 'aria-describedby': string };
  set: (value: string) => void;
}

/** Amount is an input of an amount, which is taken when it has been typed. */
function Amount({ title, value, wrong, set }: AmountProps) {
  const [text, setText] = useState(value);
  const [refused, setRefused] = useState(false);
  const id = useId();
  useEffect(() => {
    setText(value);
    setRefused(false);
  }, [value]);
  const take = ({ validity }: HTMLInputElement) => {
    const can = !validity.badInput && (text === '' || isAmount(text));
    setRefused(!can);
    if (can && text !== value) {
      set(text);
    }
  };
  return (
    <div>
      <label>
        <span class="hint">{title}</span>
        <input
          {...(refused ? { 'aria-invalid': true, 'aria-describedby': id } : wrong)}
          type="number" min="0" step="0.01" inputMode="decimal" value={text} placeholder="any"
          onInput={(event) => setText(event.currentTarget.value)}
          onBlur={(event) => take(event.currentTarget)}
          onKeyDown={(event) => event.key === 'Enter' && take(event.currentTarget)}
        />
      </label>
      <p id={id} class="wrong" role="status">{refused && 'This is not searched for: an amount is 0 or more, such as 12.50.'}</p>
    </div>
  );
}

/** bounds reads a range of the facet, 20..50. It ends below its upper end, and the address includes both: 19.99. */
function bounds(range: string): { min: string; max: string } {
  const [from = '*', to = '*'] = range.split('..');
  return { min: from === '*' ? '' : from, max: to === '*' ? '' : below(to) };
}

function below(amount: string): string {
  return (Math.round(Number(amount) * 100 - 1) / 100).toFixed(2);
}
