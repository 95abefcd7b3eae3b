/** The three functions of WASI preview 1 this spell needs. AssemblyScript brings no WASI of its own. */

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_read")
declare function fd_read(fd: i32, vectors: usize, vectorCount: i32, read: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, vectors: usize, vectorCount: i32, written: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "proc_exit")
declare function proc_exit(code: i32): void;

export const STDIN: i32 = 0;
export const STDOUT: i32 = 1;
export const STDERR: i32 = 2;

/** One iovec (pointer, length) and the answer of the call. */
const vector = memory.data(8, 4);
const answer = memory.data(4, 4);

export function exit(code: i32): void {
  proc_exit(code);
  unreachable();
}

/** Writes all of it: the host may take fewer bytes than it was given. */
export function write(fd: i32, bytes: usize, length: u32): void {
  while (length > 0) {
    store<u32>(vector, <u32>bytes);
    store<u32>(vector, length, 4);
    if (fd_write(fd, vector, 1, answer) != 0) exit(1);
    const written = load<u32>(answer);
    if (written == 0) exit(1);
    bytes += written;
    length -= written;
  }
}

export function writeText(fd: i32, text: string): void {
  const utf8 = String.UTF8.encode(text);
  write(fd, changetype<usize>(utf8), <u32>utf8.byteLength);
}

/** Reads until the end of the stream; input beyond the capacity is an input nobody should send, so it ends the run. */
export function readAll(fd: i32, bytes: usize, capacity: u32): u32 {
  let length: u32 = 0;
  while (true) {
    store<u32>(vector, <u32>(bytes + length));
    store<u32>(vector, capacity - length, 4);
    if (fd_read(fd, vector, 1, answer) != 0) exit(1);
    const got = load<u32>(answer);
    if (got == 0) return length;
    length += got;
    if (length == capacity) {
      writeText(STDERR, "the input is too long\n");
      exit(2);
    }
  }
}

/** Takes the place of AssemblyScript's own abort, which would be an import from "env". */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  writeText(STDERR, "aborted: " + (message ? message : "?") + "\n");
  exit(1);
}
