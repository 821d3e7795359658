// What differs between an order as it was shown and as its owners have it.
import type { DetailsFragment } from '../operations';
import { exactTime, money, name } from '../words';
import { meaningOf } from './events';

/** Difference is a value that is not the same on both sides, in words. */
export interface Difference {
  field: string;
  before: string;
  after: string;
}

const labels: Record<string, string> = {
  state: 'state', createdAt: 'placed', updatedAt: 'last change', deliveryTime: 'wanted by', lineItems: 'item',
  deliveryAddress: 'address', ticket: 'kitchen', bill: 'accounting', readyBy: 'ready by', acceptTime: 'accepted',
  preparingTime: 'cooking began', readyForPickupTime: 'ready', pickedUpTime: 'picked up', courierId: 'courier',
  estimatedDeliveryTime: 'expected', timeline: 'event', street1: 'street', street2: 'more of the street', zip: 'postal code',
  consumerId: 'id', restaurantId: 'id',
};

const states = ['state', 'status'];

/** passing is what is no difference to people: a courier is always elsewhere, and a version alone says nothing of what it is of. */
const passing = ['__typename', 'id', 'location', 'version'];

/** differences compares what is shown of an order, and names each field that differs by its path. */
export function differences(before: DetailsFragment, after: DetailsFragment): Difference[] {
  const found: Difference[] = [];
  compare(before, after, []);
  return found;

  function compare(a: unknown, b: unknown, path: string[]): void {
    if (a === b) {
      return;
    }
    if (whole(a) || whole(b) || !isObject(a) || !isObject(b)) {
      const [x, y] = [written(a, path), written(b, path)];
      if (x !== y) {
        found.push({ field: labelOf(path), before: x, after: y });
      }
      return;
    }
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      if (!passing.includes(key)) {
        compare(a[key], b[key], [...path, key]);
      }
    }
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** wholes are what is told as one, by a field that nothing else has. */
const wholes: Record<string, (value: Record<string, unknown>) => string> = {
  currency: (value) => money(value as { amount: string; currency: string }),
  type: (value) => meaningOf(String(value.type)).said,
};

const whole = (value: unknown): boolean => isObject(value) && Object.keys(wholes).some((key) => key in value);

/** labelOf writes a path for people: Kitchen: ready by; Item 2: quantity. */
function labelOf(path: string[]): string {
  const words: string[] = [];
  for (const key of path) {
    if (/^\d+$/.test(key)) {
      words[words.length - 1] += ` ${Number(key) + 1}`;
    } else {
      words.push(labels[key] ?? key);
    }
  }
  const text = words.join(': ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** written writes a value for people. */
function written(value: unknown, path: string[]): string {
  const key = path.at(-1) ?? '';
  if (value === null || value === undefined) {
    return 'none';
  }
  if (isObject(value)) {
    for (const [key, write] of Object.entries(wholes)) {
      if (key in value) {
        return write(value);
      }
    }
    if ('street1' in value) {
      return `${String(value.street1)}, ${String(value.city)}`;
    }
    if ('menuItemId' in value) {
      return `${String(value.quantity)} × ${String(value.name)}`;
    }
    return typeof value.state === 'string' ? name(value.state) : 'there';
  }
  if (typeof value === 'string' && states.includes(key) && path.at(-2) !== 'deliveryAddress') {
    return name(value);
  }
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value)) {
    return exactTime(value);
  }
  return String(value);
}
