import { ByteWriter } from './byte-writer.js';
import type { PreparedIndexes } from './prepared-indexes.js';
import { OP } from './written-opcodes.js';

/**
 * The function that a loop calls when its fuel is below the mark for reports. It tells the host, which looks at the
 * fuel and moves the mark, and traps when there is no fuel left. A function of the module calls the host, because an
 * imported one would move the indexes of all others; and through a table, which is filled when the instance exists.
 */
export function reportFunction({ fuelGlobal, reportType, reportTable }: PreparedIndexes): ByteWriter {
  const writer = new ByteWriter().u32(0);
  writer.byte(OP.i32Const).signed(0).byte(OP.callIndirect).u32(reportType).u32(reportTable);
  writer.byte(OP.globalGet).u32(fuelGlobal).byte(OP.i64Const).signed(0).byte(OP.i64LtS);
  writer.byte(OP.if).byte(OP.emptyBlockType).byte(OP.unreachable).byte(OP.end);
  return writer.byte(OP.end);
}
