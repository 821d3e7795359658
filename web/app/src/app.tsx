import type { Client } from '@urql/core';
import { Provider } from '@urql/preact';
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { link, parse, useAddress, type Address } from './address';
import { newClient } from './client';
import { config } from './config';
import { ConnectionState } from './connectionstate';
import { begin, session, signIn, type Session } from './session';
import { SessionEnded, SessionMenu } from './sessionmenu';
import { useStore } from './store';
import { SearchPage } from './search/page';
import { LagInBar } from './views/bar';
import { ViewsPage } from './views/page';

/** App is the page: a bar with its tabs, and the tab that the address names. */
export function App() {
  const address = useAddress();
  const { tab } = address;
  const title = titleOf(address);
  useEffect(() => {
    document.title = title;
  }, [title]);
  const orders = { 'aria-current': tab === 'orders' ? ('page' as const) : undefined };
  const views = { 'aria-current': tab === 'views' ? ('page' as const) : undefined };
  return (
    <Speaking>
      <a class="skip" href="#main">Skip to the content</a>
      {tab === 'orders' && <a class="skip" href="#found">Skip to the orders</a>}
      <header class="bar">
        <a class="brand" {...link(parse(''))}>viewgate</a>
        <nav aria-label="Pages">
          <a {...orders} {...link({ tab: 'orders' })}>Orders</a>
          <a {...views} {...link({ tab: 'views' })}>Views</a>
          {config.playground && <a href="/playground">Playground</a>}
        </nav>
        <ConnectionState />
        <LagInBar />
        <SessionMenu />
      </header>
      <SessionEnded />
      <main id="main" tabIndex={-1}>{tab === 'views' ? <ViewsPage /> : <SearchPage />}</main>
    </Speaking>
  );
}

/** titleOf names what is looked at, for the browser's tabs and its history. */
function titleOf({ tab, order, q }: Address): string {
  if (tab === 'views') {
    return 'Views · viewgate';
  }
  return order ? `Order ${order} · viewgate` : q ? `${q} · Orders` : 'Orders · viewgate';
}

/** Speaking gives what is in it a client that speaks for whom the session names: with another, nothing of before is kept. */
function Speaking({ children }: { children: ComponentChildren }) {
  const of = useStore(session);
  const [speaks, setSpeaks] = useState<{ of: Session; client: Client }>();
  const [failed, setFailed] = useState('');
  useEffect(() => {
    let made: ReturnType<typeof newClient> | undefined;
    let over = false;
    setFailed('');
    begin().then(
      () => {
        if (!over && session.get() === of) { // begin may have signed in, of which the page hears only then
          made = newClient(of);
          setSpeaks({ of, client: made.client });
        }
      },
      (error: Error) => over || setFailed(error.message),
    );
    return () => {
      over = true;
      made?.close();
    };
  }, [of]);
  if (failed) {
    return (
      <div class="notice bad" role="alert">
        <p>{failed}</p>
        <button type="button" class="quiet" onClick={() => signIn(of.token, of.who)}>Try again</button>
      </div>
    );
  }
  return speaks?.of === of ? <Provider key={of} value={speaks.client}>{children}</Provider> : null;
}
