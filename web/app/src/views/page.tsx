import type { ComponentChildren } from 'preact';
import { useNow } from '../clock';
import { config } from '../config';
import { age, count, duration, exactTime } from '../words';
import { LagGraph, over } from './lag';
import { useStatuses, type LagPoint, type ViewStatus } from './status';
import './page.css';

/** ViewsPage is an operator's glance at the views. */
export function ViewsPage() {
  const { views, lags, at, failed } = useStatuses();
  const now = useNow();
  return (
    <div class="views">
      <h1>Views</h1>
      <p class="hint">
        What queries are answered from: each a copy, made of the services’ events, and this far behind them.{' '}
        {at > 0 && failed === '' && 'It is looked at every two seconds.'}
      </p>
      {failed === 'forbidden' && (
        <p class="notice" role="alert">This is told to who may see every order. Sign in as one of them.</p>
      )}
      {failed === 'unreachable' && (
        <p class="notice bad" role="alert">
          The server cannot be reached.{at > 0 && ` What is below is of ${age(new Date(at), now)}.`} It is asked again by itself.
        </p>
      )}
      <div class="cards">
        {views.map((view) => <Card key={view.name} view={view} lags={lags[view.name] ?? []} now={now} />)}
      </div>
      <p class="hint">
        For machines: <a href="/metrics">/metrics</a>, <a href="/readyz">/readyz</a>, <a href="/healthz">/healthz</a>. This is viewgate {config.version}.
      </p>
    </div>
  );
}

function Card({ view, lags, now }: { view: ViewStatus; lags: LagPoint[]; now: number }) {
  const { deadLetters, drift } = view;
  const ready = view.ready === 'ok';
  const wrong = drift === null ? 0 : drift.differed + drift.apart;
  return (
    <section class="sheet card" aria-labelledby={`view-${view.name}`}>
      <h2 id={`view-${view.name}`}>
        {view.name} <span class={`status ${ready ? 'good' : 'bad'}`}>{ready ? 'Ready' : 'Not ready'}</span>
      </h2>
      {!ready && <p class="notice bad">{view.ready}</p>}
      {view.filling && <p class="notice">It was made anew, and lacks old documents until it has caught up.</p>}
      {view.warnings.map((warning) => <p class="notice" key={warning}>{warning}</p>)}
      <dl>
        <Fact name="Documents">{view.documents === null ? <Unknown /> : count(view.documents)}</Fact>
        <Fact name="Lag">
          {view.lagMs === null ? <Unknown /> : (
            <span class={over(view.lagMs, view.lagLimitMs) ? 'over' : ''}>{duration(view.lagMs)}</span>
          )}
          {view.waiting !== null && view.waiting > 0 && `, ${count(view.waiting)} events wait`}
          <LagGraph points={lags} limitMs={view.lagLimitMs} width={240} height={36} />
        </Fact>
        <Fact name="Dead letters">
          {deadLetters === null ? <Unknown /> : (
            <>
              <span class={deadLetters.count > 0 ? 'over' : ''}>{count(deadLetters.count)}</span>
              {deadLetters.newest && `, the newest ${age(deadLetters.newest, now)}`}
              {deadLetters.count > 0 && (
                <p class="hint">
                  {Object.entries(deadLetters.reasons).map(([reason, n]) => `${reason} ${count(n)}`).join(', ')}.{' '}
                  See them: <code>viewgate dlq list</code>
                </p>
              )}
            </>
          )}
        </Fact>
        <Fact name="Drift">
          {drift === null ? <Unknown>not compared here (--verify-rate)</Unknown> : (
            <>
              <span class={wrong > 0 ? 'over' : ''}>{count(wrong)}</span> of {count(drift.checked)} comparisons with their owners
              {drift.at && `, ${age(drift.at, now)}`}
              {wrong > 0 && <p class="hint">Mend them: <code>viewgate verify {view.name} --heal</code></p>}
            </>
          )}
        </Fact>
        <Fact name="Built">{view.built === null ? <Unknown /> : <time dateTime={view.built} title={exactTime(view.built)}>{age(view.built, now)}</time>}</Fact>
        {view.building && (
          <Fact name="Being built">
            <code>{view.building.index}</code>{view.building.since && <span class="hint"> since {exactTime(view.building.since)}</span>}
          </Fact>
        )}
        <Fact name="Index"><code>{view.index ?? '–'}</code><span class="hint"> {view.store}</span></Fact>
        <Fact name="Made of">
          <ul class="topics">{view.topics.map((topic) => <li key={topic}><code>{breakable(topic)}</code></li>)}</ul>
        </Fact>
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Unknown({ children = 'not known here' }: { children?: ComponentChildren }) {
  return <span class="hint">{children}</span>;
}

/** breakable is a topic's name that may go on in another line after a dot. */
const breakable = (topic: string) => topic.split('.').map((part, i) => (i === 0 ? part : <>.<wbr />{part}</>));
