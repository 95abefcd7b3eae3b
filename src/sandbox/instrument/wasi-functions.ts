export const WASI_MODULE = 'wasi_snapshot_preview1';

/**
 * The 46 functions of WASI preview 1 by their parameters: p is an address in memory, i another i32, I an i64.
 * All of them answer an i32 error number, except proc_exit, which never answers.
 */
const WASI_PARAMETERS: Readonly<Record<string, string>> = {
  args_get: 'pp',
  args_sizes_get: 'pp',
  environ_get: 'pp',
  environ_sizes_get: 'pp',
  clock_res_get: 'ip',
  clock_time_get: 'iIp',
  fd_advise: 'iIIi',
  fd_allocate: 'iII',
  fd_close: 'i',
  fd_datasync: 'i',
  fd_fdstat_get: 'ip',
  fd_fdstat_set_flags: 'ii',
  fd_fdstat_set_rights: 'iII',
  fd_filestat_get: 'ip',
  fd_filestat_set_size: 'iI',
  fd_filestat_set_times: 'iIIi',
  fd_pread: 'ipiIp',
  fd_prestat_get: 'ip',
  fd_prestat_dir_name: 'ipi',
  fd_pwrite: 'ipiIp',
  fd_read: 'ipip',
  fd_readdir: 'ipiIp',
  fd_renumber: 'ii',
  fd_seek: 'iIip',
  fd_sync: 'i',
  fd_tell: 'ip',
  fd_write: 'ipip',
  path_create_directory: 'ipi',
  path_filestat_get: 'iipip',
  path_filestat_set_times: 'iipiIIi',
  path_link: 'iipiipi',
  path_open: 'iipiiIIip',
  path_readlink: 'ipipip',
  path_remove_directory: 'ipi',
  path_rename: 'ipiipi',
  path_symlink: 'piipi',
  path_unlink_file: 'ipi',
  poll_oneoff: 'ppip',
  proc_exit: 'i',
  proc_raise: 'i',
  random_get: 'pi',
  sched_yield: '',
  sock_accept: 'iip',
  sock_recv: 'ipiipp',
  sock_send: 'ipiip',
  sock_shutdown: 'ii',
};

export const WASI_FUNCTIONS: readonly string[] = Object.keys(WASI_PARAMETERS);

export interface WasiFunction {
  /** Like the signatures of ModuleStructure: `iI:i`. */
  signature: string;
  needsMemory: boolean;
}

export function wasiFunction(name: string): WasiFunction | undefined {
  if (!Object.hasOwn(WASI_PARAMETERS, name)) return undefined;
  const parameters = WASI_PARAMETERS[name] as string;
  const results = name === 'proc_exit' ? '' : 'i';
  return {
    signature: `${parameters.replaceAll('p', 'i')}:${results}`,
    needsMemory: parameters.includes('p'),
  };
}
