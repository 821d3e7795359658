import { useClient } from '@urql/preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { DetailsFragment } from '../operations';
import { Dishes } from './order';
import { readBack, ReadBackReport, type ReadBack } from './readback';
import { cancel, revise, type Receipt } from './shop';
import './demo.css';

/** DemoActions are what a customer can do with an order: cancel and revise it. */
export function DemoActions({ order }: { order: DetailsFragment }) {
  const client = useClient();
  const [wanted, setWanted] = useState<Record<string, number>>();
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState('');
  const [read, setRead] = useState<ReadBack>();

  async function send(command: () => Promise<Receipt>) {
    setBusy(true);
    setFailed('');
    setRead(undefined);
    try {
      setRead(await readBack(client, await command()));
      setWanted(undefined);
    } catch (error) {
      setFailed(`The Order service says no: ${(error as Error).message}`);
    }
    setBusy(false);
  }

  const had = Object.fromEntries(order.lineItems.map(({ menuItemId, quantity }) => [menuItemId, quantity]));
  const possible = order.state === 'APPROVED' && order.status !== 'DELIVERED';
  const ready = possible && !busy;
  const unchanged = wanted !== undefined && Object.entries(wanted).every(([id, quantity]) => quantity === had[id]);
  const form = useRef<HTMLFormElement>(null);
  const revising = useRef<HTMLButtonElement>(null);
  const opened = useRef(false);
  // What is pressed here goes with what it opens or closes; the focus goes on to what has come.
  useLayoutEffect(() => {
    if (opened.current !== (wanted !== undefined)) {
      opened.current = !opened.current;
      if (document.activeElement === document.body) {
        (opened.current ? form.current?.querySelector('input') : revising.current)?.focus();
      }
    }
  }, [wanted]);
  return (
    <section class="actions" aria-labelledby="actions-title">
      <h3 id="actions-title">As the customer</h3>
      {!possible && !read && <p class="hint">An order can be cancelled and revised once it is approved, until it is over.</p>}
      {wanted === undefined ? (
        <p class="buttons">
          <button type="button" class="quiet" aria-disabled={!ready} onClick={() => ready && send(() => cancel(order.orderId))}>Cancel the order</button>
          <button ref={revising} type="button" class="quiet" aria-disabled={!ready} onClick={() => ready && setWanted(had)}>Revise it…</button>
        </p>
      ) : (
        <form
          ref={form}
          onKeyDown={(event) => {
            if (event.key === 'Escape') {
              event.preventDefault(); // the order stays open
              setWanted(undefined);
            }
          }}
          onSubmit={(event) => {
            event.preventDefault();
            if (busy || unchanged) {
              return;
            }
            const changes = Object.entries(wanted)
              .filter(([id, quantity]) => quantity !== had[id])
              .map(([menuItemId, quantity]) => ({ menuItemId, quantity }));
            void send(() => revise(order.orderId, changes));
          }}
        >
          <Dishes of={order.lineItems} wanted={wanted} want={(id, quantity) => setWanted({ ...wanted, [id]: quantity })} />
          <p class="buttons">
            <button type="submit" aria-disabled={busy || unchanged}>Revise</button>
            <button type="button" class="quiet" onClick={() => setWanted(undefined)}>Leave it</button>
          </p>
        </form>
      )}
      {failed && <p class="notice bad" role="alert">{failed}</p>}
      {read && <ReadBackReport of={read} />}
    </section>
  );
}
