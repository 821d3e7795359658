import { config } from './config';
import { store } from './store';

/** Whom the page speaks for. */
export interface Session {
  /** The access token; '' where the server asks for none, or a proxy before it adds one. */
  token: string;
  /** Of a demo's token: whose it is, "support", "consumer 1". */
  who: string;
}

const kept = 'viewgate session'; // in this tab's storage, which ends with it

function read(): Session {
  try {
    return JSON.parse(sessionStorage.getItem(kept) ?? '') as Session;
  } catch {
    return { token: '', who: '' };
  }
}

export const session = store(read());

/** signIn speaks with a token from now on; '' for none. */
export function signIn(token: string, who = ''): void {
  const next = { token: token.trim().replace(/^Bearer\s+/i, ''), who };
  sessionStorage.setItem(kept, JSON.stringify(next));
  session.set(next);
}

/** The people whom a demo gives tokens to. */
export type Person = { role: 'support' } | { role: 'consumer' | 'restaurant'; id: string };

/** signInAs fetches a demo's token. */
export async function signInAs(person: Person): Promise<void> {
  const response = await fetch(`/demo/token?${new URLSearchParams({ ...person })}`);
  if (!response.ok) {
    throw new Error(`The demo gives no token: ${(await response.text()).trim()}`);
  }
  signIn(await response.text(), 'id' in person ? `${person.role} ${person.id}` : person.role);
}

/** authorization returns the headers that say who asks. */
export function authorization(): Record<string, string> {
  const { token } = session.get();
  return token === '' ? {} : { Authorization: `Bearer ${token}` };
}

/** begin makes sure of a token where the page can fetch itself one. */
export async function begin(): Promise<void> {
  if (config.auth === 'demo' && session.get().token === '') {
    await signInAs({ role: 'support' });
  }
}
