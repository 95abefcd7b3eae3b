/** The error numbers of WASI preview 1 this host uses. */
export const Errno = {
  SUCCESS: 0,
  BADF: 8,
  EXIST: 20,
  FAULT: 21,
  FBIG: 22,
  ILSEQ: 25,
  INVAL: 28,
  ISDIR: 31,
  LOOP: 32,
  MFILE: 33,
  NAMETOOLONG: 37,
  NOENT: 44,
  NOSPC: 51,
  NOSYS: 52,
  NOTDIR: 54,
  NOTEMPTY: 55,
  NOTSOCK: 57,
  PERM: 63,
  ROFS: 69,
  SPIPE: 70,
  XDEV: 75,
  NOTCAPABLE: 76,
} as const;

export type ErrnoValue = (typeof Errno)[keyof typeof Errno];

/** Thrown inside a host function, answered to the guest as its number. */
export class WasiError extends Error {
  override readonly name = 'WasiError';
  readonly errno: ErrnoValue;
  constructor(errno: ErrnoValue) {
    super();
    this.errno = errno;
  }
}

export function fail(errno: ErrnoValue): never {
  throw new WasiError(errno);
}
