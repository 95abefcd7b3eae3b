import { printChecks } from './receipt-file.js';
import { replayReceiptFile, type Replay } from './replay-receipt-file.js';
import { parseCommand, UsageError } from './usage-error.js';

const HELP = `usage: spell replay RECEIPT --package FILE [--input FILE] [--json]

Runs a cast again on this machine, with the limits, the clock, the seed, the arguments and the environment that its receipt
names, and says whether it reaches the same output and the same fuel to the last digit. Uses no server. That the receipt is
genuine is another question: spell verify answers it.

  --package FILE     the package that was cast
  --input FILE       what it read (default: nothing)
  --json             one object instead of lines: replayed, same, reason, checks

Limits of time are those of this machine: a cast that ended by itself ends the same, however long it takes.

Exit code 0: the same; 1: not, and everything that differs is named; 2: wrong use; 3: it cannot be replayed, with the reason.
`;

const EXIT_CODES = { same: 0, different: 1, impossible: 3 } as const;

export async function replay(args: string[]): Promise<number> {
  const command = parseCommand(args, 'receipt', {
    package: { type: 'string' },
    input: { type: 'string' },
    json: { type: 'boolean' },
  });
  if (command === null) {
    process.stdout.write(HELP);
    return 0;
  }
  const { values } = command;
  if (values.package === undefined) throw new UsageError('which package? give --package FILE');
  const result = await replayReceiptFile(command.target, { package: values.package, input: values.input });
  if (values.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
  else explain(result);
  return EXIT_CODES[result.same ? 'same' : result.reason === null ? 'different' : 'impossible'];
}

function explain({ same, reason, checks }: Replay): void {
  printChecks(checks);
  const verdict =
    reason === null ? (same ? 'replayed: the same' : 'NOT THE SAME') : `cannot be replayed: ${reason}`;
  process.stdout.write(`${verdict}\n`);
}
