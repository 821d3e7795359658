import { duration } from '../words';
import type { LagPoint } from './status';
import './lag.css';

/** over reports whether a lag is over its limit. */
export const over = (lagMs: number | null, limitMs: number | null): boolean => lagMs !== null && limitMs !== null && lagMs > limitMs;

const span = 120_000; // milliseconds from the left end to the right

/** LagGraph draws how far a view was behind in the last two minutes, red where that was more than its limit. */
export function LagGraph({ points, limitMs, width, height }: {
  points: LagPoint[];
  limitMs: number | null;
  width: number;
  height: number;
}) {
  const last = points.at(-1);
  const known = points.filter((point): point is { at: number; lagMs: number } => point.lagMs !== null);
  const most = Math.max(0, ...known.map((point) => point.lagMs));
  // The limit is drawn as soon as the lag comes near it; before, the lag itself fills the graph.
  const shown = limitMs !== null && most > limitMs / 3;
  const top = Math.max(shown ? limitMs * 1.2 : 0, most * 1.2, 100);
  const x = (at: number) => width - ((last?.at ?? at) - at) * (width / span);
  const y = (lagMs: number) => height - 1 - (lagMs / top) * (height - 2);
  const now = last?.lagMs ?? null;
  const label = now === null
    ? 'How far the view is behind is not known'
    : `${duration(now)} behind; at most ${duration(most)} in the last two minutes` + (limitMs === null ? '' : `; the limit is ${duration(limitMs)}`);
  return (
    <svg class="lag" role="img" aria-label={label} width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
      <title>{label}</title>
      <line class="ground" x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} />
      {shown && <line class="limit" x1="0" x2={width} y1={y(limitMs)} y2={y(limitMs)} />}
      {known.map((point) => (
        <rect
          key={point.at}
          class={over(point.lagMs, limitMs) ? 'over' : ''}
          x={x(point.at) - 1}
          width="2"
          y={Math.min(y(point.lagMs), height - 2)}
          height={Math.max(1, height - y(point.lagMs))}
        />
      ))}
    </svg>
  );
}
