// Names: opening, creating, renaming and removing them.
#include "check.h"

#define CREATE __WASI_OFLAGS_CREAT
#define DIRECTORY __WASI_OFLAGS_DIRECTORY
#define OPEN(folder, name, flags) w_path_open(folder, 0, S(name), flags, 0, 0, 0, &any)

static fd_t any;

static void dangling_descriptor(void) {
  fd_t root = root_directory();
  for (int round = 0; round < 2; round += 1) {
    new_file(root, "dangling");
    fd_t file = opened(root, "dangling", 0, 0);
    OK(w_path_unlink_file(root, S("dangling")));
    new_file(root, "dangling");
    OK(w_fd_close(file));
    OK(w_path_unlink_file(root, S("dangling")));
    OK(w_path_create_directory(root, S("folder")));
    fd_t folder = opened(root, "folder", DIRECTORY, 0);
    OK(w_path_remove_directory(root, S("folder")));
    OK(w_path_create_directory(root, S("folder")));
    OK(w_fd_close(folder));
    OK(w_path_remove_directory(root, S("folder")));
  }
}

static void interesting(void) {
  fd_t root = new_directory(root_directory(), "interesting");
  OK(w_path_create_directory(root, S("dir")));
  OK(w_path_create_directory(root, S("dir/nested")));
  new_file(root, "dir/nested/file");
  FAILS2(OPEN(root, "/dir/nested/file", 0), PERM, NOTCAPABLE);
  OK(w_fd_close(opened(root, "dir/.//nested/../../dir/nested/../nested///./file", 0, 0)));
  FAILS3(w_path_open(root, 0, "dir/nested/file\0", 16, 0, 0, 0, 0, &any), INVAL, __WASI_ERRNO_ILSEQ, __WASI_ERRNO_NOENT);
  FAILS2(OPEN(root, "dir/nested/file/", 0), NOTDIR, NOENT);
  FAILS2(OPEN(root, "dir/nested/file///", 0), NOTDIR, NOENT);
  OK(w_fd_close(opened(root, "dir/nested/", 0, 0)));
  OK(w_fd_close(opened(root, "dir/nested///", 0, 0)));
  FAILS2(OPEN(root, "dir/nested/../../../interesting/dir/nested/file", 0), PERM, NOTCAPABLE);
  OK(w_path_unlink_file(root, S("dir/nested/file")));
  OK(w_path_remove_directory(root, S("dir/nested")));
  OK(w_path_remove_directory(root, S("dir")));
}

static void create_existing(void) {
  fd_t folder = new_directory(root_directory(), "existing");
  new_file(folder, "file");
  FAILS(OPEN(folder, "file", CREATE | __WASI_OFLAGS_EXCL), EXIST);
  OK(w_path_unlink_file(folder, S("file")));
}

static void base_no_directory(void) {
  fd_t file = opened(new_directory(root_directory(), "nodir"), "file", CREATE, 0);
  FAILS2(OPEN(file, "foo", CREATE), NOTDIR, NOTCAPABLE);
}

static void open_missing(void) {
  FAILS(OPEN(root_directory(), "missing", 0), NOENT);
}

static void open_nonblock(void) {
  OK(w_path_open(root_directory(), 0, S("."), 0, 0, 0, __WASI_FDFLAGS_NONBLOCK, &any));
}

static void open_preopen(void) {
  uint64_t folder_rights = RIGHT(PATH_CREATE_DIRECTORY) | RIGHT(PATH_CREATE_FILE) | RIGHT(PATH_LINK_SOURCE) |
                           RIGHT(PATH_LINK_TARGET) | RIGHT(PATH_OPEN) | RIGHT(FD_READDIR) | RIGHT(PATH_READLINK) |
                           RIGHT(PATH_RENAME_SOURCE) | RIGHT(PATH_RENAME_TARGET) | RIGHT(PATH_SYMLINK) |
                           RIGHT(PATH_REMOVE_DIRECTORY) | RIGHT(PATH_UNLINK_FILE) | RIGHT(PATH_FILESTAT_GET) |
                           RIGHT(PATH_FILESTAT_SET_TIMES) | RIGHT(FD_FILESTAT_GET) | RIGHT(FD_FILESTAT_SET_TIMES);
  uint64_t file_rights = RIGHT(FD_DATASYNC) | RIGHT(FD_READ) | RIGHT(FD_SEEK) | RIGHT(FD_FDSTAT_SET_FLAGS) | RIGHT(FD_SYNC) |
                         RIGHT(FD_TELL) | RIGHT(FD_WRITE) | RIGHT(FD_ADVISE) | RIGHT(FD_ALLOCATE) | RIGHT(FD_FILESTAT_GET) |
                         RIGHT(FD_FILESTAT_SET_SIZE) | RIGHT(FD_FILESTAT_SET_TIMES) | RIGHT(POLL_FD_READWRITE);
  fd_t preopen = root_directory();
  __wasi_fdstat_t stat;
  OK(w_fd_fdstat_get(preopen, &stat));
  CHECK((stat.fs_rights_base & folder_rights) == folder_rights);
  CHECK((stat.fs_rights_inheriting & (folder_rights | file_rights)) == (folder_rights | file_rights));
  OK(w_path_open(preopen, 0, S("."), 0, stat.fs_rights_base, stat.fs_rights_inheriting, 0, &any));
  OK(OPEN(preopen, ".", 0));
  OK(OPEN(preopen, ".", DIRECTORY));
  OK(w_path_open(preopen, 0, S("."), DIRECTORY, RIGHT(FD_READ), 0, 0, &any));
  FAILS(w_path_open(preopen, 0, S("."), DIRECTORY, RIGHT(FD_READ) | RIGHT(FD_WRITE), 0, 0, &any), ISDIR);
}

static void open_read_write(void) {
  fd_t root = root_directory();
  char bytes[100];
  struct span span = {bytes, sizeof bytes};
  uint32_t count;
  __wasi_fdstat_t stat;
  new_file(root, "readwrite");
  fd_t reader = opened(root, "readwrite", 0, RIGHT(FD_READ));
  OK(w_fd_fdstat_get(reader, &stat));
  CHECK((stat.fs_rights_base & RIGHT(FD_READ)) != 0 && (stat.fs_rights_base & RIGHT(FD_WRITE)) == 0);
  OK(w_fd_read(reader, &span, 1, &count));
  CHECK(count == 0);
  FAILS3(w_fd_write(reader, &span, 1, &count), BADF, __WASI_ERRNO_NOTCAPABLE, __WASI_ERRNO_ACCES);
  fd_t writer = opened(root, "readwrite", 0, RIGHT(FD_WRITE));
  OK(w_fd_fdstat_get(writer, &stat));
  CHECK((stat.fs_rights_base & RIGHT(FD_READ)) == 0 && (stat.fs_rights_base & RIGHT(FD_WRITE)) != 0);
  FAILS3(w_fd_read(writer, &span, 1, &count), BADF, __WASI_ERRNO_NOTCAPABLE, __WASI_ERRNO_ACCES);
  CHECK(write_text(writer, "fifty") == 5);
  fd_t both = opened(root, "readwrite", 0, RIGHT(FD_READ) | RIGHT(FD_WRITE) | RIGHT(FD_FILESTAT_GET));
  OK(w_fd_read(both, &span, 1, &count));
  CHECK(count == 5 && write_text(both, "more") == 4);
  __wasi_filestat_t filestat;
  OK(w_fd_filestat_get(both, &filestat));
  CHECK(filestat.size == 9);
  OK(w_path_unlink_file(root, S("readwrite")));
}

static void rename_all(void) {
  fd_t folder = new_directory(root_directory(), "rename");
#define RENAME(from, to) w_path_rename(folder, S(from), folder, S(to))
  OK(w_path_create_directory(folder, S("source")));
  OK(RENAME("source", "target"));
  FAILS(OPEN(folder, "source", DIRECTORY), NOENT);
  OK(w_fd_close(opened(folder, "target", DIRECTORY, 0)));
  // A folder takes the place of an empty one, and of nothing else.
  OK(w_path_create_directory(folder, S("source")));
  OK(RENAME("source", "target"));
  FAILS(OPEN(folder, "source", DIRECTORY), NOENT);
  OK(w_path_create_directory(folder, S("source")));
  new_file(folder, "target/file");
  FAILS(RENAME("source", "target"), NOTEMPTY);
  FAILS(RENAME("source", "target/file"), NOTDIR);
  OK(w_path_create_directory(folder, S("source/inner")));
  FAILS(RENAME("source", "source/inner/deeper"), INVAL);
  OK(w_path_remove_directory(folder, S("source/inner")));
  OK(w_path_remove_directory(folder, S("source")));
  OK(w_path_unlink_file(folder, S("target/file")));
  OK(w_path_remove_directory(folder, S("target")));
  // A file takes the place of a file, and of no folder.
  for (int round = 0; round < 2; round += 1) {
    new_file(folder, "source");
    OK(RENAME("source", "target"));
    FAILS(OPEN(folder, "source", 0), NOENT);
    OK(w_fd_close(opened(folder, "target", 0, 0)));
  }
  OK(w_path_unlink_file(folder, S("target")));
  new_file(folder, "source");
  OK(w_path_create_directory(folder, S("target")));
  FAILS(RENAME("source", "target"), ISDIR);
}

static void rename_slashes(void) {
  fd_t folder = new_directory(root_directory(), "slashes");
  OK(w_path_create_directory(folder, S("source")));
  OK(RENAME("source/", "target"));
  OK(RENAME("target", "source/"));
  OK(RENAME("source/", "target/"));
  OK(RENAME("target", "source"));
  new_file(folder, "file");
  FAILS(RENAME("file", "other/"), NOTDIR);
  OK(w_path_remove_directory(folder, S("source")));
}

static void remove_slashes(void) {
  fd_t root = root_directory();
  OK(w_path_create_directory(root, S("removed")));
  OK(w_path_remove_directory(root, S("removed")));
  OK(w_path_create_directory(root, S("removed")));
  OK(w_path_remove_directory(root, S("removed/")));
  new_file(root, "removed");
  FAILS(w_path_remove_directory(root, S("removed")), NOTDIR);
  FAILS2(w_path_remove_directory(root, S("removed/")), NOTDIR, NOENT);
  OK(w_path_unlink_file(root, S("removed")));
}

static void remove_full(void) {
  fd_t folder = new_directory(root_directory(), "full");
  OK(w_path_create_directory(folder, S("dir")));
  OK(w_path_create_directory(folder, S("dir/nested")));
  FAILS(w_path_remove_directory(folder, S("dir")), NOTEMPTY);
  OK(w_path_remove_directory(folder, S("dir/nested")));
  OK(w_path_remove_directory(folder, S("dir")));
}

static void unlink_slashes(void) {
  fd_t folder = new_directory(root_directory(), "unlink");
  OK(w_path_create_directory(folder, S("dir")));
  FAILS(w_path_unlink_file(folder, S("dir")), ISDIR);
  FAILS(w_path_unlink_file(folder, S("dir/")), ISDIR);
  new_file(folder, "file");
  FAILS2(w_path_unlink_file(folder, S("file/")), NOTDIR, NOENT);
  OK(w_path_unlink_file(folder, S("file")));
}

static void truncation_rights(void) {
  fd_t folder = new_directory(root_directory(), "truncation");
  new_file(folder, "file");
  __wasi_fdstat_t stat;
  OK(w_fd_fdstat_get(folder, &stat));
  CHECK(stat.fs_filetype == __WASI_FILETYPE_DIRECTORY && stat.fs_flags == 0);
  CHECK((stat.fs_rights_base & RIGHT(FD_FILESTAT_SET_SIZE)) == 0);
  CHECK((stat.fs_rights_base & RIGHT(PATH_FILESTAT_SET_SIZE)) != 0);
  OK(OPEN(folder, "file", __WASI_OFLAGS_TRUNC));
  uint64_t below = stat.fs_rights_inheriting & ~RIGHT(FD_FILESTAT_SET_SIZE);
  OK(w_fd_fdstat_set_rights(folder, stat.fs_rights_base, below));
  OK(OPEN(folder, "file", __WASI_OFLAGS_TRUNC));
  OK(w_fd_fdstat_set_rights(folder, stat.fs_rights_base & ~RIGHT(PATH_FILESTAT_SET_SIZE), below));
  OK(w_fd_fdstat_get(folder, &stat));
  CHECK((stat.fs_rights_base & RIGHT(PATH_FILESTAT_SET_SIZE)) == 0);
  FAILS2(OPEN(folder, "file", __WASI_OFLAGS_TRUNC), PERM, NOTCAPABLE);
}

static void filestat(void) {
  fd_t folder = new_directory(root_directory(), "filestat"), file;
  __wasi_fdstat_t fdstat;
  OK(w_fd_fdstat_get(folder, &fdstat));
  CHECK((fdstat.fs_rights_base & RIGHT(PATH_FILESTAT_GET)) != 0);
  uint64_t rights = RIGHT(FD_READ) | RIGHT(FD_WRITE) | RIGHT(PATH_FILESTAT_GET);
  uint32_t flags = __WASI_FDFLAGS_APPEND | __WASI_FDFLAGS_SYNC;
  OK(w_path_open(folder, 0, S("file"), CREATE, rights, 0, flags, &file));
  OK(w_fd_fdstat_get(file, &fdstat));
  CHECK((fdstat.fs_flags & flags) == flags);
  __wasi_filestat_t stat = stat_of(folder, "file", 0);
  CHECK(stat.size == 0);
  uint64_t earlier = stat.mtim - 100;
  OK(w_path_filestat_set_times(folder, 0, S("file"), 0, earlier, __WASI_FSTFLAGS_MTIM));
  CHECK(stat_of(folder, "file", 0).mtim == earlier);
  FAILS(w_path_filestat_set_times(folder, 0, S("file"), 0, 1, __WASI_FSTFLAGS_MTIM | __WASI_FSTFLAGS_MTIM_NOW), INVAL);
  CHECK(stat_of(folder, "file", 0).mtim == earlier);
  FAILS(w_path_filestat_set_times(folder, 0, S("file"), 0, 0, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_ATIM_NOW), INVAL);
}

const struct named_case path_cases[] = {
    {"dangling_fd", dangling_descriptor},
    {"interesting_paths", interesting},
    {"path_open_create_existing", create_existing},
    {"path_open_dirfd_not_dir", base_no_directory},
    {"path_open_missing", open_missing},
    {"path_open_nonblock", open_nonblock},
    {"path_open_preopen", open_preopen},
    {"path_open_read_write", open_read_write},
    {"path_rename", rename_all},
    {"path_rename_dir_trailing_slashes", rename_slashes},
    {"remove_directory_trailing_slashes", remove_slashes},
    {"remove_nonempty_directory", remove_full},
    {"unlink_file_trailing_slashes", unlink_slashes},
    {"truncation_rights", truncation_rights},
    {"path_filestat", filestat},
    {NULL, NULL},
};
