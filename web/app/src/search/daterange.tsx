import { useId } from 'preact/hooks';
import { go } from '../address';
import type { CountsFragment } from '../operations';
import { count } from '../words';
import { day, daysAgo, month, monthsUpTo, shortMonth, spanOf } from './days';

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
        <label>
          <span class="hint">From</span>
          <input type="date" value={from} {...wrong} max={to || undefined} onChange={(event) => go({ from: event.currentTarget.value })} />
        </label>
        <label>
          <span class="hint">To</span>
          <input type="date" value={to} {...wrong} min={from || undefined} onChange={(event) => go({ to: event.currentTarget.value })} />
        </label>
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

/** Months is a chart of how many orders were placed in each month; a month is chosen by its bar. */
function Months({ from, to, values }: { from: string; to: string; values: CountsFragment['values'] }) {
  const counts = new Map(values.map(({ value, count: n }) => [value, n]));
  const all = monthsUpTo(values[0]?.value ?? '', shown);
  const most = Math.max(1, ...counts.values());
  return (
    <div class="months" role="group" aria-label="Orders by month">
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
    </div>
  );
}
