import { useState } from 'preact/hooks';

/** CopyId puts an order's number where it can be pasted from. */
export function CopyId({ id }: { id: string }) {
  const [copied, setCopied] = useState('');
  const copy = () =>
    navigator.clipboard.writeText(id).then(
      () => setCopied('Copied'),
      () => setCopied('The browser does not allow it'),
    );
  return (
    <>
      <button type="button" class="quiet small" onClick={copy} onBlur={() => setCopied('')} aria-label="Copy the order’s number">Copy</button>
      <span class="hint" role="status">{copied}</span>
    </>
  );
}
