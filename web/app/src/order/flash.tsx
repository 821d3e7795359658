import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';

/** Flash shows its content, and draws the eye to it when what it stands for has changed. */
export function Flash({ of, children }: { of: unknown; children: ComponentChildren }) {
  const last = useRef(of);
  const times = useRef(0);
  if (last.current !== of) {
    last.current = of;
    times.current++;
  }
  // With another key it is another element, whose animation begins anew.
  return <span key={times.current} class={times.current > 0 ? 'flash' : undefined}>{children}</span>;
}
