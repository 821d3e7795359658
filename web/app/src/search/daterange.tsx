import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { go } from '../address';
import type { CountsFragment } from '../operations';
import { count } from '../words';
import { day, daysAgo, month, monthsUpTo, shortMonth, spanOf, zone } from './days';

const shown = 12; // months

const spans: [string, number][] = [['Today', 0], ['7 days', 6], ['30 days', 29]];

/** DateRange chooses when the orders were placed: by days, by spans that end today, or by a month of the chart. */
export function DateRange({ from, to, months }: { from: string; to: string; months?: CountsFragment }) {
  const today = daysAgo(0);
  const id = useId();
  const wrong = { 'aria-invalid': from !== '' && to !== '' && from > to, 'aria-describedby': `${id}wrong` };
  return (
    <fieldset class="range">
      <legend>Placed</legend>
      <div class="pair">
        <Day title="From" value={from} input={{ ...wrong, max: to || undefined }} set={(from) => go({ from })} />
        <Day title="To" value={to} input={{ ...wrong, min: from || undefined }} set={(to) => go({ to })} />
      </div>
      <p id={`${id}wrong`} class="wrong" role="status">{wrong['aria-invalid'] && 'The first day is after the last: no order is between them.'}</p>
      <div class="spans">
        {spans.map(([title, days]) => {
          const span = { from: daysAgo(days), to: today };
          const pressed = from === span.from && to === span.to;
          return (
            <button key={title} type="button" class="quiet small" aria-pressed={pressed} onClick={() => go(pressed ? { from: '', to: '' } : span)}>
              {title}
            </button>
          );
        })}
      </div>
      {months && months.values.length > 0 && <Months from={from} to={to} values={months.values} />}
    </fieldset>
  );
}

interface DayProps {
  title: string;
  value: string;
  /** What else the input says of itself. */
  input: { 'aria-invalid': boolean; 'aria-describedby': string; min?: string; max?: string };
  set: (value: string) => void;
}

/** Day is an input of a day. What is picked is taken at once, and what is typed when it has been: 2 of 2026 is a year, too. */
function Day({ title, value, input, set }: DayProps) {
  const [text, setText] = useState(value);
  const typing = useRef(false);
  useEffect(() => setText(value), [value]);
  const take = (day: string) => {
    typing.current = false;
    if (day !== value) {
      set(day);
    }
  };
  return (
    <label>
      <span class="hint">{title}</span>
      <input
        {...input} type="date" value={text}
        onPointerDown={() => (typing.current = false)}
        onKeyDown={({ key, altKey, currentTarget }) => {
          typing.current = /^(\p{Nd}|Arrow.*|Backspace|Delete|Tab|Shift)$/u.test(key) && !altKey; // others open what one picks from
          if (key === 'Enter') {
            take(currentTarget.value);
          }
        }}
        onInput={(event) => setText(event.currentTarget.value)}
        onChange={({ currentTarget }) => typing.current || take(currentTarget.value)}
        onBlur={({ currentTarget }) => take(currentTarget.value)}
      />
    </label>
  );
}

/** Months is a chart of how many orders were placed in each month; a month is chosen by its bar. */
function Months({ from, to, values }: { from: string; to: string; values: CountsFragment['values'] }) {
  const counts = new Map(values.map(({ value, count: n }) => [value, n]));
  const all = monthsUpTo(values[0]?.value ?? '', shown);
  const most = Math.max(1, ...counts.values());
  const id = useId();
  return (
    <div class="months" role="group" aria-label="Orders by month" aria-describedby={zone === 'UTC' ? undefined : id}>
      {all.map((value) => {
        const n = counts.get(value) ?? 0;
        const span = spanOf(value);
        const pressed = from === span.from && to === span.to;
        return (
          <button
            key={value} type="button" disabled={n === 0} aria-pressed={pressed} aria-label={`${month(value)}: ${count(n)} orders`}
            title={`${month(value)}: ${count(n)} orders (${day(span.from)} – ${day(span.to)})`}
            onClick={() => go(pressed ? { from: '', to: '' } : span)}
          >
            <span style={{ height: `${n === 0 ? 0 : Math.max(6, (100 * n) / most)}%` }} />
          </button>
        );
      })}
      <span class="hint" aria-hidden="true">{shortMonth(all[0] ?? '')}</span>
      <span class="hint last" aria-hidden="true">{shortMonth(all.at(-1) ?? '')}</span>
      {zone !== 'UTC' && <p id={id} class="hint zones">Counted by months in UTC; a click chooses days in {zone}.</p>}
    </div>
  );
}
