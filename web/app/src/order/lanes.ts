// Where a timeline's events stand in its picture. Long gaps are drawn shorter than they are, and what happened at about the
// same time side by side.
import type { Aggregate, DetailsFragment } from '../operations';
import { meaningOf, services } from './events';

type Entry = DetailsFragment['timeline'][number];

/** Mark is an event in the picture. */
export interface Mark extends Entry {
  /** Its number in the list beneath, from 1. */
  no: number;
  said: string;
  x: number;
}

/** Span is what lasted from one event of a part to the next. */
export interface Span {
  aggregate: Aggregate;
  from: number;
  to: number;
  says: string;
  work: boolean;
  /** How long it took, in milliseconds; undefined while it lasts. */
  took: number | undefined;
}

export interface Lanes {
  marks: Mark[];
  spans: Span[];
  /** How wide all of it is: as wide as it may be, or as wide as it must be. */
  width: number;
}

const apart = 23; // of two marks of one lane
const step = 5; // of two marks one after the other in different lanes

/** layOut places events between left and right. While the order is under way, what lasts is drawn up to now, at right. */
export function layOut(timeline: Entry[], underWay: boolean, left: number, right: number): Lanes {
  const ahead = Math.min(110, right / 6); // of the last event and now
  const end = right - (underWay ? ahead : 0);
  let positions = place(timeline, left, 0);
  // The widest scale that fits is found by halving: what a scale makes wider, a larger one does, too.
  for (let low = 0, high = end; high - low > 0.5; ) {
    const middle = (low + high) / 2;
    const tried = place(timeline, left, middle);
    if ((tried.at(-1) ?? left) <= end) {
      low = middle;
      positions = tried;
    } else {
      high = middle;
    }
  }
  const marks = timeline.map((entry, i) => ({ ...entry, no: i + 1, said: meaningOf(entry.type).said, x: positions[i] ?? left }));
  const now = underWay ? (marks.at(-1)?.x ?? left) + ahead : undefined;
  const width = Math.max(right, now ?? marks.at(-1)?.x ?? right);
  return { marks, spans: services.flatMap(({ aggregate }) => spansOf(marks.filter((mark) => mark.aggregate === aggregate), now)), width };
}

/** place returns each event's position with gaps as long as the scale makes them. */
function place(timeline: Entry[], left: number, scale: number): number[] {
  const last = new Map<Aggregate, number>();
  const positions: number[] = [];
  timeline.forEach((entry, i) => {
    const before = timeline[i - 1];
    const gap = before ? Math.max(0, Date.parse(entry.at) - Date.parse(before.at)) : 0;
    const inLane = last.get(entry.aggregate);
    const x = Math.max(
      before ? (positions[i - 1] ?? left) + step + scale * Math.log1p(gap / 1000) : left,
      inLane === undefined ? left : inLane + apart,
    );
    positions.push(x);
    last.set(entry.aggregate, x);
  });
  return positions;
}

function spansOf(marks: Mark[], now: number | undefined): Span[] {
  let underWay = meaningOf('');
  return marks.flatMap((mark, i) => {
    const meaning = meaningOf(mark.type);
    underWay = meaning.goesOn ? underWay : meaning;
    const { then, work } = underWay;
    const next = marks[i + 1];
    const to = next?.x ?? now;
    if (!then || to === undefined) {
      return [];
    }
    const took = next && Date.parse(next.at) - Date.parse(mark.at);
    return [{ aggregate: mark.aggregate, from: mark.x, to, says: then, work: work ?? false, took }];
  });
}
