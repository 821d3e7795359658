/** place places an order at the example's Order service, as a customer would. Answers its id. */
export async function place() {
  const response = await fetch(new URL('/orders', process.env.ORDER_SERVICE_URL ?? 'http://127.0.0.1:8082'), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      consumerId: '1',
      restaurantId: '1',
      lineItems: [{ menuItemId: '1', quantity: 1 }],
      deliveryAddress: { street1: '1 Example Street', city: 'Oakland', state: 'CA', zip: '94611' },
    }),
  });
  if (response.status !== 201) {
    throw new Error(`the Order service answered ${response.status}: ${await response.text()}`);
  }
  return String((await response.json()).orderId);
}
