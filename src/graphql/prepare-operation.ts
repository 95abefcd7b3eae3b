import {
  GraphQLError,
  getOperationAST,
  validate,
  type DocumentNode,
  type ExecutionArgs,
  type GraphQLSchema,
} from 'graphql';
import { AppError } from '../platform/index.js';
import { rootFields } from './operation-metrics.js';
import { checkCost, parseQuery } from './query-limits.js';

// Validating costs more than executing most subscriptions, and depends on nothing but the document and our schema.
const valid = new WeakSet<DocumentNode>();

export interface OperationRequest {
  query: string | DocumentNode;
  operationName?: string | null | undefined;
  variables?: Record<string, unknown> | null | undefined;
}

/**
 * What Apollo does for HTTP, for the streaming transports: parse, validate and weigh an operation, or say what is wrong.
 * The name is that of its root field.
 */
export function prepareOperation(
  schema: GraphQLSchema,
  request: OperationRequest,
  contextValue: unknown,
): { name: string } & ({ args: ExecutionArgs } | { errors: GraphQLError[] }) {
  let name = 'invalid';
  try {
    if (typeof request.query !== 'string') throw new AppError('BAD_USER_INPUT', 'query must be a string');
    const document = parseQuery(request.query);
    const errors = valid.has(document) ? [] : validate(schema, document);
    if (errors.length > 0) return { name, errors: [...errors] };
    valid.add(document);
    name = rootFields(document);
    if (!getOperationAST(document, request.operationName)) {
      throw new AppError('BAD_USER_INPUT', 'operationName must name one of the operations');
    }
    checkCost(schema, document, request.variables, request.operationName);
    const { operationName, variables } = request;
    return { name, args: { schema, document, operationName, variableValues: variables, contextValue } };
  } catch (error) {
    if (error instanceof GraphQLError) return { name, errors: [error] };
    const original = error instanceof Error ? error : new Error(String(error));
    return { name, errors: [new GraphQLError(original.message, { originalError: original })] };
  }
}
