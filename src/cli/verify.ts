import { printChecks } from './receipt-file.js';
import { LOCAL_KEYS, NOT_PINNED_EXIT } from './trusted-keys.js';
import { parseCommand } from './usage-error.js';
import { verifyReceiptFile, type Verification } from './verify-receipt-file.js';

const HELP = `usage: spell verify RECEIPT [options]

Verifies the receipt of a cast: that its content is what the ledger committed to, that the entry is in the log under a signed
checkpoint, that the receipt is signed, and that its price is right. Uses no server.

  --key KEY|FILE     a key you believe, <name>+<id>+<base64>, or a file with one a line; may be given again. Without it
                     ${LOCAL_KEYS} is believed, which \`make up\` writes. Without that nothing is verified: the
                     receipt's own keys say only that it agrees with itself
  --unpinned         take the receipt's own keys as they come
  --input FILE       is this what was cast?
  --output FILE      is this what came out?
  --package FILE     is this the package, and does it declare what the receipt says?
  --json             one object instead of lines: verified, pinned, checks

Exit code 0: verified; 1: not, and every check that failed is named; 2: wrong use; 4: it agrees with itself, but no key
was given to believe.
`;

export async function verify(args: string[]): Promise<number> {
  const command = parseCommand(args, 'receipt', {
    key: { type: 'string', multiple: true },
    unpinned: { type: 'boolean' },
    input: { type: 'string' },
    output: { type: 'string' },
    package: { type: 'string' },
    json: { type: 'boolean' },
  });
  if (command === null) {
    process.stdout.write(HELP);
    return 0;
  }
  const verification = await verifyReceiptFile(command.target, command.values);
  if (command.values.json === true) process.stdout.write(`${JSON.stringify(verification)}\n`);
  else explain(verification);
  return verification.verified ? 0 : isConsistent(verification) ? NOT_PINNED_EXIT : 1;
}

function isConsistent({ checks }: Verification): boolean {
  return checks.every(({ ok }) => ok);
}

function explain(verification: Verification): void {
  const { verified, pinned, checks } = verification;
  printChecks(checks);
  const isUnpinned = !verified && isConsistent(verification);
  process.stdout.write(
    verified ? 'verified\n' : isUnpinned ? 'NOT VERIFIED: no key was given\n' : 'NOT VERIFIED\n',
  );
  if (!pinned)
    process.stdout.write(
      'WARNING: the keys were NOT PINNED. Whoever made this receipt chose them: give --key with a key you have from elsewhere.\n',
    );
}
