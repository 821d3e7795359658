import type { DetailsFragment } from '../operations';
import { clock, duration, exactTime } from '../words';
import { serviceOf, services } from './events';
import { layOut, type Mark, type Span } from './lanes';

const names = 84; // the width of the services' names, at left
const radius = 9; // of a mark
const lane = 46; // the height of one

interface Props {
  timeline: DetailsFragment['timeline'];
  underWay: boolean;
  width: number;
  /** The number of the event that is pointed at; 0 for none. */
  pointed: number;
  point: (no: number) => void;
}

/** Picture is a timeline drawn: a lane for each service, time from left to right, and the list's numbers as marks. */
export function Picture({ timeline, underWay, width: wide, pointed, point }: Props) {
  const { marks, spans, width } = layOut(timeline, underWay, names + radius + 2, wide - radius - 2);
  const shown = services.filter(({ aggregate }) => marks.some((mark) => mark.aggregate === aggregate));
  const y = (aggregate: string) => shown.findIndex((service) => service.aggregate === aggregate) * lane + lane / 2 + 4;
  const height = shown.length * lane + 30;
  const at = marks[pointed - 1];
  return (
    <svg width={width + radius + 2} height={height} role="img" aria-label={summary(marks, underWay)}>
      {shown.map(({ aggregate, name, part }) => (
        <g key={aggregate} class={part}>
          <text class="service" x={0} y={y(aggregate) + 4}>{name}</text>
          <line class="lane" x1={names} x2={width + radius} y1={y(aggregate)} y2={y(aggregate)} />
        </g>
      ))}
      {at && <line class="when" x1={at.x} x2={at.x} y1={0} y2={height - 18} />}
      {spans.map((span) => <Bar key={`${span.aggregate} ${span.from}`} {...span} y={y(span.aggregate)} />)}
      {marks.map((mark) => (
        <g
          key={mark.no}
          class={`mark ${serviceOf(mark.aggregate).part}${mark.no === pointed ? ' pointed' : ''}`}
          onMouseEnter={() => point(mark.no)}
          onMouseLeave={() => point(0)}
        >
          <title>{`${mark.said}: ${exactTime(mark.at)} (${mark.at}), ${mark.type}, version ${mark.version ?? 'none'}`}</title>
          <circle cx={mark.x} cy={y(mark.aggregate)} r={radius} />
          <text x={mark.x} y={y(mark.aggregate) + 4}>{mark.no}</text>
        </g>
      ))}
      {ticks(marks, width, underWay, at).map(({ x, text, anchor }) => (
        <text key={x} class="tick" x={x} y={height - 4} text-anchor={anchor}>{text}</text>
      ))}
    </svg>
  );
}

/** Bar is what lasted from one event to the next, with words where there is room for them. */
function Bar({ aggregate, from, to, says, work, took, y }: Span & { y: number }) {
  const room = to - from - 2 * radius - 4;
  const long = took === undefined ? says : `${says}, ${duration(took)}`;
  const text = [long, took === undefined ? '' : duration(took)].find((words) => words && words.length * 6.2 < room);
  return (
    <g class={`span ${serviceOf(aggregate).part}${work ? ' work' : ''}${took === undefined ? ' lasts' : ''}`}>
      <title>{took === undefined ? `${says}, up to now` : long}</title>
      <rect x={from} y={y - (work ? 7 : 2)} width={to - from} height={work ? 14 : 4} />
      {text && <text x={(from + to) / 2} y={y + (work ? 4 : -6)}>{text}</text>}
    </g>
  );
}

interface Tick {
  x: number;
  text: string;
  anchor: 'start' | 'middle' | 'end';
}

const tickWidth = 74;

/** ticks are the times beneath the picture: of the event that is pointed at, or else of as many as have room. */
function ticks(marks: Mark[], width: number, underWay: boolean, at: Mark | undefined): Tick[] {
  const tick = (mark: Mark): Tick => ({
    x: mark.x, text: clock(mark.at), anchor: mark.x - tickWidth / 2 < names ? 'start' : mark.x + tickWidth / 2 > width ? 'end' : 'middle',
  });
  if (at) {
    return [tick(at)];
  }
  const placed: Tick[] = underWay ? [{ x: width, text: 'now', anchor: 'end' }] : [];
  const left = ({ x, anchor }: Tick) => x - (anchor === 'start' ? 0 : anchor === 'end' ? tickWidth : tickWidth / 2);
  const free = (one: Tick) => placed.every((other) => Math.abs(left(one) - left(other)) > tickWidth + 8);
  for (const mark of [marks[0], marks.at(-1), ...marks]) {
    const one = mark && tick(mark);
    if (one && free(one)) {
      placed.push(one);
    }
  }
  return placed;
}

/** summary says in a sentence what the picture shows; the list has the rest. */
function summary(marks: Mark[], underWay: boolean): string {
  const first = marks[0];
  const last = marks.at(-1);
  if (!first || !last) {
    return 'No events';
  }
  const took = duration(Date.parse(last.at) - Date.parse(first.at));
  const by = services
    .map(({ aggregate, name }) => [name, marks.filter((mark) => mark.aggregate === aggregate).length] as const)
    .filter(([, n]) => n > 0)
    .map(([name, n]) => `${name} ${n}`)
    .join(', ');
  return `${marks.length} events within ${took}, from “${first.said}” to “${last.said}”${underWay ? ', and it goes on' : ''}. By service: ${by}. The list beneath tells each.`;
}
