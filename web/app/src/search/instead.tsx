import { link } from '../address';
import { meantBy } from './meant';

/** Instead offers what a search may have been meant for. */
export function Instead({ q }: { q: string }) {
  return <>{meantBy(q).map(({ text, change }) => <p key={text} class="instead">Did you mean <a {...link(change)}>{text}</a>?</p>)}</>;
}
