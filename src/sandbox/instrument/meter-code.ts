import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { meterFunction } from './meter-function.js';
import { problemAt, type ModuleProblem } from './module-problem.js';
import type { ModuleStructure } from './module-structure.js';
import { UnknownOpcode, type Operator } from './read-operator.js';
import { SECTION } from './sections.js';

export interface MeteredCode {
  section: ByteWriter;
  problems: ModuleProblem[];
}

/** Meters every function; reports each reason for refusal once, with the first place where it applies. */
export function meterCode(structure: ModuleStructure): MeteredCode {
  const section = new ByteWriter();
  const problems = new Map<string, ModuleProblem>();
  const code = structure.sections.find(({ id }) => id === SECTION.code);
  const reader = new ByteReader(code?.bytes ?? new Uint8Array(1));
  const count = reader.u32();
  section.u32(count);
  for (let position = 0; position < count; position++) {
    const index = structure.importedFunctions + position;
    const refuse = (reason: string, detail: string): void => {
      if (!problems.has(reason)) problems.set(reason, problemAt(`functions/${index}`, `${detail}${reason}`));
    };
    const metered = meterOne(reader.slice(reader.u32()), index, structure, refuse);
    if (metered) section.sized(metered);
  }
  return { section, problems: [...problems.values()] };
}

type Refuse = (reason: string, detail: string) => void;

function meterOne(
  body: ByteReader,
  index: number,
  structure: ModuleStructure,
  refuse: Refuse,
): ByteWriter | undefined {
  const type = structure.types[structure.functionTypes[index] ?? -1];
  try {
    return meterFunction(body, type?.form === 'function' ? type.parameters : 0, {
      fuelGlobal: structure.globalCount,
      growFailedGlobal: structure.globalCount + 1,
      types: structure.types,
      onRefused: ({ opcode }: Operator) => refuse(opcode.refusal ?? '', `${opcode.name}: `),
    });
  } catch (error) {
    if (!(error instanceof UnknownOpcode)) throw error;
    refuse(error.message, '');
    return undefined;
  }
}
