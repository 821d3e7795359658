import { useState } from 'preact/hooks';

/** CopyId puts an order's number where it can be pasted from. */
export function CopyId({ id }: { id: string }) {
  const [said, setSaid] = useState('');
  const copy = () =>
    navigator.clipboard.writeText(id).then(
      () => setSaid('Copied'),
      () => setSaid('Not allowed'),
    );
  return (
    <>
      <button type="button" class="quiet small" onClick={copy} onBlur={() => setSaid('')} aria-label="Copy the order’s number">{said || 'Copy'}</button>
      <span class="visually-hidden" role="status">{said}</span>
    </>
  );
}
