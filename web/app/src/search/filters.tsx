import { choices, go, statuses, type Address } from '../address';
import { useMedia } from '../media';
import type { OrdersQuery } from '../operations';
import { name } from '../words';
import { narrowings, nothingChosen, titles } from './asked';
import { Checklist } from './checklist';
import { DateRange } from './daterange';
import { TotalRange } from './totalrange';
import { day } from './days';
import './filters.css';

type Facets = OrdersQuery['orderHistory']['facets'];

interface Props {
  address: Address;
  /** The counts are of what the address asks for. */
  of: boolean;
  facets?: Facets;
  currency?: string;
}

/** Filters narrow the search beside the query. Each value tells how many orders have it. Where there is no room they are folded away. */
export function Filters({ address, of, facets, currency }: Props) {
  const beside = useMedia('(min-width: 900px)');
  const chosen = narrowings(address, { day, status: name }).length;
  const all = (
    <>
      {choices.map((choice) => (
        <Checklist
          key={choice}
          title={titles[choice]}
          facet={facets?.[choice]}
          chosen={address.chosen[choice]}
          inOrder={choice === 'status' ? statuses : undefined}
          write={choice === 'status' ? name : undefined}
          choose={(values) => go({ chosen: { ...address.chosen, [choice]: values } })}
        />
      ))}
      <DateRange from={address.from} to={address.to} months={facets?.month} />
      <TotalRange min={address.min} max={address.max} ranges={facets?.total} currency={currency} />
    </>
  );
  const counted = (name: string) => ({ class: of ? name : `${name} before`, 'aria-busy': !of });
  const clear = chosen > 0 && <button type="button" class="link" onClick={() => go(nothingChosen)}>Clear all</button>;
  return beside ? (
    <aside {...counted('filters')} aria-label="Filters">
      <div class="head"><h2>Filters</h2>{clear}</div>
      {all}
    </aside>
  ) : (
    <details {...counted('filters folded sheet')}>
      <summary>Filters{chosen > 0 && ` (${chosen} chosen)`}</summary>
      {clear}
      <div class="columns">{all}</div>
    </details>
  );
}
