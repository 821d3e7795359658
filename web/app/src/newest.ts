// Of an order the page shows the newest that it was told. What a subscription tells may be newer than a search that is
// answered after it: the search may have begun before, or asked a view that was further behind.

type Part = { version?: number } | null | undefined;
type Node = Record<string, unknown> & { __typename: 'Order'; id: string; version?: number; ticket?: Part; delivery?: Part; bill?: Part };

const remembered = 1000; // orders, those that were told of last

/** newest returns a function that puts the newest that it has seen of each order in place of what is older in an answer. */
export function newest(): (data: unknown) => void {
  const orders = new Map<string, Node>();
  function keep(node: Node) {
    const known = orders.get(node.id);
    const age = known ? compare(node, known) : 1;
    if (known && age < 0) {
      Object.keys(node).forEach((key) => key in known && covers(known[key], node[key]) && (node[key] = known[key]));
      return;
    }
    const next = { ...node };
    if (known && age === 0) {
      Object.keys(known).forEach((key) => !covers(next[key], known[key]) && (next[key] = known[key]));
    }
    orders.delete(node.id);
    orders.set(node.id, next);
    for (const id of orders.keys()) {
      if (orders.size <= remembered) {
        break;
      }
      orders.delete(id);
    }
  }
  return function visit(data: unknown) {
    if (Array.isArray(data)) {
      data.forEach(visit);
    } else if (typeof data === 'object' && data !== null) {
      Object.values(data).forEach(visit);
      if ('__typename' in data && data.__typename === 'Order' && 'id' in data) {
        keep(data as Node);
      }
    }
  };
}

/** compare tells by the versions of an order's parts which is newer. Where neither is all that, the one told last is. */
function compare(a: Node, b: Node): number {
  const steps = [a.version === undefined || b.version === undefined ? 0 : a.version - b.version];
  for (const name of ['ticket', 'delivery', 'bill'] as const) {
    if (name in a && name in b) {
      steps.push((a[name]?.version ?? 0) - (b[name]?.version ?? 0));
    }
  }
  if (steps.some((step) => step > 0)) {
    return 1;
  }
  return steps.some((step) => step < 0) ? -1 : 0;
}

/** covers says whether a value has all fields that another has, so that it can stand in its place. */
function covers(value: unknown, other: unknown): boolean {
  if (value === undefined) {
    return false;
  }
  if (value === null || typeof other !== 'object' || other === null) {
    return true;
  }
  if (Array.isArray(value) && Array.isArray(other)) {
    return value.length === 0 || other.length === 0 || covers(value[0], other[0]);
  }
  return Object.entries(other).every(([key, part]) => covers((value as Record<string, unknown>)[key], part));
}
