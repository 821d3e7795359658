import { useRef } from 'preact/hooks';
import { link } from '../address';
import { zone } from './days';

/** Searches to learn from. */
const examples: [string, string][] = [
  ['green curry', 'both words, anywhere in the order'],
  ['"green curry"', 'these words next to each other'],
  ['curry OR soup', 'one of the two'],
  ['curry -peanut', 'the first without the second'],
  ['city:oakland', 'the word in one field'],
  ['status:ready', 'a status'],
  ['total:20..50', 'an amount; also total:>50'],
  ['createdAt:2026-03', 'a month, in UTC; also a day, or createdAt:>=2026-03-01'],
];

/** Examples lists searches, each a link that runs it. */
export function Examples() {
  return (
    <dl class="examples">
      {examples.map(([q, finds]) => (
        <div key={q}>
          <dt><a {...link({ q })}><code>{q}</code></a></dt>
          <dd>{finds}</dd>
        </div>
      ))}
    </dl>
  );
}

/** HowToSearch opens a short guide to the search language. It closes when something in it was chosen, and with Escape. */
export function HowToSearch() {
  const menu = useRef<HTMLDetailsElement>(null);
  const close = () => menu.current && (menu.current.open = false);
  return (
    <details
      ref={menu} class="menu howto"
      onKeyDown={(event) => {
        if (event.key === 'Escape' && menu.current?.open) {
          event.preventDefault();
          close();
          menu.current.querySelector('summary')?.focus();
        }
      }}
      onFocusOut={(event) => event.relatedTarget && !menu.current?.contains(event.relatedTarget as Node) && close()}
    >
      <summary>How to search</summary>
      <div class="sheet" onClick={(event) => (event.target as HTMLElement).closest('a') && close()}>
        <Examples />
        <p class="hint">Type / to get to the box, and the arrow keys to move between hits.</p>
        {zone !== 'UTC' && <p class="hint">Times in a search are in UTC. The filter “Placed”, and all that is shown, is in your time zone, {zone}.</p>}
      </div>
    </details>
  );
}
