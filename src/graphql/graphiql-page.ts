import { promisify } from 'node:util';
import { brotliCompress, constants, gzip as gzipCompress } from 'node:zlib';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import { sha256 } from '../platform/index.js';

const EXAMPLE = `# Paste a key into the headers tab: { "authorization": "Bearer spell_…" }
# Queries, mutations and subscriptions run here; introspection needs no key.
query Hello {
  viewer { login }
  spells(first: 5) { edges { node { key latestVersion { version description } } } }
}

mutation Cast {
  cast(input: { spell: "com.spellplatform.primes", input: { limit: 100000 } }) { cast { id } }
}

subscription Watch($id: ID!) {
  castEvents(castId: $id) {
    cursor sequence
    ... on CastLog { text }
    ... on CastOutput { text }
    ... on CastFinished { cast { status costMicros } }
  }
}
`;

/** The page as it is sent, by content encoding; the tag is that of its text. */
export interface GraphiqlPage {
  tag: string;
  encodings: Readonly<Record<'br' | 'gzip' | 'identity', Buffer>>;
}

// The page has nine megabytes; higher qualities take seconds for a few percent.
const BROTLI_QUALITY = 5;

let page: Promise<GraphiqlPage> | null = null;

/** GraphiQL with everything it needs inside the page: nothing is loaded from elsewhere. Made once, on first use. */
export function graphiqlPage(): Promise<GraphiqlPage> {
  page ??= makePage();
  return page;
}

async function makePage(): Promise<GraphiqlPage> {
  const text = renderGraphiQL({
    title: 'Spell Platform',
    endpoint: '/graphql',
    defaultQuery: EXAMPLE,
    // Headers hold an API key here, which must not stay in the browser's storage.
    shouldPersistHeaders: false,
  });
  const identity = Buffer.from(text);
  const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };
  const [br, gzip] = await Promise.all([
    promisify(brotliCompress)(identity, { params }),
    promisify(gzipCompress)(identity),
  ]);
  return {
    tag: sha256(text).slice('sha256:'.length, 'sha256:'.length + 32),
    encodings: { br, gzip, identity },
  };
}
