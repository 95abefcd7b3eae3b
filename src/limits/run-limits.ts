const KIB = 1024;
const MIB = 1024 * KIB;

/** Where in a manifest a limit is declared. */
type Section = 'runtime' | 'runtime.policy';

interface LimitRow {
  /** What the sandbox calls it, in the smallest unit: "maxMemoryBytes". */
  key: string;
  /** What the manifest and REST call it, the unit last: "max_memory_mb". GraphQL and the command line spell it their way. */
  field: string;
  section: Section;
  /** One of the field's unit is this much of the key's. */
  scale: number;
  unit: string;
  least: number;
  most: number;
  /** What a manifest that says nothing declares; a field's name stands for whatever that one is. */
  default: number | 'timeout_ms';
  /** What it bounds. */
  covers: string;
  /** What becomes of a cast that passes it. */
  passed: string;
  /** Why the maximum is where it is. */
  reason: string;
}

/**
 * Every limit of a run, once: manifests, requests, the command line and docs/limits.md are made from these rows. A
 * request can only lower what the manifest declares, so a maker's word binds every caster, and the maximum binds every
 * maker.
 */
export const RUN_LIMITS = [
  {
    key: 'timeoutMs',
    field: 'timeout_ms',
    section: 'runtime',
    scale: 1,
    unit: 'ms',
    least: 1,
    most: 300_000,
    default: 10_000,
    covers: 'wall-clock time of one attempt, from its first instruction',
    passed: 'DEADLINE_EXCEEDED',
    reason: 'a cast holds money, a process and perhaps an open request while it runs',
  },
  {
    key: 'maxCpuMs',
    field: 'max_cpu_ms',
    section: 'runtime',
    scale: 1,
    unit: 'ms',
    least: 1,
    most: 300_000,
    default: 'timeout_ms',
    covers: 'CPU time of one attempt, sleeps not counted; never above timeout_ms, where it would not bind',
    passed: 'DEADLINE_EXCEEDED, with a message that says CPU',
    reason: 'more than the deadline allows cannot be used',
  },
  {
    key: 'maxFuel',
    field: 'max_fuel',
    section: 'runtime',
    scale: 1,
    unit: 'fuel',
    least: 1,
    most: 9_000_000_000_000_000,
    default: 10_000_000_000,
    covers: 'metered instructions (fuel.md); the limit that a price is reserved by',
    passed: 'FUEL_EXHAUSTED',
    reason: 'JSON holds whole numbers exactly up to about here',
  },
  {
    key: 'maxMemoryBytes',
    field: 'max_memory_mb',
    section: 'runtime',
    scale: MIB,
    unit: 'MiB',
    least: 1,
    most: 1024,
    default: 64,
    covers: 'linear memory and tables together; what tables may grow to is taken from it at the start',
    passed: 'MEMORY_EXCEEDED',
    reason: 'every process of the pool must be able to hold it',
  },
  {
    key: 'maxStackBytes',
    field: 'max_stack_kb',
    section: 'runtime',
    scale: KIB,
    unit: 'KiB',
    // Chains of calls that cannot recurse are not counted up to this weight: less would not be enforced.
    least: 128,
    most: 8192,
    default: 1024,
    covers: 'the call stack, by what the metering says a frame weighs',
    passed: 'TRAP, "call stack exhausted"',
    reason: 'the stack of the engine must be larger',
  },
  {
    key: 'maxOutputBytes',
    field: 'max_output_mb',
    section: 'runtime',
    scale: MIB,
    unit: 'MiB',
    least: 1,
    most: 50,
    default: 10,
    covers: 'stdout',
    passed: 'OUTPUT_TOO_LARGE; what fits is delivered as events',
    reason: 'an output is held in memory while it is settled',
  },
  {
    key: 'maxLogBytes',
    field: 'max_log_kb',
    section: 'runtime',
    scale: KIB,
    unit: 'KiB',
    least: 1,
    most: 8192,
    default: 1024,
    covers: 'stderr',
    passed: 'the rest is dropped after one line that says so; the cast goes on',
    reason: 'logs lie in Redis until the events of the cast expire',
  },
  {
    key: 'maxEvents',
    field: 'max_events',
    section: 'runtime',
    scale: 1,
    unit: 'events',
    least: 1,
    most: 50_000,
    default: 10_000,
    covers: 'pieces of stdout and stderr as they are delivered; the last piece of each is not counted',
    passed: 'OUTPUT_TOO_LARGE, with a message that says pieces',
    reason: 'each is an entry in Redis and a message to every watcher',
  },
  {
    key: 'maxInputBytes',
    field: 'max_input_kb',
    section: 'runtime',
    scale: KIB,
    unit: 'KiB',
    least: 1,
    most: 8192,
    default: 8192,
    covers: 'the input, as the guest reads it from stdin',
    passed: 'the request is refused: PAYLOAD_TOO_LARGE',
    reason: 'an input travels in one request and lies in one row',
  },
  {
    key: 'maxArgumentBytes',
    field: 'max_argument_bytes',
    section: 'runtime',
    scale: 1,
    unit: 'bytes',
    least: 1,
    most: 65_536,
    default: 8192,
    covers: 'the arguments after argv[0], each with its NUL',
    passed: 'refused when published; under a lower limit of the request, POLICY_VIOLATION',
    reason: 'a command line, not a script: those belong into resources/',
  },
  {
    key: 'maxEnvironmentBytes',
    field: 'max_environment_bytes',
    section: 'runtime',
    scale: 1,
    unit: 'bytes',
    least: 1,
    most: 131_072,
    default: 65_536,
    covers: 'the environment, each NAME=value with its NUL',
    passed: 'refused when published; under a lower limit of the request, POLICY_VIOLATION',
    reason: 'the guest copies it into its memory in every cast',
  },
  {
    key: 'maxResourceBytes',
    field: 'max_resource_mb',
    section: 'runtime',
    scale: MIB,
    unit: 'MiB',
    least: 1,
    most: 64,
    default: 64,
    covers: 'the contents of what the guest sees under /resources',
    passed: 'refused when published; under a lower limit of the request, POLICY_VIOLATION',
    reason: 'a package has at most 64 MiB',
  },
  {
    key: 'maxResourceFiles',
    field: 'max_resource_files',
    section: 'runtime',
    scale: 1,
    unit: 'files',
    least: 1,
    most: 1024,
    default: 1024,
    covers: 'the files that the guest sees under /resources',
    passed: 'refused when published; under a lower limit of the request, POLICY_VIOLATION',
    reason: 'a package has at most 1024 entries',
  },
  {
    key: 'maxTmpBytes',
    field: 'tmp_mb',
    section: 'runtime.policy',
    scale: MIB,
    unit: 'MiB',
    least: 0,
    most: 64,
    default: 0,
    covers: 'names and contents in /tmp, a private folder in memory; there is none at 0',
    passed: 'the guest reads ENOSPC',
    reason: 'it lies in the process beside the memory, and a file that grows is there twice for a moment',
  },
] as const satisfies readonly LimitRow[];

export type RunLimitRow = (typeof RUN_LIMITS)[number];
export type RunLimitKey = RunLimitRow['key'];
export type RunLimitField = RunLimitRow['field'];

/** All limits of a run in the units of their keys. Fuel is counted in 64 bits, the rest fits a number. */
export type RunLimits = { [Key in Exclude<RunLimitKey, 'maxFuel'>]: number } & { maxFuel: bigint };

type Camel<Text extends string> = Text extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Text;

/** The name of a limit in GraphQL: "maxMemoryMb". */
export type CastLimitField = Camel<RunLimitField>;

/** What a request says of limits: each in the unit of its field, fuel as the 64 bits it is. */
export type CastLimitValues = {
  [Field in Exclude<CastLimitField, 'maxFuel'>]?: number | null | undefined;
} & { maxFuel?: bigint | null | undefined };

export function castFieldOf({ field }: { field: RunLimitField }): CastLimitField {
  return CAST_FIELDS[field];
}

const CAST_FIELDS = Object.fromEntries(
  RUN_LIMITS.map(({ field }) => [
    field,
    field.replaceAll(/_(.)/g, (_match, letter: string) => letter.toUpperCase()),
  ]),
) as Record<RunLimitField, CastLimitField>;

/** The option of `spell run`, without its dashes: "max-memory-mb". */
export function optionOf({ field }: { field: RunLimitField }): string {
  return field.replaceAll('_', '-');
}
