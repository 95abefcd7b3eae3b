import { spawn } from 'node:child_process';
import { copyFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { DemoClient } from './demo-client.js';
import { check, say } from './tell.js';

const SPELL = fileURLToPath(new URL('../src/cli.js', import.meta.url));
const RECEIPT = '.spell/demo-receipt.json';
const KEYS = '.spell/demo-ledger.vkey';
// A fact has its place in the ledger within a fraction of a second; five are promised.
const SEQUENCED_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 50;

interface Cast {
  id: string;
  input: string;
  output: string;
  package: string;
}

/** Prints the receipt of a cast, verifies it and replays it, as anybody can who has the files and the ledger's key. */
export async function proveCast(client: DemoClient, cast: Cast, keys: string): Promise<void> {
  say('the receipt of the picture, signed and in the ledger');
  const receipt = await awaitReceipt(client, cast.id);
  await writeFile(RECEIPT, `${JSON.stringify(receipt, null, 2)}\n`);
  await copyFile(keys, KEYS);
  process.stdout.write(indent(JSON.stringify(receipt, null, 2)));
  const { input, output, package: tar } = cast;
  await runSpell('verify', RECEIPT, '--key', KEYS, '--input', input, '--output', output, '--package', tar);
  await runSpell('replay', RECEIPT, '--package', tar, '--input', input);
}

async function awaitReceipt(client: DemoClient, id: string): Promise<object> {
  const deadlineMs = performance.now() + SEQUENCED_WITHIN_MS;
  for (;;) {
    const receipt = await client.receipt(id);
    if (receipt !== null) return receipt;
    check(performance.now() < deadlineMs, 'the cast stands in the ledger in time');
    await delay(LOOK_EVERY_MS);
  }
}

/** Runs the command in a process of its own, as anybody would: it is told of files, and of no server. */
async function runSpell(...args: string[]): Promise<void> {
  say(`spell ${args.join(' ')}`);
  const child = spawn(process.execPath, [SPELL, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  process.stdout.write(indent(Buffer.concat(chunks).toString()));
  check(code === 0, `spell ${args[0]} ends with exit code 0 (${code})`);
}

function indent(text: string): string {
  return `${text.trimEnd().replaceAll(/^/gm, ' '.repeat(12))}\n`;
}
