import { useSyncExternalStore } from 'preact/compat';

/** A value that parts of the page look at together. */
export interface Store<T> {
  get(): T;
  set(value: T): void;
  /** listen calls back after each change, until what it returns is called. */
  listen(listener: () => void): () => void;
}

/** store makes one. */
export function store<T>(value: T): Store<T> {
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      value = next;
      listeners.forEach((listener) => listener());
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** useStore returns a store's value, and again whenever it changes. */
export function useStore<T>(of: Store<T>): T {
  return useSyncExternalStore(of.listen, of.get);
}
