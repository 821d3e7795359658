import type { Fault } from './client';

/**
 * FaultNotice says what went wrong, and what can be done about it: again tries once more, or goes to the list's first page. Where
 * somebody has to sign in, the page says how (SessionEnded).
 */
export function FaultNotice({ fault, again }: { fault: Fault; again?: () => void }) {
  return (
    <div class="notice bad" role="alert">
      <p>{fault.message}</p>
      {!fault.signIn && again && <button type="button" class="quiet" onClick={again}>{fault.pageGone ? 'To the first page' : 'Try again'}</button>}
      {fault.requestId && <p class="hint">Request <code>{fault.requestId}</code></p>}
    </div>
  );
}
