import { useEffect, useRef, useState } from 'preact/hooks';
import { link } from '../address';
import { useNow } from '../clock';
import type { OrdersQuery } from '../operations';
import { Status } from '../status';
import { age, exactTime, money } from '../words';
import { Fragment, Marked, type Highlight } from './marked';

export type Edge = OrdersQuery['orderHistory']['edges'][number];

/** Where the highlights of these fields are shown in any case. */
const inPlace = ['orderId', 'restaurant.name', 'consumer.name', 'lineItems.name', 'deliveryAddress.street1', 'deliveryAddress.city'];

const places: Record<string, string> = {
  'deliveryAddress.street2': 'Address', 'deliveryAddress.state': 'State', 'deliveryAddress.zip': 'Postal code',
  'consumer.consumerId': 'Customer number', 'restaurant.restaurantId': 'Restaurant number', 'delivery.courierId': 'Courier', 'lineItems.menuItemId': 'Dish number',
};

/** Hit is an order in the list. It says so where it is open, and where it no longer matches the search. */
export function Hit({ edge: { node: order, highlights }, open, gone }: { edge: Edge; open: boolean; gone: boolean }) {
  const at = (field: string, text: string) => <Marked text={text} field={field} highlights={highlights} />;
  const { restaurant, consumer, deliveryAddress: address } = order;
  return (
    <article class={`hit ${open ? 'open' : ''} ${gone ? 'gone' : ''}`} onClick={follow} onAuxClick={follow}>
      <Glow when={order.updatedAt} />
      <a class="id" {...link({ order: order.orderId })} aria-current={open ? 'true' : undefined} data-order={order.orderId}>
        <span class="visually-hidden">Order </span>{at('orderId', order.orderId)}
      </a>
      <span class="state"><Status of={order.status} />{gone && <span class="hint">no longer matches</span>}</span>
      <span class="what">
        <span class="who">
          <strong>{restaurant.name === null ? `Restaurant ${restaurant.restaurantId}` : at('restaurant.name', restaurant.name)}</strong>
          <span>{consumer.name === null ? `Customer ${consumer.consumerId}` : at('consumer.name', consumer.name)}</span>
          {address && <span class="hint">{at('deliveryAddress.street1', address.street1)}, {at('deliveryAddress.city', address.city)}</span>}
        </span>
        <span class="items hint">
          {order.lineItems.map(({ name, quantity }, i) => <span key={i}>{quantity} × {at('lineItems.name', name)}</span>)}
        </span>
        {highlights.filter((one) => elsewhere(one)).map((one) => (
          <span key={one.field + one.fragment} class="hint">{places[one.field] ?? one.field}: <Fragment of={one} /></span>
        ))}
      </span>
      <span class="total">{money(order.total)}</span>
      <Age at={order.createdAt} />
    </article>
  );
}

/** follow follows the hit's link when something beside it is clicked, and not at the end of a selection: text can be copied. */
function follow(event: MouseEvent & { currentTarget: HTMLElement }) {
  const link = event.currentTarget.querySelector('a');
  const middle = event.button === 1;
  if (link && !link.contains(event.target as Node) && event.button <= 1 && getSelection()?.isCollapsed !== false) {
    const { ctrlKey, metaKey, shiftKey } = event;
    link.dispatchEvent(new MouseEvent('click', {
      bubbles: true, cancelable: true, ctrlKey: ctrlKey || middle, metaKey: metaKey || middle, shiftKey,
    }));
  }
}

const elsewhere = ({ field }: Highlight) => !inPlace.includes(field);

/** Age says how long ago an order was placed, and exactly when to whoever points at it. */
function Age({ at }: { at: string }) {
  const now = useNow();
  return <time class="age hint" dateTime={at} title={exactTime(at)}>{age(at, Math.max(now, new Date(at).getTime()))}</time>;
}

/** Glow lights the hit up softly when what it is told of has changed. */
function Glow({ when }: { when: string }) {
  const first = useRef(when);
  const [changed, setChanged] = useState('');
  useEffect(() => {
    if (when !== first.current) {
      first.current = when;
      setChanged(when);
    }
  }, [when]);
  return changed === '' ? null : <span key={changed} class="glow" aria-hidden="true" />;
}
