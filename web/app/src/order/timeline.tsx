import { useEffect, useRef, useState } from 'preact/hooks';
import type { DetailsFragment } from '../operations';
import { clock, duration, exactTime } from '../words';
import { isOver, meaningOf, serviceOf } from './events';
import { Picture } from './picture';

/** Timeline is what happened when, by which service: the picture of it. Which event is pointed at it shares with the list. */
export function Timeline({ order: { timeline, ...order }, pointed, point }: Shared) {
  const holder = useRef<HTMLDivElement>(null);
  const width = useWidth(holder);
  return (
    <section class="timeline" aria-labelledby="order-timeline">
      <h3 id="order-timeline">What happened</h3>
      {timeline.length > 0 ? (
        <div class="picture" ref={holder}>
          {width > 0 && <Picture timeline={timeline} underWay={!isOver(order)} width={width} pointed={pointed} point={point} />}
        </div>
      ) : (
        <p class="hint">The view has no events of this order yet; the services do not tell them.</p>
      )}
    </section>
  );
}

/** Events is the same as a list. */
export function Events({ order: { timeline }, pointed, point }: Shared) {
  const first = timeline[0];
  if (first === undefined) {
    return null;
  }
  return (
    <section class="timeline" aria-labelledby="order-events">
      <h3 id="order-events">Step by step</h3>
      <ol class="events" aria-label="Events, oldest first">
        {timeline.map((entry, i) => (
          <Event
            key={`${entry.aggregate} ${entry.version ?? i} ${entry.type}`}
            no={i + 1}
            entry={entry}
            after={Date.parse(entry.at) - Date.parse(first.at)}
            pointed={pointed}
            point={point}
          />
        ))}
      </ol>
    </section>
  );
}

/** What the picture and the list have in common. */
interface Shared {
  order: DetailsFragment;
  /** The number of the event that is pointed at, from 1; 0 is none. */
  pointed: number;
  point: (no: number) => void;
}

interface Props {
  no: number;
  entry: DetailsFragment['timeline'][number];
  /** How long after the first event it was, in milliseconds. */
  after: number;
  pointed: number;
  point: (no: number) => void;
}

function Event({ no, entry, after, pointed, point }: Props) {
  const { name, part } = serviceOf(entry.aggregate);
  return (
    <li class={`${part}${pointed === no ? ' pointed' : ''}`} onMouseEnter={() => point(no)} onMouseLeave={() => point(0)}>
      <span class="no" aria-hidden="true">{no}</span>
      <span class="what">{meaningOf(entry.type).said} <code>{entry.type}</code></span>
      <time dateTime={entry.at} title={`${exactTime(entry.at)} (${entry.at})`}>{clock(entry.at)}</time>
      <span class="after">{no > 1 && `+${duration(after)}`}</span>
      <span class="service">{name}</span>
      <span class="version">{entry.version === null ? 'no version' : `version ${entry.version}`}</span>
    </li>
  );
}

/** useWidth returns how wide an element is, as it changes; 0 before that is known. */
function useWidth(of: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!of.current) {
      return undefined;
    }
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(of.current);
    return () => observer.disconnect();
  }, []);
  return width;
}
