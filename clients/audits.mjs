// The audits of GraphQL over HTTP: node audits.mjs URL. It prints what came of each.
import { auditServer } from 'graphql-http';

console.log(JSON.stringify(await auditServer({ url: process.argv[2] }), (key, value) => (key === 'response' ? undefined : value)));
