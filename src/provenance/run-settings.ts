import { toRunLimits, type DeclaredFields, type RunLimits } from '../limits/index.js';
import type { SpellManifest } from './manifest.js';

/** The limits a manifest sets for every run. Versions published before a limit existed have its default. */
export function declaredLimits(manifest: SpellManifest): Readonly<RunLimits> {
  const known = limitsOf.get(manifest);
  if (known !== undefined) return known;
  const { runtime } = manifest;
  const fields: DeclaredFields = { ...runtime, tmp_mb: runtime.policy.tmp_mb };
  const limits = Object.freeze(toRunLimits(fields));
  limitsOf.set(manifest, limits);
  return limits;
}

// A manifest does not change, and every cast of its version asks several times.
const limitsOf = new WeakMap<SpellManifest, Readonly<RunLimits>>();

/** Where time and chance come from. Versions published before there was a choice are deterministic. */
export function declaredMode({ runtime }: SpellManifest): 'deterministic' | 'real' {
  const { mode }: { mode?: 'deterministic' | 'real' } = runtime.policy;
  return mode ?? 'deterministic';
}

/** The whole argv: the spell's key, then what its manifest adds. Manifests of versions published before had no field for it. */
export function declaredArguments({ spell, runtime }: SpellManifest): string[] {
  const { args }: { args?: readonly string[] } = runtime;
  return [spell.key, ...(args ?? [])];
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
