import type { CasterOptions } from './caster-process.js';
import { readCpu, subtractCpu, type CpuUse } from './cpu.js';
import { median, quantile } from './measure.js';
import { RemoteCaster } from './remote-caster.js';

/** One of the things that are compared, with the processes whose CPU time is its own. */
export interface Contestant {
  name: string;
  caster: CasterOptions;
  /** Processes beside the caster's own, by name. */
  pids: Record<string, number>;
  load?: Load;
}

/** What a round of many casts at a time is made of. */
export interface Load {
  casts: number;
  inFlight: number;
}

export interface Figures {
  name: string;
  /** Of casts one by one, of all rounds together. */
  p50Ms: number;
  p90Ms: number;
  p99Ms: number;
  /** Under load: the median over the rounds. */
  castsPerSecond: number;
  /** CPU time of one cast under load, by process. */
  cpuMsPerCast: CpuUse;
}

export const IN_FLIGHT = 64;
// The whole bench is meant to be run between two cups of coffee: about four minutes on two cores.
const ROUNDS = 9;
const SINGLE_CASTS = 60;
const LOAD: Load = { casts: 600, inFlight: IN_FLIGHT };
// Until the engine has compiled what is worth it.
const WARM_UP_ROUNDS = 10;

interface Samples {
  single: number[][];
  perSecond: number[];
  cpu: CpuUse[];
}

/**
 * Measures all contestants in turns, round by round, so that whatever else the machine does falls on each of them
 * alike.
 */
export async function measureInTurns(
  contestants: readonly Contestant[],
  latency: boolean,
): Promise<Figures[]> {
  const open: RemoteCaster[] = [];
  try {
    for (const { caster } of contestants) open.push(await RemoteCaster.open(caster));
    const samples = contestants.map((): Samples => ({ single: [], perSecond: [], cpu: [] }));
    for (const [at, caster] of open.entries())
      for (let round = 0; round < WARM_UP_ROUNDS; round++) await caster.run(contestants[at]?.load ?? LOAD);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [at, contestant] of contestants.entries()) {
        const [caster, sample] = [open[at], samples[at]];
        if (caster !== undefined && sample !== undefined)
          await sampleOnce(contestant, caster, sample, latency);
      }
    }
    return samples.map((sample, at) => toFigures(contestants[at]?.name ?? '', sample));
  } finally {
    for (const caster of open) await caster.close();
  }
}

async function sampleOnce(
  { pids, load = LOAD }: Contestant,
  caster: RemoteCaster,
  samples: Samples,
  latency: boolean,
): Promise<void> {
  if (latency) samples.single.push((await caster.run({ casts: SINGLE_CASTS, inFlight: 1 })).tookMs);
  const roots = { client: caster.pid, ...pids };
  const before = readCpu(roots);
  const { seconds } = await caster.run(load);
  const used = subtractCpu(readCpu(roots), before);
  samples.cpu.push(Object.fromEntries(Object.entries(used).map(([name, ms]) => [name, ms / load.casts])));
  samples.perSecond.push(load.casts / seconds);
}

function toFigures(name: string, { single, perSecond, cpu }: Samples): Figures {
  const all = single.flat();
  const at = (share: number) => quantile(all, share);
  const names = [...new Set(cpu.flatMap((use) => Object.keys(use)))];
  const cpuOf = (process: string) => median(cpu.map((use) => use[process] ?? 0));
  return {
    name,
    p50Ms: at(0.5),
    p90Ms: at(0.9),
    p99Ms: at(0.99),
    castsPerSecond: median(perSecond),
    cpuMsPerCast: Object.fromEntries(names.map((process) => [process, cpuOf(process)])),
  };
}
