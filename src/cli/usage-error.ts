import { parseArgs, type ParseArgsConfig } from 'node:util';

/** The command line cannot be understood: exit code 2, and what is wrong with it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<O extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; allowPositionals: true; options: O & { help: { type: 'boolean' } } }>
>;

/** Options alone; null when only help was asked for. */
export function parseOptions<O extends Options>(args: string[], options: O): Parsed<O>['values'] | null {
  const { values, positionals } = parse(args, options);
  if ((values as { help?: boolean }).help === true) return null;
  const [first] = positionals;
  if (first !== undefined) throw new UsageError(`"${first}" belongs to no option`);
  return values;
}

/** Options and exactly one file or folder; null when only help was asked for. */
export function parseCommand<O extends Options>(
  args: string[],
  what: string,
  options: O,
): { target: string; values: Parsed<O>['values'] } | null {
  const parsed = parse(args, options);
  if ((parsed.values as { help?: boolean }).help === true) return null;
  const [target, second] = parsed.positionals;
  if (target === undefined) throw new UsageError(`which ${what}?`);
  if (second !== undefined) throw new UsageError(`one ${what} at a time: "${second}" is one too many`);
  return { target, values: parsed.values };
}

function parse<O extends Options>(args: string[], options: O): Parsed<O> {
  const withHelp = { ...options, help: { type: 'boolean' } } as const;
  try {
    return parseArgs({ args, allowPositionals: true, options: withHelp });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
