import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { amend, go, parse, useAddress } from '../address';
import { config } from '../config';
import { OrderSomething } from '../demo/order';
import { FaultNotice } from '../faultnotice';
import { useMedia } from '../media';
import { OrdersDocument } from '../operations';
import { OrderDetails } from '../order/details';
import { inPlayground } from '../playground';
import { name } from '../words';
import { useAnswer } from './answer';
import { asked, narrowings, sortOf } from './asked';
import { Box } from './box';
import { Chips } from './chips';
import { day } from './days';
import { Empty } from './empty';
import { Filters } from './filters';
import { Awaited, Hits } from './hits';
import { useFirst, useLive } from './live';
import { Toolbar } from './toolbar';
import { Understanding } from './understanding';
import './page.css';

/** SearchPage finds orders: the box, what narrows it, the hits, and beside them the order that is open. */
export function SearchPage() {
  const address = useAddress();
  const variables = asked(address);
  const { answer, fault, loading, of, late, again } = useAnswer(variables);
  const changes = useLive(variables, sortOf(address), of ? answer : undefined, loading);
  useFirst(of && answer?.list.edges.length === 0, loading, changes.arrived, again);
  const narrowed = useMemo(() => narrowings(address, { day, status: name }), [address]);
  const beside = useMedia('(min-width: 1200px)');
  const [typing, setTyping] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  const understood = of ? answer?.understood : undefined;
  const { order, q } = address;
  usePlace(address.after + address.before, heading, of && !loading);
  useReturn(order, !beside);
  const show = () => {
    if (address.before && changes.above) {
      go({ before: '' });
    } else {
      again();
    }
    heading.current?.focus({ preventScroll: true });
    heading.current?.scrollIntoView();
  };

  return (
    <div class={`search ${order ? 'opened' : ''}`}>
      <div class="find" hidden={order !== '' && !beside}>
        <h1 class="visually-hidden">Orders</h1>
        <div class="ask">
          {config.demo && <OrderSomething />}
          <Box q={q} warnings={understood?.warnings ?? []} describedBy="understanding" onTyping={setTyping} />
          <Understanding id="understanding" q={q} understood={understood} typing={typing} />
        </div>
        {(answer || !fault) && (
          <Filters address={address} of={of} facets={answer?.list.facets} currency={answer?.list.edges[0]?.node.total.currency} />
        )}
        <section id="found" class="found" tabIndex={-1} aria-label="Orders found">
          <Toolbar address={address} answer={answer} of={of} loading={loading} late={late} changes={changes} heading={heading} show={show} />
          <Chips all={narrowed} />
          {fault && <FaultNotice fault={fault} again={fault.pageGone ? () => amend({ after: '', before: '' }) : again} />}
          {answer && answer.list.edges.length > 0 ? (
            <Hits address={address} answer={answer} changes={changes} of={of} loading={!of && loading} />
          ) : of && answer ? (
            <Empty address={address} answer={answer} narrowed={narrowed} />
          ) : (
            !fault && <Awaited />
          )}
          {config.playground && <p class="hint"><a href={inPlayground(OrdersDocument, variables)}>Open this query in the playground</a></p>}
        </section>
      </div>
      {order !== '' && <div class="panel"><OrderDetails id={order} /></div>}
    </div>
  );
}

/** usePlace brings the focus to the list's beginning when another page of it is there. */
function usePlace(page: string, heading: { current: HTMLElement | null }, there: boolean) {
  const turned = useRef(page);
  const restored = useRef(''); // a page that Back led to: the browser restores where one was
  useEffect(() => {
    const went = () => {
      const { after, before } = parse(location.search);
      restored.current = after + before;
    };
    addEventListener('popstate', went);
    return () => removeEventListener('popstate', went);
  }, []);
  useEffect(() => {
    if (there && turned.current !== page) {
      turned.current = page;
      if (restored.current !== page) {
        heading.current?.focus({ preventScroll: true });
        heading.current?.scrollIntoView();
      }
      restored.current = '';
    }
  }, [page, there]);
}

/**
 * useReturn brings the focus back to the hit when an order's details close. Where they took the list's place, the list is found
 * again where it was left.
 */
function useReturn(order: string, over: boolean) {
  const before = useRef({ order: '', over, y: 0 });
  if (order !== '' && before.current.order === '') {
    before.current.y = scrollY; // read while the list is still there
  }
  useLayoutEffect(() => {
    const was = before.current;
    before.current = { order, over, y: was.y };
    if (order !== '' && was.order === '' && over) {
      scrollTo(0, 0);
    } else if (order === '' && was.order !== '') {
      if (was.over) {
        scrollTo(0, was.y);
      }
      document.querySelector<HTMLElement>(`[data-order="${CSS.escape(was.order)}"]`)?.focus({ preventScroll: true });
    }
  }, [order, over]);
}
