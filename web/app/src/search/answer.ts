import { createRequest } from '@urql/core';
import { useClient } from '@urql/preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { faultOf, type Fault } from '../client';
import { connection } from '../connection';
import { OrdersDocument, type OrdersQuery, type OrdersQueryVariables } from '../operations';
import { useStore } from '../store';

/** What of a query could not be read as it was written. */
export interface Warning {
  message: string;
  text: string;
  /** Where it is in the query, in UTF-16 code units. */
  start: number;
  end: number;
}

/** How a query was understood: the gateway's extensions.search. */
export interface Understood {
  query: string;
  warnings: Warning[];
  /** Nothing is left of it, so that all orders are found. */
  all: boolean;
  loose: boolean;
  partial: boolean;
}

/** A page of hits. */
export interface Answer {
  list: OrdersQuery['orderHistory'];
  /** What was asked. */
  variables: OrdersQueryVariables;
  /** Undefined where nothing but the filter was asked for. */
  understood?: Understood;
  /** The request that it belongs to. */
  key: number;
  /** When the network was asked for it, by performance.now(); 0: it is of before. */
  asked: number;
}

interface State {
  answer?: Answer;
  fault?: Fault;
  /** The request that was answered last, though it may be by a fault. */
  key?: number;
  /** The network is still asked. */
  stale: boolean;
}

/**
 * useAnswer asks for a page of hits: from the cache at once, where it is there, and from the network. Until there is an
 * answer the one before stays. After a connection that was lost it asks again.
 */
export function useAnswer(variables: OrdersQueryVariables) {
  const client = useClient();
  const request = useMemo(() => createRequest(OrdersDocument, variables), [JSON.stringify(variables)]);
  const [state, setState] = useState<State>({ stale: true });
  const [turn, setTurn] = useState(0);
  const asked = useRef<{ key?: number; turn: number }>({ turn: 0 });
  const understood = useRef(new Map<number, Understood>()); // what comes from the cache has no extensions
  useEffect(() => {
    const again = asked.current.key === request.key && asked.current.turn !== turn;
    asked.current = { key: request.key, turn };
    setState((before) => ({ ...before, stale: true }));
    const from = performance.now();
    const requestPolicy = again ? 'network-only' : 'cache-and-network';
    const { unsubscribe } = client.executeQuery(request, { requestPolicy }).subscribe((result) => {
      const told = (result.extensions?.search as Understood[] | undefined)?.[0];
      if (told) {
        understood.current.set(request.key, told);
      }
      setState((before) => ({
        answer: result.data
          ? {
              list: result.data.orderHistory, variables: request.variables as OrdersQueryVariables,
              understood: understood.current.get(request.key), key: request.key,
              asked: result.stale ? 0 : from,
            }
          : before.answer,
        fault: faultOf(result),
        key: request.key,
        stale: result.stale,
      }));
    });
    return unsubscribe;
  }, [client, request, turn]);
  const again = useCallback(() => setTurn((turn) => turn + 1), []);
  useAfterLoss(again);
  const { answer } = state;
  const answered = state.key === request.key;
  const loading = !answered || state.stale;
  const of = answer?.key === request.key;
  return {
    answer,
    fault: answered ? state.fault : undefined,
    /** The network is still asked. */
    loading,
    /** The answer is this query's, and not of one before. */
    of,
    /** This query's answer is waited for, and not just since now. */
    late: useLate(loading && !of),
    again,
  };
}

const soon = 400; // milliseconds within which an answer seems to come at once

/** useLate says whether something has been waited for longer than a moment. */
function useLate(waiting: boolean): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    const timer = waiting ? setTimeout(() => setLate(true), soon) : undefined;
    return () => clearTimeout(timer);
  }, [waiting]);
  return waiting && late;
}

/** useAfterLoss calls back when changes reach the page again after they did not. */
function useAfterLoss(back: () => void) {
  const is = useStore(connection);
  const times = is.state === 'connected' ? is.times : 0;
  useEffect(() => {
    if (times > 1) {
      back();
    }
  }, [times, back]);
}
