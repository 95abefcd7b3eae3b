// Runs the one case that argv[1] names: exit code 0 when it passes, 1 with a line on stderr when not, 3 for no such case.
#include "check.h"

_Noreturn void failed(const char *file, int line, const char *what, int errno_seen) {
  fprintf(stderr, "%s:%d: %s", file, line, what);
  if (errno_seen >= 0) fprintf(stderr, " answered %d", errno_seen);
  fprintf(stderr, "\n");
  exit(1);
}

void check_ok(const char *file, int line, const char *what, err_t seen) {
  if (seen != 0) failed(file, line, what, seen);
}

void check_fails(const char *file, int line, const char *what, err_t seen, int a, int b, int c) {
  if (seen == 0 || (seen != a && seen != b && seen != c)) failed(file, line, what, seen);
}

fd_t opened(fd_t directory, const char *name, uint32_t open_flags, uint64_t rights) {
  fd_t fd;
  OK(w_path_open(directory, 0, S(name), open_flags, rights, 0, 0, &fd));
  CHECK(fd > 2);
  return fd;
}

void new_file(fd_t directory, const char *name) {
  OK(w_fd_close(opened(directory, name, __WASI_OFLAGS_CREAT, 0)));
}

__wasi_filestat_t stat_of(fd_t directory, const char *name, uint32_t lookup_flags) {
  __wasi_filestat_t stat;
  OK(w_path_filestat_get(directory, lookup_flags, S(name), &stat));
  return stat;
}

uint32_t write_text(fd_t fd, const char *text) {
  struct span span = {text, (uint32_t)strlen(text)};
  uint32_t written;
  OK(w_fd_write(fd, &span, 1, &written));
  return written;
}

fd_t root_directory(void) {
  for (fd_t number = 3;; number += 1) {
    __wasi_prestat_t prestat;
    OK(w_fd_prestat_get(number, &prestat));
    char name[64];
    if (prestat.u.dir.pr_name_len != 1) continue;
    OK(w_fd_prestat_dir_name(number, name, 1));
    if (name[0] != '/') continue;
    __wasi_fdstat_t stat;
    OK(w_fd_fdstat_get(number, &stat));
    fd_t root;
    OK(w_path_open(number, 0, S("."), __WASI_OFLAGS_DIRECTORY, stat.fs_rights_base, stat.fs_rights_inheriting, 0, &root));
    return root;
  }
}

fd_t new_directory(fd_t root, const char *name) {
  OK(w_path_create_directory(root, S(name)));
  uint64_t base = RIGHT(FD_FILESTAT_GET) | RIGHT(FD_READDIR) | RIGHT(PATH_CREATE_FILE) | RIGHT(PATH_CREATE_DIRECTORY) |
                  RIGHT(PATH_REMOVE_DIRECTORY) | RIGHT(PATH_OPEN) | RIGHT(PATH_UNLINK_FILE) | RIGHT(PATH_LINK_SOURCE) |
                  RIGHT(PATH_LINK_TARGET) | RIGHT(PATH_READLINK) | RIGHT(PATH_RENAME_SOURCE) | RIGHT(PATH_RENAME_TARGET) |
                  RIGHT(PATH_FILESTAT_GET) | RIGHT(PATH_FILESTAT_SET_SIZE) | RIGHT(PATH_FILESTAT_SET_TIMES) | RIGHT(PATH_SYMLINK);
  uint64_t below = RIGHT(FD_READ) | RIGHT(FD_WRITE) | RIGHT(FD_READDIR) | RIGHT(FD_FILESTAT_GET) | RIGHT(FD_SEEK) |
                   RIGHT(PATH_LINK_SOURCE) | RIGHT(PATH_LINK_TARGET) | RIGHT(PATH_OPEN) | RIGHT(PATH_UNLINK_FILE) |
                   RIGHT(PATH_FILESTAT_GET) | RIGHT(FD_FDSTAT_SET_FLAGS) | RIGHT(FD_SYNC) | RIGHT(FD_TELL) | RIGHT(FD_ADVISE) |
                   RIGHT(FD_ALLOCATE) | RIGHT(FD_FILESTAT_SET_SIZE) | RIGHT(FD_FILESTAT_SET_TIMES);
  fd_t fd;
  OK(w_path_open(root, 0, S(name), __WASI_OFLAGS_DIRECTORY, base, below, 0, &fd));
  CHECK(fd > 2);
  return fd;
}

static void run_from(const struct named_case *cases, const char *name) {
  for (; cases->name != NULL; cases += 1) {
    if (strcmp(cases->name, name) != 0) continue;
    cases->run();
    exit(0);
  }
}

int main(int count, char **arguments) {
  const char *name = count > 1 ? arguments[1] : "";
  run_from(stream_cases, name);
  run_from(file_cases, name);
  run_from(path_cases, name);
  run_from(link_cases, name);
  run_from(tree_cases, name);
  fprintf(stderr, "no case is called \"%s\"\n", name);
  return 3;
}
