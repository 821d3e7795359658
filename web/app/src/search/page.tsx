import { useQuery } from '@urql/preact';
import { OrdersDocument } from '../operations';
export function SearchPage() {
  const [{ data, error }] = useQuery({ query: OrdersDocument, variables: { first: 20 } });
  return <pre>{JSON.stringify(data ?? error, null, 1)}</pre>;
}
