import { SandboxPool } from '../../src/sandbox/index.js';
import { HELLO_ENDLESS, cast } from './fixtures.js';

/** A worker that runs an endless cast and says when it has begun, to be killed by its test. */
const pool = new SandboxPool({ size: 1, maxCastsPerProcess: 10 });
await pool.start();
await cast(pool, HELLO_ENDLESS, {
  onOutput: () => console.log('running'),
  limits: { timeoutMs: 60_000 },
});
