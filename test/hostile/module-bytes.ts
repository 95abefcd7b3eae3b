/** Modules too large for text, byte by byte. */

export const OP = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  brIf: 0x0d,
  brTable: 0x0e,
  call: 0x10,
  drop: 0x1a,
  tryTable: 0x1f,
  i32Const: 0x41,
};
const EMPTY = 0x40;

export function leb(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  do {
    const low = left & 0x7f;
    left >>>= 7;
    bytes.push(left === 0 ? low : low | 0x80);
  } while (left !== 0);
  return bytes;
}

/** `block … end` with nothing in it, or as a loop. */
export function emptyBlock(opcode: number): number[] {
  return [opcode, EMPTY, OP.end];
}

export function openBlock(): number[] {
  return [OP.block, EMPTY];
}

/** The same bytes again and again. */
export function repeated(bytes: readonly number[], count: number): Buffer {
  return Buffer.alloc(bytes.length * count, Buffer.from(bytes));
}

/** A function of the type `() -> ()`; its body without the last `end`. */
export function functionBody(code: Buffer, i64Locals = 0): Buffer {
  const locals = i64Locals === 0 ? [0] : [1, ...leb(i64Locals), 0x7e];
  const length = locals.length + code.length + 1;
  return Buffer.concat([Buffer.from([...leb(length), ...locals]), code, Buffer.from([OP.end])]);
}

interface Parts {
  /** All of the type `() -> ()`; the last one is `_start`. */
  functions: readonly Buffer[];
  pages?: number;
  /** Put at address 0, one after the other. */
  data?: readonly Buffer[];
  custom?: Buffer;
}

export function buildModule({ functions, pages = 1, data = [], custom }: Parts): Buffer {
  const start = functions.length - 1;
  let address = 0;
  const segments = data.map((bytes) => {
    const head = [0, OP.i32Const, ...signed(address), OP.end, ...leb(bytes.length)];
    address += bytes.length;
    return Buffer.concat([Buffer.from(head), bytes]);
  });
  return Buffer.concat([
    Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
    section(1, [Buffer.from([0x60, 0, 0])]),
    section(
      3,
      functions.map(() => Buffer.from([0])),
    ),
    section(5, [Buffer.from([0, ...leb(pages)])]),
    section(7, [exported('memory', 2, 0), exported('_start', 0, start)]),
    section(10, functions),
    ...(segments.length > 0 ? [section(11, segments)] : []),
    ...(custom === undefined ? [] : [withLength(0, Buffer.concat([Buffer.from([1, 0x78]), custom]))]),
  ]);
}

function exported(name: string, kind: number, index: number): Buffer {
  return Buffer.from([...leb(name.length), ...Buffer.from(name), kind, ...leb(index)]);
}

function section(id: number, items: readonly Buffer[]): Buffer {
  return withLength(id, Buffer.concat([Buffer.from(leb(items.length)), ...items]));
}

function withLength(id: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([id, ...leb(content.length)]), content]);
}

/** A signed LEB128 of a number that is not negative. */
function signed(value: number): number[] {
  const bytes = leb(value);
  if (((bytes.at(-1) ?? 0) & 0x40) === 0) return bytes;
  return [...bytes.slice(0, -1), (bytes.at(-1) ?? 0) | 0x80, 0];
}
