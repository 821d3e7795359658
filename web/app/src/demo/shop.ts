// The demo's Order service, as a customer uses it, by way of the gateway.
import { ask, fail } from '../asking';
import { authorization } from '../session';

/** What a command answers: the order, and the version that it made of it. */
export interface Receipt {
  orderId: string;
  version: number;
}

export interface Customer {
  consumerId: string;
  name: { firstName: string; lastName: string };
}

export interface Quantity {
  menuItemId: string;
  quantity: number;
}

export interface Purchase {
  consumerId: string;
  restaurantId: string;
  deliveryAddress: { street1: string; city: string; state: string; zip: string };
  lineItems: Quantity[];
}

async function send<T>(path: string, body?: object): Promise<T> {
  const response = await ask(`/demo/${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { ...authorization(), ...(body && { 'Content-Type': 'application/json' }) },
    body: body && JSON.stringify(body),
  }).catch(fail);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(answer.error ?? answer.errors?.[0]?.message ?? `the demo answers ${response.status}`);
  }
  return answer as T;
}

/** customers returns for whom one may order. */
export const customers = () => send<Customer[]>('consumers');
/** place orders. */
export const place = (purchase: Purchase) => send<Receipt>('orders', purchase);
/** cancel asks for an order's cancellation. */
export const cancel = (id: string) => send<Receipt>(`orders/${encodeURIComponent(id)}/cancel`, {});
/** revise asks for other quantities; 0 takes a dish out. */
export const revise = (id: string, revisedOrderLineItems: Quantity[]) =>
  send<Receipt>(`orders/${encodeURIComponent(id)}/revise`, { revisedOrderLineItems });
