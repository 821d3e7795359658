import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Warning } from './answer';

/** Underlined lies behind the box with the same text, unseen but for lines under what a warning is about. */
export function Underlined({ text, warnings, by }: { text: string; warnings: Warning[]; by: RefObject<HTMLInputElement | null> }) {
  const layer = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const box = by.current;
    const follow = () => layer.current && box && (layer.current.scrollLeft = box.scrollLeft);
    follow();
    box?.addEventListener('scroll', follow);
    return () => box?.removeEventListener('scroll', follow);
  }, [by, text]);
  const here = warnings.filter(({ start, end, text: about }) => end > start && text.slice(start, end) === about).toSorted((a, b) => a.start - b.start);
  let at = 0;
  return (
    <div ref={layer} class="underlined" aria-hidden="true">
      {here.map(({ start, end }) => {
        const before = text.slice(at, Math.max(at, start));
        const about = text.slice(Math.max(at, start), end);
        at = Math.max(at, end);
        return <>{before}<span>{about}</span></>;
      })}
      {text.slice(at)}
    </div>
  );
}
