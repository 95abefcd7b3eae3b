import { UsageError } from './cli/usage-error.js';

/** `bin/spell`: what the server does, on a maker's desk. Exit codes: 0 done, 1 refused, 2 wrong use; `run` has more. */
const USAGE = `usage: spell <command>

  pack FOLDER [-o FILE]    write the canonical package of a folder (default: <folder>.spell.tar beside it)
  check PACKAGE            say everything that publishing would refuse
  meter MODULE [-o FILE]   rewrite a module as publishing would, so that it counts its fuel
  run MODULE|PACKAGE       run it as a cast would be run: same limits, same fuel
  verify RECEIPT           verify the receipt of a cast, without a server
  replay RECEIPT --package FILE
                           run a cast again and compare output and fuel with its receipt
  mirror --from URL --to DIR
                           copy a ledger, or bring a copy up to date
  audit --mirror DIR|--from URL
                           recompute a ledger from its files and name the first bad entry

spell <command> --help says more.
`;

type Command = (args: string[]) => Promise<number>;

/** Loaded when asked for: a run must not wait for what only packages need. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  pack: async () => (await import('./cli/pack.js')).pack,
  check: async () => (await import('./cli/check.js')).check,
  meter: async () => (await import('./cli/meter.js')).meter,
  audit: async () => (await import('./cli/audit.js')).audit,
  mirror: async () => (await import('./cli/mirror.js')).mirror,
  verify: async () => (await import('./cli/verify.js')).verify,
  replay: async () => (await import('./cli/replay.js')).replay,
  run: async () => (await import('./cli/run.js')).run,
};

async function main([name, ...args]: string[]): Promise<number> {
  const load = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load !== undefined) return (await load())(args);
  const isAsked = name === undefined || name === 'help' || name === '--help';
  process[isAsked ? 'stdout' : 'stderr'].write(
    isAsked ? USAGE : `spell: there is no command "${name}"\n${USAGE}`,
  );
  return isAsked ? 0 : 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const hint = error instanceof UsageError ? ` (spell ${process.argv[2]} --help says more)` : '';
  process.stderr.write(`spell: ${(error as Error).message}${hint}\n`);
  process.exitCode = 2;
}
