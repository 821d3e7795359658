import { useEffect } from 'preact/hooks';
import { ask } from '../asking';
import { authorization, refused, session } from '../session';
import { store, useStore } from '../store';

/** A view as /views tells of it. null is what this gateway does not know. */
export interface ViewStatus {
  name: string;
  documents: number | null;
  store: 'embedded' | 'elasticsearch';
  index: string | null;
  built: string | null;
  /** A rebuild that runs beside the live index. */
  building: { index: string; since: string | null } | null;
  /** It was made anew, and lacks what is old until it has caught up. */
  filling: boolean | null;
  lagMs: number | null;
  lagLimitMs: number | null;
  /** Records that are published and not indexed. */
  waiting: number | null;
  deadLetters: { count: number; newest: string | null; reasons: Record<string, number> } | null;
  /** What comparing documents with their owners found: those that differ at one version, and those behind or missing on a side. */
  drift: { checked: number; differed: number; apart: number; at: string | null } | null;
  /** "ok", or what is wrong. */
  ready: string;
  warnings: string[];
  topics: string[];
}

/** How far a view was behind at a time; lagMs is null where it was not known. */
export interface LagPoint {
  at: number;
  lagMs: number | null;
}

/** What is known of the views. */
export interface Statuses {
  views: ViewStatus[];
  /** The lag of each view by its name, of the last two minutes, oldest first. */
  lags: Record<string, LagPoint[]>;
  /** When it was asked last; 0: never. */
  at: number;
  /** Why it is not known, or is old: whom it is not told, and what went wrong. */
  failed: '' | 'forbidden' | 'unreachable';
}

const nothing: Statuses = { views: [], lags: {}, at: 0, failed: '' };
const statuses = store<Statuses>(nothing);
const every = 2_000; // milliseconds between two questions
const remembered = 120_000; // milliseconds of lag

/** isOld reports whether what is known is no longer so: a server that answers is asked every two seconds. */
export const isOld = ({ at, failed }: Statuses, now: number): boolean => failed !== '' || now - at > 3 * every;

const patience = 10_000; // milliseconds until the server is taken for one that cannot be reached

/** look asks once, unless it has ended. */
async function look(ended: AbortSignal): Promise<void> {
  const before = statuses.get();
  const of = session.get();
  try {
    const response = await ask('/views', { headers: authorization(of), signal: ended }, patience);
    if (session.get() !== of) {
      return; // another may be told otherwise
    }
    if (response.status === 401) {
      void refused(of, 'not taken');
    }
    if (response.status === 401 || response.status === 403) {
      statuses.set({ ...nothing, failed: 'forbidden' });
      return;
    }
    if (!response.ok) {
      throw new Error(`/views answers ${response.status}`);
    }
    const { views } = (await response.json()) as { views: ViewStatus[] };
    const at = Date.now();
    const lags = Object.fromEntries(views.map(({ name, lagMs }) => [
      name, [...(before.lags[name] ?? []).filter((point) => at - point.at < remembered), { at, lagMs }],
    ]));
    statuses.set({ views, lags, at, failed: '' });
  } catch {
    if (!ended.aborted) {
      statuses.set({ ...before, failed: 'unreachable' });
    }
  }
}

let watched = 0;
let stop = () => {};

/** watch asks again and again, as long as the page is looked at and whom it speaks for may know. */
function watch(): () => void {
  const ended = new AbortController();
  let asking = false;
  const turn = async () => {
    if (!asking && document.visibilityState === 'visible' && statuses.get().failed !== 'forbidden') {
      asking = true;
      await look(ended.signal);
      asking = false;
    }
  };
  const timer = setInterval(turn, every);
  const anew = () => {
    statuses.set(nothing);
    void turn();
  };
  const silent = session.listen(anew);
  document.addEventListener('visibilitychange', turn);
  void turn();
  return () => {
    ended.abort();
    clearInterval(timer);
    silent();
    document.removeEventListener('visibilitychange', turn);
  };
}

/** useStatuses returns what is known of the views, and again whenever it was asked. All who use it ask together. */
export function useStatuses(): Statuses {
  useEffect(() => {
    if (watched++ === 0) {
      stop = watch();
    }
    return () => {
      if (--watched === 0) {
        stop();
      }
    };
  }, []);
  return useStore(statuses);
}
