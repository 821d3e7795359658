import { useState } from 'preact/hooks';
import { config } from './config';
import { ended, personOf, session, signIn, signInAs, type Person } from './session';
import { useStore } from './store';

/** useSignedIn reports whether there is a token that the server takes, as far as is known. */
function useSignedIn(): boolean {
  const why = useStore(ended);
  return useStore(session).token !== '' && (why === '' || why === 'no role');
}

/** SessionMenu says for whom the page speaks, and changes it. Where everybody sees everything there is nothing to say. */
export function SessionMenu() {
  const { who } = useStore(session);
  const signedIn = useSignedIn();
  if (config.auth === 'none') {
    return null;
  }
  return (
    <details class="menu session">
      <summary>{who || (signedIn ? 'Signed in' : 'Sign in')}</summary>
      <div class="sheet">{config.auth === 'demo' ? <DemoPeople /> : <TokenForm />}</div>
    </details>
  );
}

const reasons = {
  over: 'Sign in again: the server no longer takes the token that this page has.',
  'not taken': 'The server does not take this token.',
  'no role': 'You are signed in, but your token has no role here. Ask whoever runs this gateway.',
};

/** SessionEnded says that somebody has to sign in, and lets them. */
export function SessionEnded() {
  const of = useStore(session);
  const why = useStore(ended);
  const [failed, setFailed] = useState('');
  if (why === '') {
    return null;
  }
  return (
    <div class="notice ended" role="alert">
      <p>{of.token ? reasons[why] : 'Sign in to see orders.'}</p>
      {why === 'no role' ? (
        <details>
          <summary>Use another token</summary>
          <TokenForm />
        </details>
      ) : config.auth === 'demo' ? (
        <button type="button" class="quiet" onClick={() => signInAs(personOf(of)).catch((error: Error) => setFailed(error.message))}>
          Sign in again
        </button>
      ) : <TokenForm />}
      {failed && <p>{failed}</p>}
    </div>
  );
}

/** TokenForm takes an access token, which is kept until the browser's tab is closed. */
export function TokenForm() {
  const signedIn = useSignedIn();
  const [typed, setTyped] = useState('');
  return (
    <form
      class="token"
      onSubmit={(event) => {
        event.preventDefault();
        signIn(typed);
        setTyped('');
      }}
    >
      <label>
        Access token
        <input type="password" autocomplete="off" required value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
      </label>
      <p class="hint">As your identity provider gives it. It is kept until this tab is closed, and sent to this server alone.</p>
      <p class="buttons">
        <button type="submit">Sign in</button>
        {signedIn && <button type="button" class="quiet" onClick={() => signIn('')}>Sign out</button>}
      </p>
    </form>
  );
}

/** DemoPeople chooses as whom to look at the demo. */
function DemoPeople() {
  const [failed, setFailed] = useState('');
  const [id, setId] = useState('1');
  const as = (person: Person) => signInAs(person).catch((error: Error) => setFailed(error.message));
  return (
    <form onSubmit={(event) => event.preventDefault()}>
      <p>See what others see:</p>
      <button type="button" onClick={() => as({ role: 'support' })}>Support, everything</button>
      <label>
        Id <input inputMode="numeric" size={6} value={id} onInput={(event) => setId(event.currentTarget.value)} />
      </label>
      <button type="button" onClick={() => as({ role: 'consumer', id })}>Consumer {id}</button>
      <button type="button" onClick={() => as({ role: 'restaurant', id })}>Restaurant {id}</button>
      {failed && <p role="alert">{failed}</p>}
    </form>
  );
}
