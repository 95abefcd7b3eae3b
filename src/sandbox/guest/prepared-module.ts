import { Wasm, type WasmModule } from '../webassembly.js';

/** What the instrumentation wrote about the module into its custom section. */
export interface PreparedInfo {
  costTable: number;
  initialPages: number;
  maximumPages: number | null;
  /** What its tables may come to; modules prepared before this was counted do not say. */
  tableBytes?: number;
  hasMemory: boolean;
  hasStart: boolean;
}

const PREPARED_SECTION = 'spell.prepared';

/** The names the instrumentation gives to what the host needs. */
export const PreparedName = {
  importModule: 'spell',
  memory: 'memory',
  fuel: 'spell_fuel',
  growFailed: 'spell_grow_failed',
  stack: 'spell_stack',
  reportAt: 'spell_report_at',
  report: 'spell_report',
  start: 'spell_start',
} as const;

/** Throws for a module that was never rewritten: it would run without fuel and without a memory limit. */
export function readPreparedInfo(module: WasmModule): PreparedInfo {
  const sections = Wasm.Module.customSections(module, PREPARED_SECTION);
  const section = sections[0];
  if (section === undefined || sections.length !== 1) throw new Error('The module was not prepared.');
  const info = JSON.parse(Buffer.from(section).toString()) as Partial<PreparedInfo>;
  if (!isPreparedInfo(info)) throw new Error('The module was prepared in an unknown way.');
  return info;
}

function isPreparedInfo(info: Partial<PreparedInfo>): info is PreparedInfo {
  return (
    typeof info.costTable === 'number' &&
    typeof info.initialPages === 'number' &&
    (info.maximumPages === null || typeof info.maximumPages === 'number') &&
    (info.tableBytes === undefined || typeof info.tableBytes === 'number') &&
    typeof info.hasMemory === 'boolean' &&
    typeof info.hasStart === 'boolean'
  );
}
