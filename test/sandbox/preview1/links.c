// Hard and symbolic links.
#include "check.h"

#define CREATE __WASI_OFLAGS_CREAT
#define DIRECTORY __WASI_OFLAGS_DIRECTORY
#define FOLLOW __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW
#define OPEN(lookup, name, flags) w_path_open(folder, lookup, S(name), flags, 0, 0, 0, &any)
#define SYMLINK(target, name) w_path_symlink(S(target), folder, S(name))
#define UNLINK(name) w_path_unlink_file(folder, S(name))
#define LINK(lookup, from, to) w_path_link(folder, lookup, S(from), folder, S(to))

static fd_t any;

static void dangling(void) {
  fd_t folder = new_directory(root_directory(), "dangling");
  OK(SYMLINK("target", "symlink"));
  FAILS2(OPEN(0, "symlink", DIRECTORY), NOTDIR, LOOP);
  FAILS(OPEN(0, "symlink", 0), LOOP);
  FAILS(OPEN(FOLLOW, "symlink", 0), NOENT);
  OK(UNLINK("symlink"));
}

static void nofollow(void) {
  fd_t folder = new_directory(root_directory(), "nofollow");
  OK(w_path_create_directory(folder, S("target")));
  OK(SYMLINK("target", "symlink"));
  FAILS2(OPEN(0, "symlink", DIRECTORY), LOOP, NOTDIR);
  FAILS2(OPEN(0, "symlink", 0), LOOP, ACCES);
  OK(OPEN(FOLLOW, "symlink", DIRECTORY));
  OK(UNLINK("symlink"));
  OK(w_path_remove_directory(folder, S("target")));
  new_file(folder, "target");
  OK(SYMLINK("target", "symlink"));
  FAILS2(OPEN(0, "symlink", DIRECTORY), LOOP, NOTDIR);
  FAILS(OPEN(0, "symlink", 0), LOOP);
  FAILS(OPEN(FOLLOW, "symlink", DIRECTORY), NOTDIR);
}

static void exists(void) {
  fd_t folder = new_directory(root_directory(), "exists");
  OK(w_path_create_directory(folder, S("subdir")));
  new_file(folder, "subdir/file");
  OK(SYMLINK("subdir/file", "link1"));
  OK(SYMLINK("subdir", "link2"));
  CHECK(stat_of(folder, "subdir", 0).filetype == __WASI_FILETYPE_DIRECTORY);
  CHECK(stat_of(folder, "subdir", FOLLOW).filetype == __WASI_FILETYPE_DIRECTORY);
  CHECK(stat_of(folder, "subdir/file", 0).filetype == __WASI_FILETYPE_REGULAR_FILE);
  CHECK(stat_of(folder, "subdir/file", FOLLOW).filetype == __WASI_FILETYPE_REGULAR_FILE);
  CHECK(stat_of(folder, "link1", 0).filetype == __WASI_FILETYPE_SYMBOLIC_LINK);
  CHECK(stat_of(folder, "link1", FOLLOW).filetype == __WASI_FILETYPE_REGULAR_FILE);
  CHECK(stat_of(folder, "link2", 0).filetype == __WASI_FILETYPE_SYMBOLIC_LINK);
  CHECK(stat_of(folder, "link2", FOLLOW).filetype == __WASI_FILETYPE_DIRECTORY);
  CHECK(stat_of(folder, "link2/file", 0).filetype == __WASI_FILETYPE_REGULAR_FILE);
}

static void same_node(fd_t a, fd_t b) {
  __wasi_filestat_t x, y;
  OK(w_fd_filestat_get(a, &x));
  OK(w_fd_filestat_get(b, &y));
  CHECK(memcmp(&x, &y, sizeof x) == 0 && x.nlink == 2);
  __wasi_fdstat_t p, q;
  OK(w_fd_fdstat_get(a, &p));
  OK(w_fd_fdstat_get(b, &q));
  CHECK(p.fs_filetype == q.fs_filetype && p.fs_flags == q.fs_flags);
  CHECK(p.fs_rights_base == q.fs_rights_base && p.fs_rights_inheriting == q.fs_rights_inheriting);
}

static void hard_links(void) {
  uint64_t rights = RIGHT(FD_READ) | RIGHT(PATH_LINK_SOURCE) | RIGHT(PATH_LINK_TARGET) | RIGHT(FD_FILESTAT_GET) |
                    RIGHT(PATH_OPEN) | RIGHT(PATH_UNLINK_FILE);
  fd_t folder = new_directory(root_directory(), "links"), file, link, subdir;
  OK(w_path_open(folder, 0, S("file"), CREATE, rights, rights, 0, &file));
  OK(LINK(0, "file", "link"));
  OK(w_path_open(folder, 0, S("link"), 0, rights, rights, 0, &link));
  same_node(file, link);
  OK(w_fd_close(link));
  OK(UNLINK("link"));
  OK(w_path_create_directory(folder, S("subdir")));
  OK(w_path_open(folder, 0, S("subdir"), DIRECTORY, rights, rights, 0, &subdir));
  OK(w_path_link(folder, 0, S("file"), subdir, S("link")));
  OK(w_path_open(subdir, 0, S("link"), 0, rights, rights, 0, &link));
  same_node(file, link);
  OK(w_path_unlink_file(subdir, S("link")));
  FAILS2(LINK(0, "subdir", "link"), PERM, ACCES);
  OK(w_path_remove_directory(folder, S("subdir")));
  new_file(folder, "link");
  FAILS(LINK(0, "file", "link"), EXIST);
  OK(UNLINK("link"));
  FAILS(LINK(0, "file", "file"), EXIST);
  OK(w_path_create_directory(folder, S("link")));
  FAILS(LINK(0, "file", "link"), EXIST);
  OK(w_path_remove_directory(folder, S("link")));
  FAILS(LINK(0, "file", "link/"), NOENT);
  // A link to a symbolic link is one to the link itself, wherever that leads.
  OK(SYMLINK("target", "symlink"));
  OK(LINK(0, "symlink", "link"));
  OK(UNLINK("symlink"));
  OK(UNLINK("link"));
  OK(SYMLINK("symlink", "symlink"));
  OK(LINK(0, "symlink", "link"));
  OK(UNLINK("symlink"));
  OK(UNLINK("link"));
  OK(SYMLINK("target", "symlink"));
  FAILS(LINK(0, "file", "symlink"), EXIST);
  FAILS2(LINK(FOLLOW, "symlink", "link"), INVAL, NOENT);
}

static void symlink_slashes(void) {
  fd_t folder = new_directory(root_directory(), "slashes");
  FAILS(SYMLINK("source", "target/"), NOENT);
  OK(SYMLINK("source", "target"));
  OK(UNLINK("target"));
  OK(w_path_create_directory(folder, S("target")));
  FAILS(SYMLINK("source", "target/"), EXIST);
  FAILS(SYMLINK("source", "target"), EXIST);
  OK(w_path_remove_directory(folder, S("target")));
  new_file(folder, "target");
  FAILS3(SYMLINK("source", "target/"), NOTDIR, __WASI_ERRNO_NOENT, __WASI_ERRNO_EXIST);
  FAILS(SYMLINK("source", "target"), EXIST);
}

static void read_link(void) {
  fd_t folder = new_directory(root_directory(), "readlink");
  OK(SYMLINK("target", "symlink"));
  char buffer[10] = {0};
  uint32_t used;
  OK(w_path_readlink(folder, S("symlink"), buffer, sizeof buffer, &used));
  CHECK(used == 6 && memcmp(buffer, "target\0\0\0", 10) == 0);
  memset(buffer, 0, sizeof buffer);
  OK(w_path_readlink(folder, S("symlink"), buffer, 4, &used));
  CHECK(used == 4 && memcmp(buffer, "targ\0", 5) == 0);
}

static void create(void) {
  fd_t folder = new_directory(root_directory(), "create");
  new_file(folder, "target");
  OK(SYMLINK("target", "symlink"));
  OK(OPEN(FOLLOW, "symlink", 0));
  OK(UNLINK("symlink"));
  OK(UNLINK("target"));
  OK(w_path_create_directory(folder, S("target")));
  OK(SYMLINK("target", "symlink"));
  OK(OPEN(FOLLOW, "symlink", DIRECTORY));
  OK(UNLINK("symlink"));
  OK(w_path_remove_directory(folder, S("target")));
  FAILS2(SYMLINK("/", "symlink"), PERM, NOTCAPABLE);
}

static void link_stat(void) {
  fd_t folder = new_directory(root_directory(), "stat");
  new_file(folder, "file");
  __wasi_filestat_t file = stat_of(folder, "file", 0);
  CHECK(file.size == 0);
  OK(SYMLINK("file", "symlink"));
  uint64_t earlier = stat_of(folder, "symlink", 0).mtim - 200;
  OK(w_path_filestat_set_times(folder, 0, S("symlink"), 0, earlier, __WASI_FSTFLAGS_MTIM));
  CHECK(stat_of(folder, "symlink", 0).mtim == earlier);
  CHECK(stat_of(folder, "file", 0).mtim == file.mtim);
  CHECK(stat_of(folder, "symlink", FOLLOW).mtim == file.mtim);
  OK(w_path_filestat_set_times(folder, FOLLOW, S("symlink"), 0, earlier, __WASI_FSTFLAGS_MTIM));
  CHECK(stat_of(folder, "file", 0).mtim == earlier);
}

static void loop(void) {
  fd_t folder = new_directory(root_directory(), "loop");
  OK(SYMLINK("symlink", "symlink"));
  FAILS(OPEN(0, "symlink", 0), LOOP);
  FAILS(OPEN(FOLLOW, "symlink", 0), LOOP);
  OK(SYMLINK("b", "a"));
  OK(SYMLINK("a", "b"));
  FAILS(OPEN(FOLLOW, "a/file", 0), LOOP);
  OK(UNLINK("symlink"));
}

const struct named_case link_cases[] = {
    {"dangling_symlink", dangling},
    {"nofollow_errors", nofollow},
    {"path_exists", exists},
    {"path_link", hard_links},
    {"path_symlink_trailing_slashes", symlink_slashes},
    {"readlink", read_link},
    {"symlink_create", create},
    {"symlink_filestat", link_stat},
    {"symlink_loop", loop},
    {NULL, NULL},
};
