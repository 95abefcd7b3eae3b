/**
 * Stands in a guest's process in the place of its program, started and sealed as that is, and tries from inside what a
 * guest that broke out of the engine would try. Says what came of each attempt: "allowed", a value, or an error code.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import inspector from 'node:inspector';
import net from 'node:net';
import { WASI } from 'node:wasi';
import { Worker } from 'node:worker_threads';

const READY = 0;
const OUTPUT = 2;
const DESCRIPTORS_TO_TRY = 64;

type Attempt = () => unknown;

function sendFrame(type: number, text: string): void {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(5);
  header.writeUInt8(type);
  header.writeUInt32LE(payload.length, 1);
  writeSync(4, Buffer.concat([header, payload]));
}

async function outcomeOf(attempt: Attempt): Promise<unknown> {
  try {
    return (await attempt()) ?? 'allowed';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** Resolves with the error's code, or "connected". */
function connectTo(port: number, host: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(port, host);
    socket.once('connect', () => resolve('connected'));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? String(error)));
  });
}

function listen(): Promise<string> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('listening', () => resolve('listening'));
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? String(error)));
    server.listen(0, '127.0.0.1');
  });
}

function sendDatagram(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? String(error)));
    socket.send('x', port, '127.0.0.1', (error) =>
      resolve(error === null ? 'sent' : ((error as NodeJS.ErrnoException).code ?? String(error))),
    );
  });
}

function startAsync(): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn('/bin/true');
    child.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? String(error)));
    child.once('exit', () => resolve('ran'));
  });
}

/** Of the descriptors beyond the engine's own (events and wake-up pipes) what each is. */
function openDescriptors(): string[] {
  return Array.from({ length: DESCRIPTORS_TO_TRY }, (_, number) => {
    try {
      const stat = fstatSync(number);
      if (stat.isSocket()) return `socket ${number}`;
      if (stat.isFile() || stat.isDirectory() || stat.isBlockDevice()) return `file ${number}`;
      return '';
    } catch {
      return '';
    }
  }).filter((text) => text !== '');
}

function limitsOfSystem(): unknown {
  const report = process.report.getReport() as unknown as {
    userLimits: Record<string, { soft: number | string }>;
  };
  return Object.fromEntries(Object.entries(report.userLimits).map(([name, { soft }]) => [name, soft]));
}

/** A native module that is there and could be loaded: Node itself would do for the attempt. */
function loadAddon(): void {
  process.dlopen({ exports: {} }, process.execPath);
}

const attempts = (port: number, parent: number): Record<string, Attempt> => ({
  environment: () => Object.keys(process.env),
  'read a file': () => readFileSync('/etc/passwd'),
  'read a folder': () => readdirSync('/'),
  'write a file': () => writeFileSync('/tmp/spell-probe', 'x'),
  'read its own memory map': () => readFileSync('/proc/self/maps'),
  'open the memory of its parent': () => openSync(`/proc/${parent}/mem`, 'r+'),
  'read the environment of its parent': () => readFileSync(`/proc/${parent}/environ`),
  'signal its pool': () => process.kill(parent, 0),
  'start a program': () => spawnSync('/bin/true').error ?? 'ran',
  'start a program beside itself': startAsync,
  'start a worker': () => void new Worker('0', { eval: true }),
  'load an addon': loadAddon,
  'use WASI': () => void new WASI({ version: 'preview1' }),
  'open a debugger': () => inspector.open(0),
  // oxlint-disable-next-line typescript/no-implied-eval -- that it is refused is what is tried
  'make code from text': () => new Function('return 1')() as unknown,
  'connect by TCP': () => connectTo(port, '127.0.0.1'),
  'connect to the world': () => connectTo(53, '192.0.2.1'),
  'listen by TCP': listen,
  'send by UDP': () => sendDatagram(port),
  'open a descriptor': () => closeSync(openSync(process.argv[1] ?? '', 'r')),
  'become root': () => process.setuid?.(0),
  descriptors: openDescriptors,
  user: () => process.getuid?.(),
  groups: () => process.getgroups?.(),
  limits: limitsOfSystem,
});

sendFrame(READY, JSON.stringify({ pid: process.pid }));
const request = Buffer.alloc(256);
const length = readSync(3, request, 0, request.length, null);
const { port, parent } = JSON.parse(request.toString('utf8', 0, length)) as { port: number; parent: number };
for (const [name, attempt] of Object.entries(attempts(port, parent))) {
  sendFrame(OUTPUT, JSON.stringify([name, await outcomeOf(attempt)]));
}
sendFrame(OUTPUT, 'null');
