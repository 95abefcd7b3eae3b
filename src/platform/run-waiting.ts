/** An item of a coalescer, and who waits for its answer. */
export interface Waiting<Item, Answer> {
  item: Item;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
  /** How many races it has lost, and the error of the last one. */
  lost: { times: number; error: unknown };
}

interface RunOptions<Item, Answer> {
  runBatch: (items: Item[]) => Promise<Answer[]>;
  groupOf?: (item: Item) => string;
  isItemsFault: (error: unknown) => boolean;
  isLostRace?: (error: unknown) => boolean;
}

type Run<Item, Answer> = RunOptions<Item, Answer> & {
  /** The error after which nothing more is tried: what it is about is not an item. */
  broken: { error: unknown } | null;
};

/** Runs a batch and gives everybody the answer or the error. Answers those that lost a race and may go again. */
export function runWaiting<Item, Answer>(
  options: RunOptions<Item, Answer>,
  batch: Waiting<Item, Answer>[],
): Promise<Waiting<Item, Answer>[]> {
  return runPart({ ...options, broken: null }, batch);
}

async function runPart<Item, Answer>(
  run: Run<Item, Answer>,
  batch: Waiting<Item, Answer>[],
): Promise<Waiting<Item, Answer>[]> {
  if (run.broken !== null) {
    for (const { reject } of batch) reject(run.broken.error);
    return [];
  }
  try {
    const answers = await run.runBatch(batch.map(({ item }) => item));
    if (answers.length !== batch.length)
      throw new Error(`${batch.length} items got ${answers.length} answers`);
    batch.forEach(({ resolve }, index) => resolve(answers[index] as Answer));
    return [];
  } catch (error) {
    if (run.isLostRace?.(error) === true) return runByGroup(run, batch, error);
    if (run.isItemsFault(error)) return runHalves(run, batch, error);
    run.broken = { error };
    for (const { reject } of batch) reject(error);
    return [];
  }
}

/** Only the group that somebody is in the way of shall feel it. */
async function runByGroup<Item, Answer>(
  run: Run<Item, Answer>,
  batch: Waiting<Item, Answer>[],
  error: unknown,
): Promise<Waiting<Item, Answer>[]> {
  const groups = Map.groupBy(batch, ({ item }) => run.groupOf?.(item) ?? '');
  if (groups.size === 1) {
    for (const { lost } of batch) Object.assign(lost, { times: lost.times + 1, error });
    return batch;
  }
  const losers: Waiting<Item, Answer>[] = [];
  for (const group of groups.values()) losers.push(...(await runPart(run, group)));
  return losers;
}

/** One bad item must not fail its neighbours. By halves it is found in few steps, however many they are. */
async function runHalves<Item, Answer>(
  run: Run<Item, Answer>,
  batch: Waiting<Item, Answer>[],
  error: unknown,
): Promise<Waiting<Item, Answer>[]> {
  if (batch.length === 1) {
    batch[0]?.reject(error);
    return [];
  }
  const middle = Math.ceil(batch.length / 2);
  const losers = await runPart(run, batch.slice(0, middle));
  return [...losers, ...(await runPart(run, batch.slice(middle)))];
}
