import { useClient, useQuery } from '@urql/preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { go } from '../address';
import { faultOf } from '../client';
import { FaultNotice } from '../faultnotice';
import { MenusDocument } from '../operations';
import { money } from '../words';
import { readBack, ReadBackReport, type ReadBack } from './readback';
import { customers, place, type Customer } from './shop';
import './demo.css';

/** OrderSomething is the demo's button with which one orders as a customer would. */
export function OrderSomething() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        onClick={() => {
          setOpen(true);
          dialog.current?.showModal();
        }}
      >
        Order something
      </button>
      <dialog ref={dialog} class="sheet purchase" aria-labelledby="purchase-title" onClose={() => setOpen(false)}>
        <h2 id="purchase-title">Order as a customer would</h2>
        {open && <Purchase close={() => dialog.current?.close()} />}
      </dialog>
    </>
  );
}

function Purchase({ close }: { close: () => void }) {
  const client = useClient();
  const [menus, again] = useQuery({ query: MenusDocument });
  const [people, setPeople] = useState<Customer[]>([]);
  const [consumer, setConsumer] = useState('');
  const [restaurant, setRestaurant] = useState('');
  const [wanted, setWanted] = useState<Record<string, number>>({});
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState('');
  const [read, setRead] = useState<ReadBack>();

  useEffect(() => {
    customers().then(setPeople, (error: Error) => setFailed(error.message));
  }, []);

  const places = menus.data?.availableRestaurants.nodes ?? [];
  const at = places.find(({ restaurantId }) => restaurantId === restaurant) ?? places[0];
  const who = people.find(({ consumerId }) => String(consumerId) === consumer) ?? people[0];
  const lineItems = (at?.menu ?? [])
    .map(({ menuItemId }) => ({ menuItemId, quantity: wanted[menuItemId] ?? 0 }))
    .filter(({ quantity }) => quantity > 0);
  const fault = faultOf(menus);

  async function send() {
    if (!at || !who) {
      return;
    }
    setBusy(true);
    setFailed('');
    try {
      const receipt = await place({
        consumerId: who.consumerId,
        restaurantId: at.restaurantId,
        deliveryAddress: {
          street1: '1 Example Street', city: at.address?.city ?? 'Oakland', state: at.address?.state ?? 'CA', zip: at.address?.zip ?? '94612',
        },
        lineItems,
      });
      setRead(await readBack(client, receipt));
    } catch (error) {
      setFailed((error as Error).message);
    }
    setBusy(false);
  }

  if (fault) {
    return (
      <>
        <FaultNotice fault={fault} again={() => again({ requestPolicy: 'network-only' })} />
        <p class="buttons"><button type="button" class="quiet" onClick={close}>Close</button></p>
      </>
    );
  }
  if (read) {
    return (
      <>
        <ReadBackReport of={read} />
        <p class="buttons">
          <button
            type="button"
            onClick={() => {
              close();
              go({ order: String(read.receipt.orderId) });
            }}
          >
            Watch it
          </button>
          <button type="button" class="quiet" onClick={close}>Close</button>
        </p>
      </>
    );
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <label>
        Who orders
        <select value={who?.consumerId} onChange={(event) => setConsumer(event.currentTarget.value)}>
          {people.map(({ consumerId, name }) => (
            <option key={consumerId} value={String(consumerId)}>{name.firstName} {name.lastName}</option>
          ))}
        </select>
      </label>
      <label>
        Where
        <select
          value={at?.restaurantId}
          onChange={(event) => {
            setRestaurant(event.currentTarget.value);
            setWanted({});
          }}
        >
          {places.map(({ restaurantId, name }) => <option key={restaurantId} value={restaurantId}>{name ?? restaurantId}</option>)}
        </select>
      </label>
      <fieldset>
        <legend>What</legend>
        <Dishes
          of={at?.menu ?? []}
          wanted={wanted}
          want={(id, quantity) => setWanted({ ...wanted, [id]: quantity })}
        />
      </fieldset>
      {failed && <p class="notice bad" role="alert">{failed}</p>}
      <p class="buttons">
        <button type="submit" disabled={busy || lineItems.length === 0}>Order</button>
        <button type="button" class="quiet" onClick={close}>Close</button>
      </p>
    </form>
  );
}

/** A dish that can be wanted. */
interface Dish {
  menuItemId: string;
  name: string;
  price: { amount: string; currency: string };
}

/** Dishes lets one say how many of each dish are wanted. */
export function Dishes({ of, wanted, want }: {
  of: readonly Dish[];
  wanted: Record<string, number>;
  want: (id: string, quantity: number) => void;
}) {
  return (
    <ul class="dishes">
      {of.map(({ menuItemId, name, price }) => (
        <li key={menuItemId}>
          <label>
            <input
              type="number"
              min="0"
              max="20"
              value={wanted[menuItemId] ?? 0}
              onInput={(event) => want(menuItemId, Math.max(0, Math.min(20, Math.trunc(event.currentTarget.valueAsNumber || 0))))}
            />
            <span>{name}</span>
            <span class="price">{money(price)}</span>
          </label>
        </li>
      ))}
    </ul>
  );
}
