import { useEffect, useRef, useState } from 'preact/hooks';
import type { DetailsFragment } from '../operations';
import { clock, duration, exactTime } from '../words';
import { isOver, meaningOf, serviceOf } from './events';
import { Picture } from './picture';

/** Timeline is what happened when, by which service: a picture, and the same as a table. */
export function Timeline({ order }: { order: DetailsFragment }) {
  const [pointed, setPointed] = useState(0);
  const { timeline } = order;
  const holder = useRef<HTMLDivElement>(null);
  const width = useWidth(holder);
  const first = timeline[0];
  return (
    <section class="timeline" aria-labelledby="order-timeline">
      <h3 id="order-timeline">What happened</h3>
      {first ? (
        <>
          <div class="picture" ref={holder}>
            {width > 0 && <Picture timeline={timeline} underWay={!isOver(order)} width={width} pointed={pointed} point={setPointed} />}
          </div>
          <table>
            <caption class="visually-hidden">Events, oldest first</caption>
            <thead>
              <tr><th scope="col"><span class="visually-hidden">Number</span></th><th scope="col">Time</th><th scope="col">After</th><th scope="col">What</th><th scope="col">Service</th><th scope="col">Version</th></tr>
            </thead>
            <tbody>
              {timeline.map((entry, i) => {
                const { name, part } = serviceOf(entry.aggregate);
                const no = i + 1;
                return (
                  <tr
                    key={`${entry.aggregate} ${entry.version ?? no} ${entry.type}`}
                    class={`${part}${pointed === no ? ' pointed' : ''}`}
                    onMouseEnter={() => setPointed(no)}
                    onMouseLeave={() => setPointed(0)}
                  >
                    <td><span class="no">{no}</span></td>
                    <td title={exactTime(entry.at)}><time dateTime={entry.at}>{clock(entry.at)}</time></td>
                    <td>{i === 0 ? '' : `+${duration(Date.parse(entry.at) - Date.parse(first.at))}`}</td>
                    <td>{meaningOf(entry.type).said} <code>{entry.type}</code></td>
                    <td class="service">{name}</td>
                    <td>{entry.version ?? '–'}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </>
      ) : (
        <p class="hint">The view has no events of this order yet; the services do not tell them.</p>
      )}
    </section>
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
