import { link } from '../address';
import { useNow } from '../clock';
import { age, duration } from '../words';
import { LagGraph, over } from './lag';
import { isOld, useStatuses } from './status';

/** LagInBar tells in the bar how far the orders are behind. Who may not know it sees nothing there. */
export function LagInBar() {
  const statuses = useStatuses();
  const now = useNow();
  const { views, lags, at } = statuses;
  const orders = views.find(({ name }) => name === 'orders');
  if (orders === undefined || orders.lagMs === null) {
    return null;
  }
  const behind = `${duration(orders.lagMs)} behind`;
  if (isOld(statuses, now)) {
    return <a class="behind" {...link({ tab: 'views' })} title={`${behind} ${age(new Date(at), now)}`}>Lag not known</a>;
  }
  return (
    <a class={`behind ${over(orders.lagMs, orders.lagLimitMs) ? 'over' : ''}`} {...link({ tab: 'views' })} title="How far what is shown is behind the services">
      <LagGraph points={lags.orders ?? []} limitMs={orders.lagLimitMs} width={72} height={20} />
      <span><span class="visually-hidden">The view is </span>{behind}</span>
    </a>
  );
}
