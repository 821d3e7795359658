// Composes subgraphs: node compose.mjs apollo|guild NAME=URL=FILE...
// Prints the supergraph's SDL; or what is wrong, with status 1. What a composer has to remark goes to stderr.
import { readFileSync } from 'node:fs';
import { parse } from 'graphql';

const [composer, ...list] = process.argv.slice(2);
const subgraphs = list.map((entry) => {
  const [name, url, file] = entry.split('=');
  return { name, url, typeDefs: parse(readFileSync(file, 'utf8')) };
});

const { composeServices } = await import({ apollo: '@apollo/composition', guild: '@theguild/federation-composition' }[composer]);
const result = composeServices(subgraphs);
if (result.errors?.length) {
  for (const e of result.errors) console.error(`${e.extensions?.code ?? ''} ${e.message}`);
  process.exit(1);
}
for (const hint of result.hints ?? []) console.error(`${hint.definition.code} ${hint.message}`);
console.log(result.supergraphSdl);
