import { useRef } from 'preact/hooks';
import type { OrderStatus } from '../operations';
import { name } from '../words';

/** Said tells a screen reader how an order stands whenever that changes, and nothing before. */
export function Said({ status }: { status: OrderStatus }) {
  const first = useRef(status);
  const changed = useRef(false);
  changed.current ||= first.current !== status;
  return <p class="visually-hidden" role="status">{changed.current && `Now: ${name(status).toLowerCase()}`}</p>;
}
