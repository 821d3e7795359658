import { useNow } from './clock';
import { connection } from './connection';
import { ended } from './session';
import { useStore } from './store';
import { duration } from './words';

/** ConnectionState says whether changes reach the page, and aloud when they no longer do and do again. */
export function ConnectionState() {
  const is = useStore(connection);
  const over = useStore(ended) !== ''; // nothing is followed then, since nothing is found
  return (
    <span class={`connection ${is.state}`} role="status">
      {is.state === 'connected' && <span title="Changes are shown as they happen">Live</span>}
      {(is.state === 'refused' || is.state === 'impossible' || (over && is.state === 'idle')) && 'Changes are not shown'}
      {is.state === 'lost' && <Lost since={is.since} />}
    </span>
  );
}

function Lost({ since }: { since: Date }) {
  const now = useNow();
  return (
    <>
      Connection lost; trying again
      <span aria-hidden="true"> ({duration(Math.max(0, now - since.getTime()))})</span>
    </>
  );
}
