import { createRequest, stringifyDocument, type AnyVariables, type TypedDocumentNode } from '@urql/core';

/** inPlayground returns the address at which the playground shows a query of this page. */
export function inPlayground<V extends AnyVariables>(document: TypedDocumentNode<unknown, V>, variables: V): string {
  const query = stringifyDocument(createRequest(document, variables).query).replace(/^\s*__typename\n/gm, '');
  return `/playground?${new URLSearchParams({ query, variables: JSON.stringify(variables, null, 2) })}`;
}
