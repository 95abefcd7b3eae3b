import { LRUCache } from 'lru-cache';
import {
  GraphQLError,
  Kind,
  parse,
  visit,
  type DocumentNode,
  type FragmentDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
// Its ESM build loads a second copy of graphql, and a schema of one copy means nothing to the other.
import { getComplexity, simpleEstimator, type ComplexityEstimator } from 'graphql-query-complexity/cjs';
import type { GraphQLSchema } from 'graphql';
import { AppError } from '../platform/index.js';

/**
 * What a query may be. The walk below runs before graphql's own validation, because validation itself can be
 * made to overflow the stack: 120 fragments that name each other, or 2,000 levels of braces.
 */
export const QUERY_LIMITS = {
  /** Bytes of the query text. Introspection by common tools needs 2 KB, a large frontend 10 KB. */
  sourceBytes: 64 * 1024,
  /** Lexical tokens; bounds everything that is linear in the text. */
  tokens: 4_000,
  /** Levels of selection, fragments followed. The introspection query of common tools needs 15. */
  depth: 16,
  /** Aliases in one document: each repeats work that the field limits were made for. */
  aliases: 30,
  /** Directives in one document. */
  directives: 50,
  /** Fragment definitions in one document. */
  fragments: 60,
  /** Estimated objects in the answer: each field 1, multiplied by the page size of each list around it. */
  cost: 20_000,
} as const;

// The same few queries come again and again; the verdict on a text never changes.
// A parsed document takes about 250 times its text, and strangers choose the texts, so it is the bytes that are bounded.
const parsed = new LRUCache<string, DocumentNode>({
  maxSize: 32 * 1024 * 1024,
  sizeCalculation: (_document, source) => 250 * (source.length + 1),
});

/** Parses a query within the limits that need no schema. */
export function parseQuery(source: string): DocumentNode {
  const known = parsed.get(source);
  if (known !== undefined) return known;
  const limit = QUERY_LIMITS.sourceBytes;
  if (Buffer.byteLength(source) > limit) throw refuse(`the query text is longer than ${limit} bytes`);
  const document = parseTokens(source);
  checkShape(document);
  parsed.set(source, document);
  return document;
}

function parseTokens(source: string): DocumentNode {
  try {
    return parse(source, { maxTokens: QUERY_LIMITS.tokens });
  } catch (error) {
    // graphql-js has no code for this, only these words.
    if (error instanceof GraphQLError && /more tha[nt] \d+ tokens/.test(error.message)) {
      throw refuse(`the query has more than ${QUERY_LIMITS.tokens} tokens`);
    }
    if (error instanceof RangeError) throw refuse('the query is nested too deeply');
    throw error;
  }
}

function refuse(reason: string): AppError {
  return new AppError('QUERY_REFUSED', reason);
}

interface Walk {
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  depths: Map<string, number>;
  open: Set<string>;
  aliases: number;
  directives: number;
}

function checkShape(document: DocumentNode): void {
  const definitions = document.definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION);
  if (definitions.length > QUERY_LIMITS.fragments) {
    throw refuse(`the query has more than ${QUERY_LIMITS.fragments} fragments`);
  }
  const walk: Walk = {
    fragments: new Map(definitions.map((node) => [node.name.value, node])),
    depths: new Map(),
    open: new Set(),
    aliases: 0,
    directives: 0,
  };
  for (const definition of document.definitions) {
    if ('directives' in definition) walk.directives += definition.directives?.length ?? 0;
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragmentDepth(definition, walk);
    if (definition.kind === Kind.OPERATION_DEFINITION) {
      for (const variable of definition.variableDefinitions ?? []) {
        walk.directives += variable.directives?.length ?? 0;
      }
      selectionDepth(definition.selectionSet, walk, 0);
    }
  }
  if (walk.aliases > QUERY_LIMITS.aliases)
    throw refuse(`the query has more than ${QUERY_LIMITS.aliases} aliases`);
  if (walk.directives > QUERY_LIMITS.directives) {
    throw refuse(`the query has more than ${QUERY_LIMITS.directives} directives`);
  }
}

/** How deep a selection goes. Stops at the limit, so its own recursion is bounded by it. */
function selectionDepth(selectionSet: SelectionSetNode, walk: Walk, level: number): number {
  if (level >= QUERY_LIMITS.depth) throw refuse(`the query is deeper than ${QUERY_LIMITS.depth} levels`);
  let deepest = 1;
  for (const node of selectionSet.selections) {
    walk.directives += node.directives?.length ?? 0;
    if (node.kind === Kind.FIELD) {
      if (node.alias !== undefined) walk.aliases += 1;
      if (node.selectionSet !== undefined) {
        deepest = Math.max(deepest, 1 + selectionDepth(node.selectionSet, walk, level + 1));
      }
    } else if (node.kind === Kind.INLINE_FRAGMENT) {
      deepest = Math.max(deepest, selectionDepth(node.selectionSet, walk, level + 1));
    } else {
      const fragment = walk.fragments.get(node.name.value);
      // An unknown fragment is left to validation, which names it.
      if (fragment !== undefined) deepest = Math.max(deepest, fragmentDepth(fragment, walk));
    }
  }
  if (level + deepest > QUERY_LIMITS.depth)
    throw refuse(`the query is deeper than ${QUERY_LIMITS.depth} levels`);
  return deepest;
}

/** Each fragment is walked once; meeting one that is still open means that it contains itself. */
function fragmentDepth(fragment: FragmentDefinitionNode, walk: Walk): number {
  const name = fragment.name.value;
  const known = walk.depths.get(name);
  if (known !== undefined) return known;
  if (walk.open.has(name)) throw refuse(`the fragment ${name} contains itself`);
  walk.open.add(name);
  const depth = selectionDepth(fragment.selectionSet, walk, 0);
  walk.open.delete(name);
  walk.depths.set(name, depth);
  return depth;
}

const PAGE_SIZE_ASSUMED = 25;

// A list multiplies what is inside it by the page size that was asked for.
const pageEstimator: ComplexityEstimator = ({ args, childComplexity, field }) => {
  if (!field.args.some((arg) => arg.name === 'first')) return undefined;
  const first = (args as { first?: number }).first ?? PAGE_SIZE_ASSUMED;
  return 1 + Math.max(1, first) * childComplexity;
};

// Weighing costs more than executing a small operation, and most documents weigh the same whatever their variables.
const costs = new WeakMap<DocumentNode, Map<string, number> | 'variable'>();

/** The limit that needs the schema and the variables; the document must have passed validation. */
export function checkCost(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Record<string, unknown> | null | undefined,
  operationName: string | null | undefined,
): void {
  const known = costs.get(document) ?? (hasVariableCost(document) ? 'variable' : new Map<string, number>());
  costs.set(document, known);
  const name = operationName ?? '';
  const cost =
    (known === 'variable' ? undefined : known.get(name)) ??
    getComplexity({
      schema,
      query: document,
      variables: variables ?? {},
      ...(operationName ? { operationName } : {}),
      estimators: [pageEstimator, simpleEstimator({ defaultComplexity: 1 })],
    });
  if (known !== 'variable') known.set(name, cost);
  if (cost > QUERY_LIMITS.cost) {
    throw new AppError('QUERY_REFUSED', `the query costs ${cost}, more than ${QUERY_LIMITS.cost}`, {
      cost,
      limit: QUERY_LIMITS.cost,
    });
  }
}

/** Do page sizes, or whether a part is asked for at all, depend on variables? */
function hasVariableCost(document: DocumentNode): boolean {
  let isFound = false;
  visit(document, {
    Directive: (node) => {
      isFound ||= node.arguments?.some(({ value }) => value.kind === Kind.VARIABLE) ?? false;
    },
    Argument: (node) => {
      isFound ||= node.name.value === 'first' && node.value.kind === Kind.VARIABLE;
    },
  });
  return isFound;
}
