// Every limit of preparing a module, with its reason.

/** CPython for WASI is 25 MB; what is larger is rather a disk image than a program. */
export const MODULE_BYTES_MAX = 32 * 1024 * 1024;

/** Metering adds 20 to 120 percent; more than this is an attack on whoever stores the result. */
export const PREPARED_BYTES_MAX = 4 * MODULE_BYTES_MAX;

/** The format allows 2^16 pages of 64 KiB for a 32-bit memory. */
export const MEMORY_PAGES_MAX = 65_536;

/**
 * Tables live in the engine's heap, outside the linear memory that is bounded per cast, so all tables of a
 * module together get a bound of their own: about 24 bytes an element, 24 MB.
 */
export const TABLE_ELEMENTS_MAX = 1_000_000;

/** Reading, validating and rewriting 32 MB takes about two seconds on one slow core, starting Node 50 ms. */
export const ANALYSIS_DEADLINE_MS = 10_000;

/** The module, its copy, the rewritten module and the plan of one function; V8 keeps buffers outside of this. */
export const ANALYSIS_HEAP_MB = 512;

/** A reader wants reasons, not a megabyte of them: what is beyond this is only counted. */
export const PROBLEMS_MAX = 100;

/** The prepared module and a head that names at most PROBLEMS_MAX problems. */
export const ANALYSIS_ANSWER_BYTES_MAX = PREPARED_BYTES_MAX + 1024 * 1024;
