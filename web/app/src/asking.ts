/** Milliseconds until the server is taken for one that does not answer: more than it gives an operation itself (--operation-timeout). */
const patience = 20_000;

/** ask is fetch of what must be answered in time. */
export function ask(of: RequestInfo | URL, options: RequestInit = {}, within = patience): Promise<Response> {
  const late = AbortSignal.timeout(within);
  return fetch(of, { ...options, signal: options.signal ? AbortSignal.any([options.signal, late]) : late });
}

/** unanswered says in plain words why there was no answer. */
export function unanswered(error: Error | undefined): string {
  return error?.name === 'TimeoutError' ? 'The server does not answer.' : 'The server cannot be reached.';
}

/** fail is for what ask fails with, to be said as it is. */
export function fail(error: Error): never {
  throw new Error(unanswered(error), { cause: error });
}
