import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { planStack } from './call-graph.js';
import { meterFunction, type MeteringContext } from './meter-function.js';
import { FunctionTooLarge, problemAt, type ModuleProblem } from './module-problem.js';
import type { ModuleStructure } from './module-structure.js';
import { arityOfType } from './operand-height.js';
import { prepaidEntries } from './prepaid-entries.js';
import { preparedIndexes } from './prepared-indexes.js';
import { UnknownOpcode, type Operator } from './read-operator.js';
import { reportFunction } from './report-function.js';
import { scanFunction } from './scan-function.js';
import { SECTION } from './sections.js';

export interface MeteredCode {
  section: ByteWriter;
  /** Some function can make a table larger; nobody else can. */
  growsTables: boolean;
  problems: ModuleProblem[];
}

/** Meters every function; reports each reason for refusal once, with the first place where it applies. */
export function meterCode(structure: ModuleStructure): MeteredCode {
  const problems = new Map<string, ModuleProblem>();
  const refuse = (index: number, reason: string, detail: string): void => {
    if (!problems.has(reason)) problems.set(reason, problemAt(`functions/${index}`, `${detail}${reason}`));
  };
  const typeOf = (index: number): number => structure.functionTypes[index] ?? -1;
  const scanned = eachBody(structure, refuse, (body, index) => scanFunction(body, typeOf(index), structure));
  const growsTables = scanned.some((scannedFunction) => scannedFunction.growsTables);
  if (problems.size > 0) return { section: new ByteWriter(), growsTables, problems: [...problems.values()] };
  const indexes = preparedIndexes(structure);
  const context: Omit<MeteringContext, 'onRefused'> = {
    ...indexes,
    stack: planStack(structure, scanned),
    prepaidEntries: prepaidEntries(structure, scanned),
  };
  const section = new ByteWriter();
  section.u32(scanned.length + 1);
  eachBody(structure, refuse, (body, index) => {
    const { parameters } = arityOfType(structure, typeOf(index));
    const onRefused = ({ opcode }: Operator): void => refuse(index, opcode.refusal ?? '', `${opcode.name}: `);
    section.sized(meterFunction({ index, parameters, body }, { ...context, onRefused }));
  });
  section.sized(reportFunction(indexes));
  return { section, growsTables, problems: [...problems.values()] };
}

type Refuse = (index: number, reason: string, detail: string) => void;

function eachBody<Result>(
  structure: ModuleStructure,
  refuse: Refuse,
  read: (body: ByteReader, index: number) => Result,
): Result[] {
  const code = structure.sections.find(({ id }) => id === SECTION.code);
  if (code === undefined) return [];
  const reader = new ByteReader(code.bytes);
  const count = reader.u32();
  const results: Result[] = [];
  for (let position = 0; position < count; position++) {
    const index = structure.importedFunctions + position;
    try {
      results.push(read(reader.slice(reader.u32()), index));
    } catch (error) {
      const isTooLarge = error instanceof FunctionTooLarge;
      if (!isTooLarge && !(error instanceof UnknownOpcode)) throw error;
      refuse(index, error.message, '');
      // Whoever made one such function may have made many: the others are not looked at.
      if (isTooLarge) return results;
    }
  }
  return results;
}
