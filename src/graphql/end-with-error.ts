import { GraphQLError, type ExecutionResult } from 'graphql';

/** A source that breaks ends its stream with an error of the catalogue, as it does on a socket, not with a cut. */
export function endWithError(
  source: AsyncGenerator<ExecutionResult, void, void>,
): AsyncGenerator<ExecutionResult, void, void> {
  let isBroken = false;
  const next = async (): Promise<IteratorResult<ExecutionResult, void>> => {
    if (isBroken) return { done: true, value: undefined };
    try {
      return await source.next();
    } catch (error) {
      isBroken = true;
      const originalError = error instanceof Error ? error : new Error(String(error));
      return { done: false, value: { errors: [new GraphQLError(originalError.message, { originalError })] } };
    }
  };
  // No generator of its own: it could not be returned from while it waits for the next value.
  return {
    next,
    return: () => source.return(),
    throw: (error) => source.throw(error),
    [Symbol.asyncIterator]() {
      return this;
    },
    [Symbol.asyncDispose]: async () => void (await source.return()),
  };
}
