import { useNow } from '../clock';
import type { Aggregate, DetailsFragment } from '../operations';
import { age, exactTime, name } from '../words';
import { partOf, services, type Standing } from './events';
import { Flash } from './flash';
import { whence, why, type Note } from './freshness';

/** Parts is the map of what an order is gathered from: each service's part, at which version, from where and how old. */
export function Parts({ order, note }: { order: DetailsFragment; note: Note | undefined }) {
  return (
    <section aria-labelledby="order-parts">
      <h3 id="order-parts">Where it comes from</h3>
      {note && (
        <p class={note.kept ? undefined : 'unkept'}>{whence(note)} {why(note)}</p>
      )}
      <ul class="parts">
        {services.map(({ aggregate, name: service, part }) => (
          <li key={aggregate} class={part}>
            <h4>{service}</h4>
            <Part part={partOf(order, aggregate)} at={order.timeline.findLast((entry) => entry.aggregate === aggregate)?.at} note={note} aggregate={aggregate} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Part({ part, at, note, aggregate }: { part: Standing | null; at: string | undefined; note: Note | undefined; aggregate: Aggregate }) {
  const now = useNow();
  const told = note?.parts?.find((one) => one.aggregate === aggregate);
  if (!part) {
    return <p class="hint">{told?.failed ? 'Could not be asked' : 'Nothing yet'}</p>;
  }
  const source = told?.source ?? (note?.source === 'VIEW' ? 'VIEW' : undefined);
  return (
    <>
      <p><Flash of={part.version}><strong>{name(part.state)}</strong></Flash></p>
      <p>version <Flash of={part.version}>{part.version}</Flash></p>
      {source && <p>{source === 'VIEW' ? 'from the view' : 'from the service'}{told?.failed && `: ${told.failed}`}</p>}
      {at && <p class="hint" title={exactTime(at)}>last event {age(at, now)}</p>}
    </>
  );
}
