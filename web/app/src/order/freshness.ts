// What the gateway tells of where an answer came from, extensions.freshness, and how that is said to people.
import type { Aggregate } from '../operations';
import { duration } from '../words';

/** Note is what is told of one field; see doc/freshness.md. */
export interface Note {
  path: (string | number)[];
  source: 'VIEW' | 'OWNERS' | 'MIXED';
  reason: string;
  kept: boolean;
  lagMs: number | null;
  versions: { aggregate: Aggregate; id: string; version: number }[];
  /** Of single orders that are not the view's alone: whose word each part is. */
  parts?: { aggregate: Aggregate; id: string; source: 'VIEW' | 'OWNERS'; failed?: string }[];
  token: string | null;
}

/** notesOf returns what an answer tells of its fields. */
export const notesOf = (extensions: object | undefined): Note[] => (extensions as { freshness?: Note[] } | undefined)?.freshness ?? [];

/** noteOf returns what an answer tells of its one field. */
export const noteOf = (extensions: object | undefined): Note | undefined => notesOf(extensions)[0];

const reasons: Record<string, string> = {
  satisfied: 'It was new enough.',
  waited: 'It became new enough while we waited.',
  fresh: '',
  behind: 'The view is behind the services.',
  unversioned: 'A part’s events carry no version, so its service was asked.',
  degraded: 'The view has lost an event of a part, so its service was asked.',
  missing: 'The view does not have all of it.',
  rebuilding: 'The view is being built and is not yet complete.',
  'view down': 'The view cannot be read.',
  'owner not configured': 'A service could not be asked, because the gateway does not know where it is.',
  'owner down': 'A service that was asked did not answer, so this is what the view has of its part.',
};

const sources = { VIEW: 'From the view', OWNERS: 'From the services themselves', MIXED: 'From the view and the services' };

/** whence says where an answer came from: "From the view, 40 ms behind the services." */
export function whence({ source, lagMs }: Note): string {
  const behind = source === 'OWNERS' || lagMs === null ? '' : lagMs === 0 ? ', up to date' : `, ${duration(lagMs)} behind the services`;
  return `${sources[source]}${behind}.`;
}

/** why says for which reason it did; '' where that needs no words. */
export function why({ reason, source, kept }: Note): string {
  if (reason === 'satisfied' && source === 'VIEW') {
    return '';
  }
  if (reason === 'behind' && source === 'OWNERS' && !kept) {
    return 'The view is behind them: what happened last is not among the events yet.';
  }
  return `${reasons[reason] ?? `Reason: ${reason}.`}${kept ? '' : ' It may be older than was asked for.'}`;
}
