/** send sends a command to the example's Order service, as a customer would. Answers what it answers. */
async function send(path, body, at) {
  const response = await fetch(new URL(path, at), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) {
    throw new Error(`the Order service answered ${response.status}: ${await response.text()}`);
  }
  return response.json();
}

/** service is the Order service of the running demo. */
const service = process.env.ORDER_SERVICE_URL ?? 'http://127.0.0.1:8082';

/** place places an order, of so many of each dish. Answers its id. */
export async function place(dishes = { 1: 1 }, at = service) {
  const { orderId } = await send('/orders', {
    consumerId: '1',
    restaurantId: '1',
    lineItems: Object.entries(dishes).map(([menuItemId, quantity]) => ({ menuItemId, quantity })),
    deliveryAddress: { street1: '1 Example Street', city: 'Oakland', state: 'CA', zip: '94611' },
  }, at);
  return String(orderId);
}

/** cancel asks for an order's cancellation. */
export const cancel = (id, at = service) => send(`/orders/${id}/cancel`, {}, at);

/** revise asks for other quantities of an order's dishes; 0 takes one out. */
export const revise = (id, dishes, at = service) => send(`/orders/${id}/revise`, {
  revisedOrderLineItems: Object.entries(dishes).map(([menuItemId, quantity]) => ({ menuItemId, quantity })),
}, at);
