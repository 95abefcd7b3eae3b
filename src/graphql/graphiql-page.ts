import { renderGraphiQL } from '@graphql-yoga/render-graphiql';

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

let page: string | null = null;

/** GraphiQL with everything it needs inside the page: nothing is loaded from elsewhere. Made once, on first use. */
export function graphiqlPage(): string {
  page ??= renderGraphiQL({ title: 'Spell Platform', endpoint: '/graphql', defaultQuery: EXAMPLE });
  return page;
}
