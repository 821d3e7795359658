import { useClient, useQuery, useSubscription } from '@urql/preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { faultOf, type Fault } from '../client';
import { OrderChangesDocument, OrderDocument, type DetailsFragment } from '../operations';
import { differences, type Difference } from './differences';
import { partOf } from './events';
import { noteOf, type Note } from './freshness';

/** Asked is what came of asking the owners. */
export type Asked =
  | { state: 'no' }
  | { state: 'asking' }
  | { state: 'failed'; fault: Fault }
  /** took is how long the answer took, at when it came, both in milliseconds; was is the order as it told it. */
  | { state: 'answered'; note: Note | undefined; took: number; at: number; differs: Difference[]; was: DetailsFragment };

/** Reading is an order as it is read and followed. */
export interface Reading {
  /** undefined until there is an answer, null where there is no such order. */
  order: DetailsFragment | null | undefined;
  /** Where what is shown came from. */
  note: Note | undefined;
  fault: Fault | undefined;
  /** Why changes are not followed. */
  unfollowed: Fault | undefined;
  asked: Asked;
  read: () => void;
  follow: () => void;
  askOwners: () => void;
}

/** useOrder reads an order, follows its changes, and asks its owners when it is told to. */
export function useOrder(id: string): Reading {
  const client = useClient();
  const [result, again] = useQuery({ query: OrderDocument, variables: { id }, requestPolicy: 'cache-and-network' });
  const [changed, follow] = useSubscription({ query: OrderChangesDocument, variables: { id } });
  const [note, setNote] = useState<Note>();
  const [asked, setAsked] = useState<Asked>({ state: 'no' });
  const shown = useRef<DetailsFragment>(undefined);
  const order = result.data?.order;
  shown.current = order ?? undefined;

  /** News are of what is shown where they have newer versions, and not where they are of what somebody was asked for already. */
  function take(extensions: object | undefined, news: boolean) {
    const told = noteOf(extensions);
    if (told && isOf(told, shown.current)) {
      setNote((has) => (news && has && !isNewer(told, has) ? has : told));
    }
  }
  useEffect(() => take(result.extensions, false), [result.extensions]);
  useEffect(() => take(changed.extensions, true), [changed.extensions]);

  // An order that was placed a moment ago is there as soon as there is news of it.
  const news = order === null && changed.data?.orderChanged;
  useEffect(() => {
    if (news) {
      again({ requestPolicy: 'network-only' });
    }
  }, [news]);

  async function askOwners() {
    const before = shown.current;
    const from = performance.now();
    setAsked({ state: 'asking' });
    const answer = await client
      .query(OrderDocument, { id, freshness: { mode: 'FRESH' } }, { requestPolicy: 'network-only' })
      .toPromise();
    const after = answer.data?.order;
    const fault = faultOf(answer);
    if (!after || !before) {
      setAsked({ state: 'failed', fault: fault ?? { message: 'Its service no longer knows this order.', requestId: '', signIn: false, pageGone: false } });
      return;
    }
    const told = noteOf(answer.extensions);
    setNote(told);
    setAsked({ state: 'answered', note: told, took: performance.now() - from, at: Date.now(), differs: differences(before, after), was: after });
  }

  return {
    order: order === undefined && !result.fetching && !result.error ? null : order,
    note,
    fault: faultOf(result),
    unfollowed: faultOf(changed),
    asked,
    read: () => again({ requestPolicy: 'network-only' }),
    follow,
    askOwners: () => void askOwners(),
  };
}

/** isOf reports whether a note is of the order as it is shown, not of an older answer that has not been taken (newest.ts). */
function isOf({ versions }: Note, order: DetailsFragment | undefined): boolean {
  return !order || versions.every(({ aggregate, version }) => version >= (partOf(order, aggregate)?.version ?? 0));
}

/** isNewer reports whether a note is of a newer version of anything than another is. */
function isNewer(note: Note, than: Note): boolean {
  return note.versions.some(({ aggregate, id, version }) =>
    version > (than.versions.find((one) => one.aggregate === aggregate && one.id === id)?.version ?? 0));
}
