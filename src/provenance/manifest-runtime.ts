import { z } from 'zod';
import { RUN_LIMITS, type RunLimitField } from '../limits/index.js';

const MAX_FS_READ = 32;
const MAX_ENV_VARS = 64;
const MAX_ENV_VALUE_CHARACTERS = 1024;
const MAX_ARGS = 64;

/** The variables that the platform sets for a spell that asks for them by name. */
export const PLATFORM_VARIABLES: readonly string[] = ['SPELL_KEY', 'SPELL_VERSION', 'SPELL_CAST_ID'];

const ENV_VAR = /^([A-Za-z_][A-Za-z0-9_]{0,63})=([^\0]*)$/;
const RESOURCE_PATH = /^\/resources(?:\/[^/]+)*$/;

const wholeNumber = (min: number, max: number) => z.int().min(min).max(max);

/** In some languages a number as large as a fuel limit is not a number any more. */
const digits = z
  .string()
  .regex(/^[1-9]\d{0,15}$/, 'must be a whole number, as a number or as decimal digits')
  .transform(Number);

/** The fields that the table of limits has for one section; what is absent has its default. */
function limitFields<Section extends 'runtime' | 'runtime.policy'>(section: Section) {
  const fields = RUN_LIMITS.filter((row) => row.section === section).map((row) => {
    const number = wholeNumber(row.least, row.most);
    const value = row.field === 'max_fuel' ? z.union([z.int(), digits]).pipe(number) : number;
    return [row.field, row.default === 'timeout_ms' ? value.optional() : value.default(row.default)];
  });
  return Object.fromEntries(fields) as Record<FieldOf<Section>, z.ZodDefault<z.ZodInt>>;
}

type FieldOf<Section> = Extract<(typeof RUN_LIMITS)[number], { section: Section }>['field'];

const resourcePath = z
  .string()
  .regex(RESOURCE_PATH, 'must be /resources or a path below it: nothing else can be read')
  .refine(
    (path) => !path.split('/').some((part) => part === '.' || part === '..'),
    'may not contain "." or ".."',
  );

const hostName = z.string().superRefine((name, context) => {
  context.addIssue({
    code: 'custom',
    message: `"${name}" cannot be allowed: there is no network in the sandbox`,
  });
});

const policy = z.strictObject({
  fs_read: z.array(resourcePath).max(MAX_FS_READ).default(['/resources']),
  net_allow: z.array(hostName).default([]),
  env_vars: z
    .union([z.array(z.string()), z.record(z.string(), z.string()).transform(toVariables)])
    .pipe(z.array(z.string()).max(MAX_ENV_VARS).superRefine(checkVariables))
    .default([]),
  // Where time and chance come from: the cast, the same in every run of it, or the host.
  mode: z.enum(['deterministic', 'real']).default('deterministic'),
  ...limitFields('runtime.policy'),
});

/** What follows argv[0], the same in every cast: what differs comes in by stdin. */
const args = z.array(z.string()).max(MAX_ARGS);

/** How the module is run; every number here is a limit that the sandbox enforces, from the table of limits. */
export const runtimeSection = z
  .strictObject({
    // Two names for the only thing there is: the function that a WASI command exports, or the file it is in.
    entry: z
      .enum(['_start', 'spell.wasm'], 'only "_start" of spell.wasm can be run: a spell is a WASI command')
      .default('_start'),
    args: args.default([]),
    ...limitFields('runtime'),
    policy: policy.prefault({}),
  })
  .superRefine(checkCpuTime)
  .transform(withDefaults)
  .prefault({});

function checkCpuTime({ max_cpu_ms, timeout_ms }: Fields, context: z.RefinementCtx): void {
  if (max_cpu_ms === undefined || timeout_ms === undefined || max_cpu_ms <= timeout_ms) return;
  const message = `may be at most timeout_ms (${timeout_ms}): the deadline would always come first`;
  context.addIssue({ code: 'custom', path: ['max_cpu_ms'], message });
}

type Fields = { [Field in RunLimitField]?: number | undefined };

/** Fills in what depends on other fields. */
function withDefaults<Runtime extends { timeout_ms: number; max_cpu_ms: number }>(runtime: Runtime): Runtime {
  return { ...runtime, max_cpu_ms: runtime.max_cpu_ms ?? runtime.timeout_ms };
}

/** `{"NAME": "value"}` says the same as `["NAME=value"]`. */
function toVariables(values: Record<string, string>): string[] {
  return Object.entries(values).map(([name, value]) => `${name}=${value}`);
}

function checkVariables(variables: string[], context: z.RefinementCtx<string[]>): void {
  const seen = new Set<string>();
  variables.forEach((variable, index) => {
    const name = variable.split('=', 1)[0] ?? variable;
    const message = variableFault(variable) ?? (seen.has(name) ? `"${name}" is set more than once` : null);
    if (message !== null) context.addIssue({ code: 'custom', path: [index], message });
    seen.add(name);
  });
}

function variableFault(variable: string): string | null {
  if (PLATFORM_VARIABLES.includes(variable)) return null;
  const match = ENV_VAR.exec(variable);
  if (match === null) return `must be NAME=value, or one of ${PLATFORM_VARIABLES.join(', ')}`;
  const [, name = '', value = ''] = match;
  if (name.startsWith('SPELL_')) return 'names that begin with SPELL_ belong to the platform';
  if (value.length > MAX_ENV_VALUE_CHARACTERS)
    return `the value is longer than ${MAX_ENV_VALUE_CHARACTERS} characters`;
  return null;
}
