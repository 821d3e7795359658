// The services that tell of an order, and what their events mean to people.
import type { Aggregate, DetailsFragment, OrderStatus } from '../operations';

/** services are an order's parts, in the order in which they are shown. */
export const services: { aggregate: Aggregate; name: string; part: string }[] = [
  { aggregate: 'ORDER', name: 'Order', part: 'order' },
  { aggregate: 'TICKET', name: 'Kitchen', part: 'ticket' },
  { aggregate: 'DELIVERY', name: 'Delivery', part: 'delivery' },
  { aggregate: 'BILL', name: 'Accounting', part: 'bill' },
];

/** serviceOf returns the service that an aggregate is of. */
export const serviceOf = (aggregate: Aggregate) => services.find((service) => service.aggregate === aggregate)!;

/** Standing is how far a part of an order is. */
export interface Standing {
  state: string;
  version: number;
}

/** partOf returns an aggregate's part of an order; null where there is none. */
export function partOf(order: DetailsFragment, aggregate: Aggregate): Standing | null {
  switch (aggregate) {
    case 'ORDER':
      return order;
    case 'TICKET':
      return order.ticket;
    case 'DELIVERY':
      return order.delivery;
    case 'BILL':
      return order.bill;
  }
}

/** Meaning is what an event means. */
interface Meaning {
  /** What happened. */
  said: string;
  /** What lasts from then until the part's next event; without, nothing is under way. */
  then?: string;
  /** That is work: cooking, riding. */
  work?: true;
  /** What was under way goes on. */
  goesOn?: true;
}

const meanings: Record<string, Meaning> = {
  OrderCreatedEvent: { said: 'Order placed', then: 'Being checked' },
  OrderAuthorized: { said: 'Order confirmed' },
  OrderRejected: { said: 'Order rejected' },
  OrderCancelRequested: { said: 'Cancellation asked for', then: 'Cancellation considered' },
  OrderCancelUndone: { said: 'Cancellation refused' },
  OrderCancelled: { said: 'Order cancelled' },
  OrderRevisionProposed: { said: 'Change asked for', then: 'Change considered' },
  OrderRevised: { said: 'Order changed' },
  OrderRevisionRejected: { said: 'Change refused' },
  TicketCreatedEvent: { said: 'Sent to the restaurant', then: 'Waits for the restaurant' },
  TicketAcceptedEvent: { said: 'Restaurant accepted', then: 'In the queue' },
  TicketPreparationStartedEvent: { said: 'Cooking began', then: 'Cooking', work: true },
  TicketPreparationCompletedEvent: { said: 'Food ready', then: 'Waits for the courier' },
  TicketPickedUpEvent: { said: 'Food handed over' },
  TicketCancelled: { said: 'Kitchen cancelled' },
  TicketRevised: { said: 'Kitchen took the change', goesOn: true },
  DeliveryCreated: { said: 'Delivery planned', then: 'Looking for a courier' },
  DeliveryScheduled: { said: 'Courier assigned', then: 'Courier is to fetch it' },
  DeliveryPickedUp: { said: 'Courier has it', then: 'On the way', work: true },
  DeliveryDelivered: { said: 'Delivered' },
  DeliveryCancelled: { said: 'Delivery cancelled' },
  AccountAuthorizedEvent: { said: 'Card accepted' },
  AccountAuthorizationFailed: { said: 'Card refused' },
  AuthorizationReversed: { said: 'Money given back' },
  AuthorizationRevised: { said: 'Amount changed' },
};

/** meaningOf returns what a type of event means; of one that is not known, its name in words. */
export function meaningOf(type: string): Meaning {
  const known = meanings[type];
  if (known) {
    return known;
  }
  const words = type.replace(/Event$/, '').replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase();
  return { said: words.charAt(0).toUpperCase() + words.slice(1) };
}

const ends: OrderStatus[] = ['DELIVERED', 'CANCELLED', 'REJECTED', 'PAYMENT_FAILED'];

/** isOver reports whether nothing more is to happen to an order. */
export const isOver = ({ status }: Pick<DetailsFragment, 'status'>): boolean => ends.includes(status);
