import type { OrderStatus } from './operations';
import { name } from './words';

const moods: Partial<Record<OrderStatus, string>> = {
  PAYMENT_FAILED: 'bad', REJECTED: 'bad', CANCELLED: 'bad', CANCELLING: 'busy', CHANGING: 'busy',
  PREPARING: 'busy', READY: 'busy', ON_THE_WAY: 'busy', DELIVERED: 'good',
};

/** Status is an order's status as a badge. */
export function Status({ of }: { of: OrderStatus }) {
  return <span class={`status ${moods[of] ?? ''}`}>{name(of)}</span>;
}
