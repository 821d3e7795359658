import type { DetailsFragment } from '../operations';
import { count, money } from '../words';

/** Items are what was ordered, with what it comes to. */
export function Items({ order: { lineItems, total } }: { order: DetailsFragment }) {
  return (
    <section aria-labelledby="order-items">
      <h3 id="order-items">Items</h3>
      <table class="items">
        <thead>
          <tr><th scope="col">Dish</th><th scope="col">Qty</th><th scope="col">Each</th><th scope="col">Sum</th></tr>
        </thead>
        <tbody>
          {lineItems.map((item) => (
            <tr key={item.menuItemId}>
              <th scope="row">{item.name}</th>
              <td>{count(item.quantity)}</td>
              <td>{money(item.price)}</td>
              <td>{money(item.total)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">Total</th>
            <td>{count(lineItems.reduce((sum, item) => sum + item.quantity, 0))}</td>
            <td />
            <td>{money(total)}</td>
          </tr>
        </tfoot>
      </table>
    </section>
  );
}
