// The calls of WASI preview 1 as they are, so that a case can say exactly what it asks, and checks that name their line.
#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

typedef uint32_t fd_t;
typedef int32_t err_t;
struct span {
  const char *start;
  uint32_t length;
};

#define CALL(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) err_t w_##name
CALL(args_get)(uint8_t **, uint8_t *);
CALL(args_sizes_get)(uint32_t *, uint32_t *);
CALL(environ_get)(uint8_t **, uint8_t *);
CALL(environ_sizes_get)(uint32_t *, uint32_t *);
CALL(clock_time_get)(uint32_t, uint64_t, uint64_t *);
CALL(clock_res_get)(uint32_t, uint64_t *);
CALL(fd_advise)(fd_t, uint64_t, uint64_t, uint32_t);
CALL(fd_allocate)(fd_t, uint64_t, uint64_t);
CALL(fd_close)(fd_t);
CALL(fd_fdstat_get)(fd_t, __wasi_fdstat_t *);
CALL(fd_fdstat_set_flags)(fd_t, uint32_t);
CALL(fd_fdstat_set_rights)(fd_t, uint64_t, uint64_t);
CALL(fd_filestat_get)(fd_t, __wasi_filestat_t *);
CALL(fd_filestat_set_size)(fd_t, uint64_t);
CALL(fd_filestat_set_times)(fd_t, uint64_t, uint64_t, uint32_t);
CALL(fd_pread)(fd_t, const struct span *, uint32_t, uint64_t, uint32_t *);
CALL(fd_prestat_get)(fd_t, __wasi_prestat_t *);
CALL(fd_prestat_dir_name)(fd_t, char *, uint32_t);
CALL(fd_pwrite)(fd_t, const struct span *, uint32_t, uint64_t, uint32_t *);
CALL(fd_read)(fd_t, const struct span *, uint32_t, uint32_t *);
CALL(fd_readdir)(fd_t, char *, uint32_t, uint64_t, uint32_t *);
CALL(fd_renumber)(fd_t, fd_t);
CALL(fd_seek)(fd_t, int64_t, uint32_t, uint64_t *);
CALL(fd_tell)(fd_t, uint64_t *);
CALL(fd_write)(fd_t, const struct span *, uint32_t, uint32_t *);
CALL(path_create_directory)(fd_t, const char *, uint32_t);
CALL(path_filestat_get)(fd_t, uint32_t, const char *, uint32_t, __wasi_filestat_t *);
CALL(path_filestat_set_times)(fd_t, uint32_t, const char *, uint32_t, uint64_t, uint64_t, uint32_t);
CALL(path_link)(fd_t, uint32_t, const char *, uint32_t, fd_t, const char *, uint32_t);
CALL(path_open)(fd_t, uint32_t, const char *, uint32_t, uint32_t, uint64_t, uint64_t, uint32_t, fd_t *);
CALL(path_readlink)(fd_t, const char *, uint32_t, char *, uint32_t, uint32_t *);
CALL(path_remove_directory)(fd_t, const char *, uint32_t);
CALL(path_rename)(fd_t, const char *, uint32_t, fd_t, const char *, uint32_t);
CALL(path_symlink)(const char *, uint32_t, fd_t, const char *, uint32_t);
CALL(path_unlink_file)(fd_t, const char *, uint32_t);
CALL(poll_oneoff)(const __wasi_subscription_t *, __wasi_event_t *, uint32_t, uint32_t *);
CALL(random_get)(uint8_t *, uint32_t);
CALL(sched_yield)(void);

// A text as pointer and length.
#define S(text) (text), (uint32_t)strlen(text)

#define CHECK(truth) ((truth) ? (void)0 : failed(__FILE__, __LINE__, #truth, -1))
#define OK(call) check_ok(__FILE__, __LINE__, #call, call)
// The call answers one of up to three numbers; 0 stands for none.
#define FAILS3(call, a, b, c) check_fails(__FILE__, __LINE__, #call, call, __WASI_ERRNO_##a, b, c)
#define FAILS(call, a) FAILS3(call, a, 0, 0)
#define FAILS2(call, a, b) FAILS3(call, a, __WASI_ERRNO_##b, 0)

_Noreturn void failed(const char *file, int line, const char *what, int errno_seen);
void check_ok(const char *file, int line, const char *what, err_t seen);
void check_fails(const char *file, int line, const char *what, err_t seen, int a, int b, int c);

#define RIGHT(name) ((uint64_t)__WASI_RIGHTS_##name)

// The directory that was given at "/", opened anew.
fd_t root_directory(void);
// A new folder in it, opened with what its cases need and no more.
fd_t new_directory(fd_t root, const char *name);
// Opens without following a link at the end.
fd_t opened(fd_t directory, const char *name, uint32_t open_flags, uint64_t rights);
void new_file(fd_t directory, const char *name);
__wasi_filestat_t stat_of(fd_t directory, const char *name, uint32_t lookup_flags);
uint32_t write_text(fd_t fd, const char *text);

typedef void case_t(void);
struct named_case {
  const char *name;
  case_t *run;
};
extern const struct named_case stream_cases[], file_cases[], path_cases[], link_cases[], tree_cases[];

#endif
