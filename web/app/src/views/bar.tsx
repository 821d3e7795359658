import { link } from '../address';
import { duration } from '../words';
import { LagGraph, over } from './lag';
import { useStatuses } from './status';

/** LagInBar tells in the bar how far the orders are behind. Who may not know it sees nothing there. */
export function LagInBar() {
  const { views, lags } = useStatuses();
  const orders = views.find(({ name }) => name === 'orders');
  if (orders === undefined || orders.lagMs === null) {
    return null;
  }
  return (
    <a class={`behind ${over(orders.lagMs, orders.lagLimitMs) ? 'over' : ''}`} {...link({ tab: 'views' })} title="How far what is shown is behind the services">
      <LagGraph points={lags.orders ?? []} limitMs={orders.lagLimitMs} width={72} height={20} />
      <span><span class="visually-hidden">The view is </span>{duration(orders.lagMs)} behind</span>
    </a>
  );
}
