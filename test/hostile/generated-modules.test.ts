import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { sha256 } from '../../src/platform/index.js';
import {
  engine as known,
  original,
  outcome,
  PLENTY,
  start,
  type GuestExports,
} from '../instrument/support.js';
import { ModuleGenerator } from './generate-modules.js';

const engine = known as typeof known & { Global: new () => { value: unknown } };
const MODULES = 200;
const SEED_BYTES = 700;

describe('modules that Binaryen’s fuzzer makes up', () => {
  let generator: ModuleGenerator;
  before(async () => {
    generator = await ModuleGenerator.create();
  });
  after(() => generator.clear());

  it('behave the same with and without metering, and cost the same fuel every time', async (test) => {
    let compared = 0;
    let calls = 0;
    let fuelUsed = 0n;
    for (let number = 0; number < MODULES; number++) {
      const module = await generator.generate(seedOf(number));
      if (!engine.validate(module)) continue;
      const plain = observe(() => original(module));
      const metered = start(module);
      assert.deepEqual(
        observe(() => started(metered)),
        plain,
        `module ${number}`,
      );
      const again = start(module);
      observe(() => started(again));
      assert.equal(again.spell_fuel.value, metered.spell_fuel.value, `module ${number}`);
      compared += 1;
      calls += plain.calls.length;
      fuelUsed += PLENTY - metered.spell_fuel.value;
    }
    test.diagnostic(`${compared} modules, ${calls} calls, ${fuelUsed} fuel`);
    assert.ok(compared > MODULES * 0.9, `only ${compared} modules are valid here`);
    assert.ok(calls > compared && fuelUsed > 100_000n, 'a generator of empty modules would prove nothing');
  });
});

/** Random bytes, the same in every run. */
function seedOf(number: number): Uint8Array {
  const parts: Buffer[] = [];
  for (let part = 0; part * 64 < SEED_BYTES; part++) {
    parts.push(createHash('sha512').update(`module ${number} part ${part}`).digest());
  }
  return Buffer.concat(parts);
}

interface Observed {
  calls: string[];
  globals: string[];
  memory: string | null;
}

/** Metering makes the start function an export, which the platform calls first. */
function started(exports: GuestExports): GuestExports {
  exports['spell_start']?.();
  return exports;
}

/** Calls every function, one after the other, and looks at what they left. */
function observe(instantiate: () => GuestExports): Observed {
  let exports: GuestExports | null = null;
  const first = outcome(() => {
    exports = instantiate();
  });
  if (exports === null) return { calls: [`start: ${first}`], globals: [], memory: null };
  const own = Object.entries(exports as Record<string, unknown>).filter(
    ([name]) => !name.startsWith('spell_'),
  );
  const calls = own.flatMap(([name, value]) =>
    typeof value === 'function' ? [`${name}: ${outcome(() => inspect((value as () => unknown)()))}`] : [],
  );
  const globals = own.flatMap(([name, value]) =>
    value instanceof engine.Global ? [`${name}: ${outcome(() => inspect(value.value))}`] : [],
  );
  const memory = own.map(([, value]) => value).find((value) => value instanceof engine.Memory);
  return { calls, globals, memory: memory === undefined ? null : sha256(Buffer.from(memory.buffer)) };
}
