import { useEffect, useRef, useState } from 'preact/hooks';
import { go } from '../address';
import type { Fault } from '../client';
import { useNow } from '../clock';
import { config } from '../config';
import { DemoActions } from '../demo/actions';
import { FaultNotice } from '../faultnotice';
import { OrderDocument, type DetailsFragment } from '../operations';
import { inPlayground } from '../playground';
import { Status } from '../status';
import { age, exactTime, money, name, time } from '../words';
import { AskOwners } from './askowners';
import { CopyId } from './copyid';
import { isOver } from './events';
import { Facts } from './facts';
import { Flash } from './flash';
import { Items } from './items';
import { Parts } from './parts';
import { useOrder } from './reading';
import { Said } from './said';
import { Events, Timeline } from './timeline';
import './order.css';

/** OrderDetails is all there is to know of one order, in a panel that Escape closes; id is the order's own or the global one. */
export function OrderDetails({ id }: { id: string }) {
  return <Panel key={id} id={id} />;
}

const close = () => go({ order: '' });

function Panel({ id }: { id: string }) {
  const reading = useOrder(id);
  const heading = useFocus();
  useEscape();
  const [pointed, point] = useState(0);
  const { order, fault } = reading;
  return (
    <section class="details sheet" aria-labelledby="order-heading" tabIndex={-1}>
      <header>
        <h2 id="order-heading" ref={heading} tabIndex={-1}>Order <span class="id">{order?.orderId ?? id}</span></h2>
        <CopyId id={order?.orderId ?? id} />
        <button type="button" class="quiet close" onClick={close} title="Close (Escape)">Close</button>
      </header>
      {fault && <FaultNotice fault={fault} again={reading.read} />}
      {order === null && <Unknown again={reading.read} />}
      {order === undefined && !fault && <p class="hint waiting" role="status">Reading the order…</p>}
      {order && (
        <>
          <Head order={order} />
          <Timeline order={order} pointed={pointed} point={point} />
          <Facts order={order} />
          <Items order={order} />
          <Events order={order} pointed={pointed} point={point} />
          <Parts order={order} note={reading.note} />
          <AskOwners reading={reading} />
          {reading.unfollowed && <Unfollowed fault={reading.unfollowed} again={reading.follow} />}
          {config.demo && <DemoActions order={order} />}
          {config.playground && <p><a href={inPlayground(OrderDocument, { id })}>Open in the playground</a></p>}
          <Said status={order.status} />
        </>
      )}
    </section>
  );
}

/** Head is what is asked for first: how it stands, what it costs, when it was placed. */
function Head({ order }: { order: DetailsFragment }) {
  const now = useNow();
  return (
    <dl class="head">
      <div><dt>Status</dt><dd><Flash of={order.status}><Status of={order.status} /></Flash></dd></div>
      <div><dt>Total</dt><dd><Flash of={order.total.amount}>{money(order.total)}</Flash></dd></div>
      <div><dt>Placed</dt><dd>{exactTime(order.createdAt)} <span class="hint">{age(order.createdAt, now)}</span></dd></div>
      <div>
        <dt>Wanted by</dt>
        <dd>
          {order.deliveryTime ? time(order.deliveryTime) : 'As soon as can be'}
          {order.deliveryTime && !isOver(order) && <> <span class="hint">{age(order.deliveryTime, now)}</span></>}
        </dd>
      </div>
      <div><dt>Order service</dt><dd><Flash of={order.state}>{name(order.state)}</Flash></dd></div>
    </dl>
  );
}

function Unfollowed({ fault, again }: { fault: Fault; again: () => void }) {
  return <FaultNotice again={again} fault={{ ...fault, message: `Its changes cannot be followed. ${fault.message}` }} />;
}

function Unknown({ again }: { again: () => void }) {
  return (
    <div class="notice" role="status">
      <p>There is no order with this number that you may see.</p>
      <ul>
        <li>Look at the number once more: it is the order service’s own, such as 1000042.</li>
        <li>An order that was placed a moment ago may not have arrived yet.</li>
        <li>It may be somebody’s whose orders you may not see.</li>
      </ul>
      <button type="button" class="quiet" onClick={again}>Look again</button>
    </div>
  );
}

/** useFocus moves the focus to where its reference is put, when that appears. Who opened the panel knows where it was before. */
function useFocus() {
  const target = useRef<HTMLHeadingElement>(null);
  useEffect(() => target.current?.focus({ preventScroll: true }), []);
  return target;
}

/** useEscape closes the panel when Escape is pressed, wherever in the page, and nothing else there is to be closed by it. */
function useEscape() {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !event.isComposing && !event.defaultPrevented && !document.querySelector('dialog[open]')) {
        event.preventDefault();
        close();
      }
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, []);
}
