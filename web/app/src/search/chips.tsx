import { go } from '../address';
import type { Narrowing } from './asked';

/** Chips lists what narrows the search, each with a button that takes it away. */
export function Chips({ all }: { all: Narrowing[] }) {
  return all.length === 0 ? null : (
    <ul class="chips" aria-label="Chosen filters">
      {all.map(({ of, text, without }) => (
        <li key={`${of} ${text}`}>
          <button type="button" class="quiet" onClick={() => go(without)} aria-label={`Remove ${of}: ${text}`}>
            <span><span class="of">{of}:</span> {text}</span><span aria-hidden="true">×</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
