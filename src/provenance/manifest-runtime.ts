import { z } from 'zod';

const MAX_FS_READ = 32;
const MAX_ENV_VARS = 64;
const MAX_ENV_VALUE_CHARACTERS = 1024;
const MAX_FUEL = 9_000_000_000_000_000;

/** The variables that the platform sets for a spell that asks for them by name. */
export const PLATFORM_VARIABLES: readonly string[] = ['SPELL_KEY', 'SPELL_VERSION', 'SPELL_CAST_ID'];

const ENV_VAR = /^([A-Za-z_][A-Za-z0-9_]{0,63})=([^\0]*)$/;
const RESOURCE_PATH = /^\/resources(?:\/[^/]+)*$/;

const wholeNumber = (min: number, max: number) => z.int().min(min).max(max);

const fuel = z
  .union([
    z.int(),
    z.string().regex(/^[1-9]\d{0,15}$/, 'must be a whole number, as a number or as decimal digits'),
  ])
  .transform(Number)
  .pipe(wholeNumber(1, MAX_FUEL));

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
});

/** How the module is run; every number here is a limit that the sandbox enforces. */
export const runtimeSection = z
  .strictObject({
    // Two names for the only thing there is: the function that a WASI command exports, or the file it is in.
    entry: z
      .enum(['_start', 'spell.wasm'], 'only "_start" of spell.wasm can be run: a spell is a WASI command')
      .default('_start'),
    timeout_ms: wholeNumber(1, 300_000).default(10_000),
    max_memory_mb: wholeNumber(1, 1024).default(64),
    max_output_mb: wholeNumber(1, 50).default(10),
    max_fuel: fuel.default(10_000_000_000),
    policy: policy.prefault({}),
  })
  .prefault({});

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
