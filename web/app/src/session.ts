import { ask, fail } from './asking';
import { config } from './config';
import { store } from './store';

/** Whom the page speaks for. Each signing in makes another, though it be with the same token. */
export interface Session {
  /** The access token; '' where the server asks for none, or a proxy before it adds one. */
  token: string;
  /** Of a demo's token: whose it is, "support", "consumer 1". */
  who: string;
}

const kept = 'viewgate session'; // in this tab's storage, which ends with it

/** read returns what was kept. What is none of ours is nothing, as where the browser keeps nothing. */
function read(): Session {
  try {
    const { token, who } = JSON.parse(sessionStorage.getItem(kept) ?? '') as Partial<Record<keyof Session, unknown>>;
    if (typeof token === 'string' && /^[\x21-\x7e]*$/.test(token) && typeof who === 'string') {
      return { token, who };
    }
  } catch {
    // nobody is signed in
  }
  return { token: '', who: '' };
}

export const session = store(read());

/** Why the server refuses a session: its token is not taken, or is good and gives no role. */
export type Refusal = 'not taken' | 'no role';

/** Why somebody has to sign in; '' where nobody has. 'over' is of a token that was taken before. */
export const ended = store<'' | 'over' | Refusal>('');

let taken = session.get(); // the last session that the server took: what is found in storage was taken in its time

/** accepted is called with a session that the server has answered. */
export function accepted(of: Session): void {
  if (session.get() === of) {
    taken = of;
  }
}

/** signIn speaks with a token from now on; '' for none. */
export function signIn(token: string, who = ''): void {
  const next = { token: token.trim().replace(/^Bearer\s+/i, ''), who };
  try {
    sessionStorage.setItem(kept, JSON.stringify(next));
  } catch {
    // it is known until the page is left
  }
  ended.set('');
  session.set(next);
}

/** The people whom a demo gives tokens to. */
export type Person = { role: 'support' } | { role: 'consumer' | 'restaurant'; id: string };

const nameOf = (person: Person) => ('id' in person ? `${person.role} ${person.id}` : person.role);

async function tokenOf(person: Person): Promise<string> {
  const response = await ask(`/demo/token?${new URLSearchParams({ ...person })}`).catch(fail);
  const text = await response.text();
  if (!response.ok) {
    throw new Error(`The demo gives no token: ${text.trim()}`);
  }
  return text;
}

/** signInAs fetches a demo's token. */
export async function signInAs(person: Person): Promise<void> {
  signIn(await tokenOf(person), nameOf(person));
}

/** personOf returns whose a demo's session is: support's, unless it says otherwise. */
export function personOf({ who }: Session): Person {
  const [, role, id] = /^(consumer|restaurant) (.+)$/.exec(who) ?? [];
  return role && id ? { role: role as 'consumer' | 'restaurant', id } : { role: 'support' };
}

/** authorization returns the headers that say who asks. */
export function authorization({ token } = session.get()): Record<string, string> {
  return token === '' ? {} : { Authorization: `Bearer ${token}` };
}

/** begin makes sure of a token where the page can fetch itself one. */
export async function begin(): Promise<void> {
  if (config.auth === 'demo' && session.get().token === '') {
    await signInAs({ role: 'support' });
  }
}

const young = 30_000; // milliseconds in which a token that took a refused one's place is not replaced, too
let renewed = -young;
let renewing = false;

/** end says why somebody has to sign in. A token that was never taken is not found again. */
function end(of: Session, why: Refusal): void {
  ended.set(why === 'not taken' && taken === of ? 'over' : why);
  if (ended.get() === 'not taken') {
    try {
      sessionStorage.removeItem(kept);
    } catch {
      // it was not kept
    }
  }
}

/**
 * refused is called with a session that the server refuses. A demo gives the same person another token: one that was started again no
 * longer knows those of before. Elsewhere, and where that one is refused as well, the session has ended.
 */
export async function refused(of: Session, why: Refusal): Promise<void> {
  if (session.get() !== of || ended.get() || renewing) {
    return; // there is another, or it is known
  }
  if (config.auth !== 'demo' || why === 'no role' || performance.now() - renewed < young) {
    end(of, why);
    return;
  }
  renewing = true;
  renewed = performance.now();
  const person = personOf(of);
  try {
    const token = await tokenOf(person);
    if (session.get() === of) {
      signIn(token, nameOf(person));
    }
  } catch {
    if (session.get() === of) {
      end(of, why);
    }
  } finally {
    renewing = false;
  }
}
