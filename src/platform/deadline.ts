/**
 * The result of `work`, or `fallback` when it takes longer. The work itself goes on: use this where nothing harmful
 * comes of that, as for a command that waits for Redis to come back.
 */
export async function orAfter<T, F>(work: Promise<T>, deadlineMs: number, fallback: F): Promise<T | F> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<F>((resolve) => {
    timer = setTimeout(() => resolve(fallback), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
