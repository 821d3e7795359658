import { useNow } from '../clock';
import { FaultNotice } from '../faultnotice';
import { age, count, duration } from '../words';
import { differences, type Difference } from './differences';
import { services } from './events';
import type { Note } from './freshness';
import type { Reading } from './reading';

/** AskOwners asks the services themselves how an order stands, and says what differed from what was shown. */
export function AskOwners({ reading: { order, asked, askOwners } }: { reading: Reading }) {
  const asking = asked.state === 'asking';
  return (
    <section class="owners" aria-labelledby="order-owners">
      <h3 id="order-owners">Is it up to date?</h3>
      <p class="hint">What is shown follows the services’ events. They can be asked directly, too.</p>
      <button type="button" aria-disabled={asking} onClick={() => asking || askOwners()}>{asking ? 'Asking the owners…' : 'Ask the owners now'}</button>
      {asked.state === 'failed' && <FaultNotice fault={asked.fault} again={askOwners} />}
      <div role="status">
        {asked.state === 'answered' && (
          order && differences(asked.was, order).length > 0
            ? <p>The order has changed since the owners were asked.</p>
            : <Answer note={asked.note} took={asked.took} differs={asked.differs} />
        )}
      </div>
      {asked.state === 'answered' && <When at={asked.at} />}
    </section>
  );
}

/** When says how long ago they answered. It is not said aloud, since it changes each second. */
function When({ at }: { at: number }) {
  const now = useNow();
  return <p class="hint">Asked {age(new Date(at), Math.max(now, at))}</p>;
}

function Answer({ note, took, differs }: { note: Note | undefined; took: number; differs: Difference[] }) {
  const failed = note?.parts?.filter((part) => part.failed) ?? [];
  const how = `asked ${count(services.length)} services in ${duration(took)}`;
  return (
    <>
      {failed.map(({ aggregate, failed }) => (
        <p key={aggregate} class="unkept">{services.find((one) => one.aggregate === aggregate)?.name}: {failed}. What the view has is shown.</p>
      ))}
      {differs.length === 0 ? (
        <p>{failed.length === 0 ? `Nothing differed: the view was up to date (${how}).` : `Nothing else differed (${how}).`}</p>
      ) : (
        <>
          <p><strong>What differed</strong> ({how}):</p>
          <table class="differs">
            <thead><tr><th scope="col">Field</th><th scope="col">Was shown</th><th scope="col">Is</th></tr></thead>
            <tbody>
              {differs.map(({ field, before, after }) => (
                <tr key={field}><th scope="row">{field}</th><td>{before}</td><td>{after}</td></tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </>
  );
}
