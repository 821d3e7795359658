import { useState } from 'preact/hooks';

/** CopyId puts an order's number where it can be pasted from. */
export function CopyId({ id }: { id: string }) {
  const [said, setSaid] = useState('');
  // Browsers have a clipboard for pages of HTTPS and of this machine only.
  const copy = () =>
    (navigator.clipboard?.writeText(id) ?? Promise.reject(new Error('no clipboard'))).then(
      () => setSaid('Copied'),
      () => setSaid('The browser does not allow it'),
    );
  return (
    <>
      <button type="button" class="quiet small" onClick={copy} onBlur={() => setSaid('')} aria-label="Copy the order’s number">{said || 'Copy'}</button>
      <span class="visually-hidden" role="status">{said}</span>
    </>
  );
}
