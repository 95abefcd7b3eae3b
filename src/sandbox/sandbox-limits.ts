/** Every bound the sandbox sets on its own, with the reason for its size. */

export const WASM_PAGE_BYTES = 65_536;

/** One answer frame never carries more guest bytes than this, so that neither side needs a large buffer. */
export const MAX_CHUNK_BYTES = 64 * 1024;

/** Small writes gather up to this size, so that a guest writing byte by byte does not make a frame per byte. */
export const GATHER_BYTES = 16 * 1024;

/**
 * A write this much of the guest's work after the last flush is sent at once: about a millisecond, so a human watching
 * sees every line as it comes.
 */
export const GATHER_FUEL = 1_000_000n;

/** A frame longer than this comes from a broken or hostile process. Reports are a few hundred bytes. */
export const MAX_FRAME_BYTES = MAX_CHUNK_BYTES + 1024;

/** V8 compiles lazily, so even a 50 MB module starts within this; without it a compiler bomb would hang a slot. */
export const PREPARE_TIMEOUT_MS = 30_000;

/** A process that has not said it is ready by then never will. Normal is 80 ms, a loaded machine needs seconds. */
export const START_TIMEOUT_MS = 20_000;

/** Bytes of prepared modules one process keeps compiled. V8's code takes several times as much. */
export const MODULE_CACHE_BYTES = 64 * 1024 * 1024;

/** Bytes of resource trees one process keeps. */
export const RESOURCE_CACHE_BYTES = 128 * 1024 * 1024;

/** The JavaScript side of a process holds caches' indexes and one request, never guest memory. */
export const GUEST_PROCESS_HEAP_MB = 256;

/**
 * What the operating system lets a process have beyond the guest's memory: heap, code, caches, one request and
 * thread stacks. Measured: an idle process counts 580 MB of data segment, of which 50 MB are in use.
 */
export const PROCESS_OVERHEAD_BYTES = 1024 * 1024 * 1024;

/**
 * What a process may compute in all of its casts before it is replaced, by the wall clock, and what the operating system
 * lets it use should nobody replace it: room for one more cast and for the engine's helper threads.
 */
export const PROCESS_BUSY_MS = 3_600_000;
export const PROCESS_CPU_SECONDS = 10_800;

/** Up to here wiping a memory takes less time than making one. */
export const REUSED_MEMORY_BYTES_MAX = 4 * 1024 * 1024;

/** Guest memory that may lie dead in a process before it collects garbage between two casts. */
export const COLLECT_AFTER_BYTES = 64 * 1024 * 1024;

/** What is kept of a process' own stderr: enough for V8's reason for dying. */
export const STDERR_TAIL_BYTES = 8 * 1024;

/** The first wait before a process that died while starting is started again; doubled up to the second number. */
export const RESTART_DELAY_MS = 100;
export const MAX_RESTART_DELAY_MS = 5_000;

/** POSIX' IOV_MAX; WASI programs stay far below. */
export const MAX_IOVECS = 1024;

/** Linux' default for one process; each descriptor is a small host object. */
export const MAX_DESCRIPTORS = 1024;

/** Linux' PATH_MAX. */
export const MAX_PATH_BYTES = 4096;

/** Subscriptions one poll may carry; each is 48 bytes the host walks through. */
export const MAX_SUBSCRIPTIONS = 1024;

/** Linux' NAME_MAX, in bytes. */
export const MAX_NAME_BYTES = 255;

/** Linux follows 40 symbolic links in one path; cycles end here. */
export const MAX_LINKS_FOLLOWED = 40;

/** Every name in a writable tree counts this much against its limit: about what the host keeps for it. */
export const TREE_ENTRY_BYTES = 512;

/**
 * All in-memory trees of a run together. They lie in the process beside the guest's memory, and a file that grows
 * is there twice for a moment, so twice this must fit into PROCESS_OVERHEAD_BYTES.
 */
export const MAX_TREES_BYTES = 128 * 1024 * 1024;

/** Each tree is a descriptor before the guest opens any of its own. */
export const MAX_TREES = 16;

/** What a guest's calls may hold at once unless its run says otherwise: ten times what the deepest of usual programs need. */
export const DEFAULT_STACK_BYTES = 1024 * 1024;

/** The most a run may ask for: half of V8's own stack, so that V8's never ends first. */
export const MAX_STACK_BYTES = 8 * 1024 * 1024;

/**
 * V8's stack in a sandbox process, and the operating system's around it. Measured over frames of all shapes, a frame
 * really takes at most 1.05 times what it is weighed, by V8's baseline compiler; the optimizer's are smaller. Beside
 * the counted frames lie those that need no counting (128 KiB) and a host call.
 */
export const ENGINE_STACK_KIB = 16 * 1024;
export const PROCESS_STACK_KIB = 20 * 1024;

/**
 * How many bytes of code a function may have for V8 to compile it into its callers. Its own 500 are meant for code without
 * a meter, which about doubles small functions: with 500 a matcher that calls itself takes 1.6 times as long as without a
 * meter, with 1,000 1.2 times. What has no meter runs as before.
 */
export const INLINED_FUNCTION_BYTES_MAX = 1000;

/** A third of the weight of a usual process when they want the same core. */
export const NICENESS = 5;
