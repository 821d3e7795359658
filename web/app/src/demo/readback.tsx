import type { Client } from '@urql/preact';
import { faultOf } from '../client';
import { ReadBackDocument, type Freshness } from '../operations';
import { duration, name } from '../words';
import type { Receipt } from './shop';
import './demo.css';

/** What a read found after a command. */
export interface Found {
  /** The version that the order was shown at; null where it was not there. */
  version: number | null;
  status: string;
  took: number; // milliseconds
  /** Why it was answered from there: the reason of extensions.freshness. */
  reason: string;
  failed: string;
}

/** A command, and what its customer reads at once thereafter: as the view is, and at least as new as what was written. */
export interface ReadBack {
  receipt: Receipt;
  eventual: Found;
  atLeast: Found;
}

/** readBack reads what a command has written. */
export async function readBack(client: Client, receipt: Receipt): Promise<ReadBack> {
  const seen = [{ aggregate: 'ORDER' as const, id: String(receipt.orderId), version: receipt.version }];
  const eventual = await read(client, receipt, { mode: 'EVENTUAL' });
  return { receipt, eventual, atLeast: await read(client, receipt, { mode: 'AT_LEAST', seen, waitMs: 2000 }) };
}

async function read(client: Client, { orderId }: Receipt, freshness: Freshness): Promise<Found> {
  const begun = performance.now();
  const result = await client
    .query(ReadBackDocument, { id: String(orderId), freshness }, { requestPolicy: 'network-only' })
    .toPromise();
  const order = result.data?.order;
  return {
    version: order?.version ?? null,
    status: order?.status ?? '',
    took: performance.now() - begun,
    reason: String(result.extensions?.freshness?.[0]?.reason ?? ''),
    failed: faultOf(result)?.message ?? '',
  };
}

const because: Record<string, string> = {
  satisfied: 'the view had it already',
  waited: 'it waited for the view',
  behind: 'the view was behind, so the owner was asked',
  missing: 'the view did not have it, so the owner was asked',
};

/** ReadBackReport tells what was read after a command. */
export function ReadBackReport({ of: { receipt, eventual, atLeast } }: { of: ReadBack }) {
  const old = eventual.version === null || eventual.version < receipt.version;
  return (
    <div class="readback" role="status">
      <p>The Order service answered: order {receipt.orderId} is at version {receipt.version} now. Read at once thereafter:</p>
      <dl>
        <div>
          <dt>EVENTUAL</dt>
          <dd>
            <Reading found={eventual} /> {old ? <strong>The view was behind.</strong> : 'The view was quicker than you.'}
          </dd>
        </div>
        <div>
          <dt>AT_LEAST</dt>
          <dd>
            <Reading found={atLeast} /> {because[atLeast.reason] && `Your write is in it: ${because[atLeast.reason]}.`}
          </dd>
        </div>
      </dl>
    </div>
  );
}

function Reading({ found }: { found: Found }) {
  if (found.failed) {
    return <>{found.failed}</>;
  }
  const what = found.version === null ? 'no such order' : `version ${found.version}, ${name(found.status).toLowerCase()}`;
  return <>{what}, after {duration(found.took)}.</>;
}
