import { link } from '../address';

/** Searches to learn from. */
const examples: [string, string][] = [
  ['green curry', 'both words, anywhere in the order'],
  ['"green curry"', 'these words next to each other'],
  ['curry OR soup', 'one of the two'],
  ['curry -peanut', 'the first without the second'],
  ['city:oakland', 'the word in one field'],
  ['status:ready', 'a status'],
  ['total:20..50', 'an amount; also total:>50'],
  ['createdAt:2026-03', 'a month; also a day, or createdAt:>=2026-03-01'],
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

/** HowToSearch opens a short guide to the search language. */
export function HowToSearch() {
  return (
    <details class="menu howto">
      <summary>How to search</summary>
      <div class="sheet">
        <Examples />
        <p class="hint">Type / to get to the box, and the arrow keys to choose among hits.</p>
      </div>
    </details>
  );
}
