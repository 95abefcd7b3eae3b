/** endless: says that it spins, then never ends. It shows that a cast can be cancelled whatever its code does. */

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, vectors: usize, vectorCount: i32, written: usize): i32;

const STDERR: i32 = 2;

const line = memory.data<u8>([115, 112, 105, 110, 110, 105, 110, 103, 10]); // "spinning\n"
const vector = memory.data(8, 4);
const written = memory.data(4, 4);

store<u32>(vector, <u32>line);
store<u32>(vector, 9, 4);
fd_write(STDERR, vector, 1, written);

while (true) {}
