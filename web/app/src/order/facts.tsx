import { link } from '../address';
import { config } from '../config';
import type { DetailsFragment } from '../operations';
import { nothingChosen } from '../search/asked';
import { session } from '../session';
import { useStore } from '../store';
import { clock, exactTime, money, name } from '../words';
import { isOver } from './events';
import { Flash } from './flash';

/** Facts are who ordered where, where to, and how far each service is with it. */
export function Facts({ order }: { order: DetailsFragment }) {
  return (
    <div class="facts">
      <Person title="Customer" name={order.consumer.name} id={order.consumer.consumerId} field="consumerId" />
      <Person title="Restaurant" name={order.restaurant.name} id={order.restaurant.restaurantId} field="restaurantId" />
      <Address order={order} />
      <Kitchen ticket={order.ticket} over={isOver(order)} />
      <Delivery delivery={order.delivery} over={isOver(order)} />
      <Bill bill={order.bill} over={isOver(order)} />
    </div>
  );
}

/** Person is a customer or a restaurant, with a link to all their orders. */
function Person({ title, name, id, field }: { title: string; name: string | null; id: string; field: 'consumerId' | 'restaurantId' }) {
  const theirs = link({ ...nothingChosen, q: `${field}:${id}`, order: '' });
  return (
    <div>
      <h3>{title}</h3>
      <p>{name ?? 'Name not known'} <span class="hint">number <span class="id">{id}</span></span></p>
      <p><a {...theirs}>All orders of this {title.toLowerCase()}</a></p>
    </div>
  );
}

function Address({ order }: { order: DetailsFragment }) {
  const { who } = useStore(session);
  const { deliveryAddress: to } = order;
  // The one rule that hides an address: from a restaurant's staff once the order is over. Whose a token is, the page knows of a
  // demo's tokens only.
  const hidden = isOver(order) && (who.startsWith('restaurant') ? 'is' : config.auth === 'jwt' ? 'maybe' : '');
  return (
    <div>
      <h3>Delivered to</h3>
      {to ? (
        <address>
          <bdi>{to.street1}</bdi><br />
          {to.street2 && <><bdi>{to.street2}</bdi><br /></>}
          <bdi>{to.city}</bdi>, <bdi>{to.state} {to.zip}</bdi>
        </address>
      ) : (
        <p class="hint">
          {hidden === 'is' ? 'Not shown to you, now that the order is over' : hidden ? 'None given, or not shown to you' : 'None given'}
        </p>
      )}
    </div>
  );
}

/** Times lists the moments that there are: the time of day, and the day, too, where that is not today. */
function Times({ of }: { of: [string, string | null][] }) {
  const today = new Date().toDateString();
  const written = (at: string) => (new Date(at).toDateString() === today ? clock(at) : exactTime(at));
  return (
    <dl class="times">
      {of.map(([what, at]) => at && <div key={what}><dt>{what}</dt><dd title={exactTime(at)}>{written(at)}</dd></div>)}
    </dl>
  );
}

/** Missing says that a service has told nothing, which is final where the order is over. */
function Missing({ from, over }: { from: string; over: boolean }) {
  return <p class="hint">Nothing from {from}{!over && ' yet'}</p>;
}

function Kitchen({ ticket, over }: Pick<DetailsFragment, 'ticket'> & { over: boolean }) {
  return (
    <div class="ticket">
      <h3>Kitchen</h3>
      {ticket ? (
        <>
          <p><Flash of={ticket.state}>{name(ticket.state)}</Flash></p>
          <Times
            of={[
              ['Accepted', ticket.acceptTime],
              ['Due', ticket.readyBy],
              ['Cooking began', ticket.preparingTime],
              ['Ready', ticket.readyForPickupTime],
              ['Handed over', ticket.pickedUpTime],
            ]}
          />
        </>
      ) : (
        <Missing from="the kitchen" over={over} />
      )}
    </div>
  );
}

function Delivery({ delivery, over }: Pick<DetailsFragment, 'delivery'> & { over: boolean }) {
  return (
    <div class="delivery">
      <h3>Delivery</h3>
      {delivery ? (
        <>
          <p>
            <Flash of={delivery.state}>{name(delivery.state)}</Flash>
            {delivery.courierId && <>, courier <span class="id">{delivery.courierId}</span></>}
          </p>
          <Times of={[['Expected', delivery.estimatedDeliveryTime]]} />
          {delivery.location && (
            <p class="hint">
              Courier last seen at{' '}
              <Flash of={`${delivery.location.latitude} ${delivery.location.longitude}`}>
                {delivery.location.latitude.toFixed(4)}, {delivery.location.longitude.toFixed(4)}
              </Flash>
            </p>
          )}
        </>
      ) : (
        <Missing from="the couriers" over={over} />
      )}
    </div>
  );
}

function Bill({ bill, over }: Pick<DetailsFragment, 'bill'> & { over: boolean }) {
  return (
    <div class="bill">
      <h3>Payment</h3>
      {bill ? (
        <p>
          <Flash of={bill.state}>{name(bill.state)}</Flash>
          {bill.amount && <>, {money(bill.amount)}</>}
        </p>
      ) : (
        <Missing from="accounting" over={over} />
      )}
    </div>
  );
}
