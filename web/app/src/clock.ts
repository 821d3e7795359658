import { useEffect } from 'preact/hooks';
import { store, useStore } from './store';

const now = store(Date.now());
let watched = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** useNow returns the time in milliseconds, each second anew, for ages that grow before one's eyes. */
export function useNow(): number {
  useEffect(() => {
    if (watched++ === 0) {
      now.set(Date.now());
      timer = setInterval(() => now.set(Date.now()), 1000);
    }
    return () => {
      if (--watched === 0) {
        clearInterval(timer);
      }
    };
  }, []);
  return useStore(now);
}
