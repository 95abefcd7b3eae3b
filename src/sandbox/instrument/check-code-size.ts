import { ByteReader } from './byte-reader.js';
import { readLocals } from './function-body.js';
import { FUNCTIONS_MAX, LOCALS_MAX } from './limits.js';
import { MalformedModule } from './module-problem.js';
import { SECTION, splitSections } from './sections.js';

/**
 * Why the module has too many functions or locals, said before the engine spends its time on them. What is malformed
 * the engine judges.
 */
export function checkCodeSize(bytes: Uint8Array): string | undefined {
  try {
    const code = splitSections(bytes).find(({ id }) => id === SECTION.code);
    return code && checkFunctions(new ByteReader(code.bytes));
  } catch (error) {
    if (error instanceof MalformedModule) return undefined;
    throw error;
  }
}

function checkFunctions(code: ByteReader): string | undefined {
  const functions = code.u32();
  if (functions > FUNCTIONS_MAX) return `has ${functions} functions of at most ${FUNCTIONS_MAX}`;
  let locals = 0;
  for (let position = 0; position < functions; position++) {
    locals += readLocals(code.slice(code.u32())).count;
    if (locals > LOCALS_MAX) return `declares more than ${LOCALS_MAX} locals in all functions`;
  }
  return undefined;
}
