import type { SpellManifest } from './manifest.js';

const MIB = 1024 * 1024;

/** The limits a manifest sets for every run. Logs are bounded by the platform alone. */
export function declaredLimits({ runtime }: SpellManifest): {
  timeoutMs: number;
  maxMemoryBytes: number;
  maxOutputBytes: number;
  maxFuel: bigint;
} {
  return {
    timeoutMs: runtime.timeout_ms,
    maxMemoryBytes: runtime.max_memory_mb * MIB,
    maxOutputBytes: runtime.max_output_mb * MIB,
    maxFuel: BigInt(runtime.max_fuel),
  };
}

/** What a guest finds in its environment: the variables its manifest names, those of the platform with their values. */
export function declaredEnvironment(manifest: SpellManifest, castId: string): Record<string, string> {
  const provided: Record<string, string> = {
    SPELL_KEY: manifest.spell.key,
    SPELL_VERSION: manifest.spell.version,
    SPELL_CAST_ID: castId,
  };
  const variables = manifest.runtime.policy.env_vars.map((entry) => {
    const at = entry.indexOf('=');
    return at === -1 ? [entry, provided[entry] ?? ''] : [entry.slice(0, at), entry.slice(at + 1)];
  });
  return Object.fromEntries(variables) as Record<string, string>;
}

/** Of the resources of a package, by path below /resources, those that its policy lets the guest see. */
export function readableResources<Bytes>(
  manifest: SpellManifest,
  resources: ReadonlyMap<string, Bytes>,
): Map<string, Bytes> {
  const allowed = manifest.runtime.policy.fs_read;
  const isAllowed = (path: string): boolean =>
    allowed.some((root) => path === root || path.startsWith(`${root}/`));
  return new Map([...resources].filter(([path]) => isAllowed(`/resources/${path}`)));
}
