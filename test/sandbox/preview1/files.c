// What is done with open files and directories.
#include "check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_WRITE (RIGHT(FD_READ) | RIGHT(FD_WRITE))
#define CREATE __WASI_OFLAGS_CREAT

static uint32_t read_into(fd_t fd, char *buffer, uint32_t length) {
  struct span span = {buffer, length};
  uint32_t count;
  OK(w_fd_read(fd, &span, 1, &count));
  return count;
}

static void seek_to(fd_t fd, int64_t offset, uint32_t whence, uint64_t expected) {
  uint64_t position;
  OK(w_fd_seek(fd, offset, whence, &position));
  CHECK(position == expected);
}

static uint64_t size_of(fd_t fd) {
  __wasi_filestat_t stat;
  OK(w_fd_filestat_get(fd, &stat));
  return stat.size;
}

static void fill(fd_t fd, char letter) {
  char bytes[101] = {0};
  memset(bytes, letter, 100);
  CHECK(write_text(fd, bytes) == 100);
}

static void expect_fill(fd_t fd, char letter) {
  char bytes[100];
  CHECK(read_into(fd, bytes, 100) == 100);
  for (int place = 0; place < 100; place += 1) CHECK(bytes[place] == letter);
}

// With wasi-libc, as programs do it.

static void fopen_ok(void) {
  FILE *file = fopen("file", "r");
  CHECK(file != NULL);
  CHECK(fclose(file) == 0);
}

static void fopen_denied(void) {
  CHECK(fopen("file", "r") == NULL);
  CHECK(errno == ENOENT || errno == ENOTCAPABLE);
}

static void list_folder(void) {
  int folder = open("fs-tests.dir/fopendir.dir", O_RDONLY | O_DIRECTORY);
  CHECK(folder != -1);
  DIR *entries = fdopendir(folder);
  CHECK(entries != NULL);
  ino_t inodes[2] = {0, 0};
  for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
    if (entry->d_name[0] == '.') continue;
    struct stat stat;
    CHECK(fstatat(folder, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && stat.st_ino == entry->d_ino);
    CHECK(strcmp(entry->d_name, "file-0") == 0 || strcmp(entry->d_name, "file-1") == 0);
    inodes[entry->d_name[5] - '0'] = entry->d_ino;
  }
  closedir(entries);
  CHECK(inodes[0] != 0 && inodes[1] != 0 && inodes[0] != inodes[1]);
}

static void seek_libc(void) {
  int file = open("lseek.txt", O_RDONLY);
  char bytes[4];
  CHECK(read(file, bytes, 4) == 4 && lseek(file, 0, SEEK_CUR) == 4);
  CHECK(read(file, bytes, 1) == 1 && bytes[0] == '4' && lseek(file, 0, SEEK_CUR) == 5);
  CHECK(lseek(file, 0, SEEK_SET) == 0 && lseek(file, 0, SEEK_END) == 8);
  CHECK(lseek(file, -9, SEEK_END) == -1 && errno == EINVAL);
  close(file);
}

static void pread_libc(void) {
  int file = open("pread.txt", O_RDONLY);
  char bytes[16];
  CHECK(file > 0 && pread(file, bytes, 3, 4) == 3 && memcmp(bytes, "d-t", 3) == 0);
  CHECK(pread(file, bytes, 3, 1000) == 0);
  CHECK(close(file) == 0);
}

static void pwrite_libc(void) {
  const char *name = "writeable/pwrite.cleanup";
  CHECK(access(name, F_OK) != 0);
  int file = open(name, O_WRONLY | O_CREAT, 0600);
  CHECK(file > 0 && pwrite(file, "very long text", 14, 0) == 14 && pwrite(file, "test", 4, 3) == 4 && close(file) == 0);
  file = open(name, O_RDONLY);
  char bytes[16];
  CHECK(read(file, bytes, sizeof bytes) == 14 && memcmp(bytes, "vertestng text", 14) == 0);
  CHECK(close(file) == 0 && remove(name) == 0 && access(name, F_OK) != 0);
}

static void append_libc(void) {
  int file = open("append.cleanup", O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0600);
  CHECK(file != -1 && write(file, "ab", 2) == 2 && lseek(file, 0, SEEK_SET) == 0);
  CHECK(write(file, "cd", 2) == 2 && lseek(file, 0, SEEK_CUR) == 4);
  CHECK(pwrite(file, "efg", 3, 0) == 3 && lseek(file, 0, SEEK_CUR) == 4);
  off_t end = lseek(file, 0, SEEK_END);
  CHECK(end == 4 || end == 7);
  close(file);
}

static void device_and_inode(void) {
  struct stat a, b;
  CHECK(stat("file", &a) == 0 && stat("lseek.txt", &b) == 0);
  CHECK(a.st_dev == b.st_dev && a.st_ino != b.st_ino);
}

// With the calls themselves.

static void advise(void) {
  fd_t root = root_directory();
  fd_t file = opened(root, "advise", CREATE,
                     READ_WRITE | RIGHT(FD_ADVISE) | RIGHT(FD_FILESTAT_GET) | RIGHT(FD_FILESTAT_SET_SIZE) | RIGHT(FD_ALLOCATE));
  CHECK(size_of(file) == 0);
  OK(w_fd_filestat_set_size(file, 100));
  CHECK(size_of(file) == 100);
  OK(w_fd_advise(file, 10, 50, __WASI_ADVICE_NORMAL));
  CHECK(size_of(file) == 100);
  OK(w_fd_allocate(file, 100, 100));
  CHECK(size_of(file) == 200);
  OK(w_fd_close(file));
  OK(w_path_unlink_file(root, S("advise")));
}

static void set_rights(void) {
  fd_t folder = new_directory(root_directory(), "rights");
  fd_t file = opened(folder, "file", CREATE, READ_WRITE | RIGHT(FD_SEEK) | RIGHT(FD_TELL));
  CHECK(write_text(file, "abcd") == 4);
  seek_to(file, 0, __WASI_WHENCE_SET, 0);
  char bytes[4];
  CHECK(read_into(file, bytes, 4) == 4 && memcmp(bytes, "abcd", 4) == 0);
  __wasi_fdstat_t stat;
  OK(w_fd_fdstat_get(file, &stat));
  OK(w_fd_fdstat_set_rights(file, stat.fs_rights_base & ~READ_WRITE, stat.fs_rights_inheriting));
  OK(w_fd_fdstat_get(file, &stat));
  CHECK((stat.fs_rights_base & READ_WRITE) == 0 && (stat.fs_rights_base & RIGHT(FD_SEEK)) != 0);
  struct span span = {bytes, 4};
  uint32_t count;
  FAILS2(w_fd_read(file, &span, 1, &count), BADF, NOTCAPABLE);
  FAILS2(w_fd_write(file, &span, 1, &count), BADF, NOTCAPABLE);
  FAILS(w_fd_fdstat_set_rights(file, stat.fs_rights_base | READ_WRITE, stat.fs_rights_inheriting), NOTCAPABLE);
  OK(w_fd_close(file));
  OK(w_path_unlink_file(folder, S("file")));
}

static void set_filestat(void) {
  fd_t root = root_directory();
  fd_t file = opened(root, "filestat", CREATE,
                     READ_WRITE | RIGHT(FD_FILESTAT_GET) | RIGHT(FD_FILESTAT_SET_SIZE) | RIGHT(FD_FILESTAT_SET_TIMES));
  OK(w_fd_filestat_set_size(file, 100));
  __wasi_filestat_t before, after;
  OK(w_fd_filestat_get(file, &before));
  CHECK(before.size == 100);
  OK(w_fd_filestat_set_times(file, before.mtim - 100, before.mtim - 100, __WASI_FSTFLAGS_MTIM));
  OK(w_fd_filestat_get(file, &after));
  CHECK(after.size == 100 && after.mtim == before.mtim - 100 && after.atim == before.atim);
  OK(w_fd_close(file));
  OK(w_path_unlink_file(root, S("filestat")));
}

static void set_flags(void) {
  fd_t root = root_directory(), file;
  uint64_t rights = READ_WRITE | RIGHT(FD_SEEK) | RIGHT(FD_TELL) | RIGHT(FD_FDSTAT_SET_FLAGS);
  OK(w_path_open(root, 0, S("flags"), CREATE, rights, 0, __WASI_FDFLAGS_APPEND, &file));
  fill(file, 'a');
  seek_to(file, 0, __WASI_WHENCE_SET, 0);
  expect_fill(file, 'a');
  seek_to(file, 0, __WASI_WHENCE_SET, 0);
  fill(file, 'b');
  seek_to(file, 100, __WASI_WHENCE_SET, 100);
  expect_fill(file, 'b');
  OK(w_fd_fdstat_set_flags(file, 0));
  seek_to(file, 0, __WASI_WHENCE_SET, 0);
  fill(file, 'c');
  seek_to(file, 0, __WASI_WHENCE_SET, 0);
  expect_fill(file, 'c');
  OK(w_fd_close(file));
  CHECK(stat_of(root, "flags", 0).size == 200);
  OK(w_path_unlink_file(root, S("flags")));
}

static void allocate(void) {
  fd_t folder = new_directory(root_directory(), "allocate");
  fd_t file = opened(folder, "file", CREATE, READ_WRITE | RIGHT(FD_ALLOCATE) | RIGHT(FD_FILESTAT_GET));
  OK(w_fd_allocate(file, 0, 100));
  CHECK(size_of(file) == 100);
  OK(w_fd_allocate(file, 10, 10));
  CHECK(size_of(file) == 100);
  OK(w_fd_allocate(file, 90, 20));
  CHECK(size_of(file) == 110);
  OK(w_fd_close(file));
  OK(w_path_unlink_file(folder, S("file")));
  OK(w_fd_close(folder));
  OK(w_path_remove_directory(root_directory(), S("allocate")));
}

static void pread_pwrite(void) {
  fd_t file = opened(new_directory(root_directory(), "pread"), "file", CREATE, READ_WRITE | RIGHT(FD_SEEK));
  struct span two[2] = {{"\0\1", 2}, {"\2\3", 2}};
  uint32_t count;
  OK(w_fd_pwrite(file, two, 2, 0, &count));
  CHECK(count == 4);
  char bytes[4] = {9, 9, 9, 9};
  struct span halves[2] = {{bytes, 2}, {bytes + 2, 2}};
  OK(w_fd_pread(file, halves, 2, 0, &count));
  CHECK(count == 4 && memcmp(bytes, "\0\1\2\3", 4) == 0);
  OK(w_fd_pread(file, halves, 2, 2, &count));
  CHECK(count == 2 && memcmp(bytes, "\2\3\2\3", 4) == 0);
  struct span one = {"\1\0", 2};
  OK(w_fd_pwrite(file, &one, 1, 2, &count));
  OK(w_fd_pread(file, halves, 2, 0, &count));
  CHECK(count == 4 && memcmp(bytes, "\0\1\1\0", 4) == 0);
  seek_to(file, 0, __WASI_WHENCE_CUR, 0);
}

static void seek_tell(void) {
  fd_t file = opened(new_directory(root_directory(), "seek"), "file", CREATE, READ_WRITE | RIGHT(FD_SEEK) | RIGHT(FD_TELL));
  uint64_t position = 7;
  OK(w_fd_tell(file, &position));
  CHECK(position == 0);
  fill(file, 'x');
  OK(w_fd_tell(file, &position));
  CHECK(position == 100);
  seek_to(file, -50, __WASI_WHENCE_CUR, 50);
  seek_to(file, 0, __WASI_WHENCE_SET, 0);
  seek_to(file, 1000, __WASI_WHENCE_CUR, 1000);
  FAILS(w_fd_seek(file, -2000, __WASI_WHENCE_CUR, &position), INVAL);
  seek_to(file, 0, __WASI_WHENCE_SET, 0);
  expect_fill(file, 'x');
  OK(w_fd_tell(file, &position));
  CHECK(position == 100);
}

static void truncation(void) {
  fd_t folder = new_directory(root_directory(), "truncate");
  fd_t file = opened(folder, "file", CREATE, RIGHT(FD_WRITE));
  write_text(file, "what is cut off");
  OK(w_fd_close(file));
  file = opened(folder, "file", CREATE | __WASI_OFLAGS_TRUNC, READ_WRITE);
  char bytes[100];
  CHECK(read_into(file, bytes, 100) == 0);
  OK(w_fd_close(file));
  OK(w_path_unlink_file(folder, S("file")));
}

static void unbuffered(void) {
  fd_t folder = new_directory(root_directory(), "unbuffered");
  fd_t writer = opened(folder, "file", CREATE, RIGHT(FD_WRITE));
  fd_t reader = opened(folder, "file", 0, RIGHT(FD_READ));
  CHECK(write_text(writer, "\1") == 1);
  char byte = 0;
  CHECK(read_into(reader, &byte, 1) == 1 && byte == 1);
  OK(w_fd_close(writer));
  OK(w_fd_close(reader));
  OK(w_path_unlink_file(folder, S("file")));
}

static void time_flags(void) {
  fd_t file = opened(root_directory(), "times", CREATE, RIGHT(FD_READ) | RIGHT(FD_FILESTAT_SET_TIMES));
  FAILS(w_fd_filestat_set_times(file, 1, 2, __WASI_FSTFLAGS_MTIM | __WASI_FSTFLAGS_MTIM_NOW), INVAL);
  FAILS(w_fd_filestat_set_times(file, 1, 2, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_ATIM_NOW), INVAL);
}

static void renumber(void) {
  fd_t folder = new_directory(root_directory(), "renumber");
  fd_t from = opened(folder, "file1", CREATE, READ_WRITE), to = opened(folder, "file2", CREATE, READ_WRITE);
  __wasi_fdstat_t before, after;
  OK(w_fd_fdstat_get(from, &before));
  OK(w_fd_renumber(from, to));
  FAILS(w_fd_close(from), BADF);
  OK(w_fd_fdstat_get(to, &after));
  CHECK(before.fs_filetype == after.fs_filetype && before.fs_flags == after.fs_flags);
  CHECK(before.fs_rights_base == after.fs_rights_base && before.fs_rights_inheriting == after.fs_rights_inheriting);
  FAILS(w_fd_renumber(to, from), BADF);
  OK(w_fd_close(to));
  OK(w_path_unlink_file(folder, S("file1")));
  OK(w_path_unlink_file(folder, S("file2")));
}

static void renumber_streams(void) {
  fd_t folder = new_directory(root_directory(), "stdio");
  for (fd_t stream = 0; stream < 3; stream += 1) {
    fd_t file;
    OK(w_path_open(folder, 0, S("file"), CREATE, 0, 0, 0, &file));
    OK(w_fd_renumber(stream, file));
    __wasi_fdstat_t stat;
    OK(w_fd_fdstat_get(file, &stat));
    FAILS(w_fd_fdstat_get(stream, &stat), BADF);
    OK(w_path_unlink_file(folder, S("file")));
  }
}

static void directory_operations(void) {
  fd_t folder = root_directory();
  __wasi_filestat_t stat;
  OK(w_fd_filestat_get(folder, &stat));
  CHECK(stat.filetype == __WASI_FILETYPE_DIRECTORY);
  __wasi_prestat_t prestat;
  OK(w_fd_prestat_get(3, &prestat));
  char name[64];
  FAILS2(w_fd_prestat_dir_name(3, name, 0), INVAL, NAMETOOLONG);
  OK(w_fd_prestat_dir_name(3, name, prestat.u.dir.pr_name_len + 1));
  char bytes[128] = {0};
  struct span span = {bytes, sizeof bytes};
  uint32_t count;
  uint64_t position;
  FAILS3(w_fd_read(folder, &span, 1, &count), ISDIR, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE);
  FAILS3(w_fd_pread(folder, &span, 1, 0, &count), ISDIR, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE);
  FAILS3(w_fd_write(folder, &span, 1, &count), ISDIR, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE);
  FAILS3(w_fd_pwrite(folder, &span, 1, 0, &count), ISDIR, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE);
  for (uint32_t whence = 0; whence < 3; whence += 1)
    FAILS3(w_fd_seek(folder, 0, whence, &position), ISDIR, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE);
  FAILS3(w_fd_tell(folder, &position), ISDIR, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE);
  FAILS3(w_fd_allocate(folder, 0, 1), ISDIR, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE);
  FAILS3(w_fd_filestat_set_size(folder, 0), ISDIR, __WASI_ERRNO_INVAL, __WASI_ERRNO_BADF);
}

static void directory_seek(void) {
  fd_t root = root_directory();
  OK(w_path_create_directory(root, S("seeking")));
  fd_t folder = opened(root, "seeking", __WASI_OFLAGS_DIRECTORY, RIGHT(FD_SEEK));
  uint64_t position;
  FAILS3(w_fd_seek(folder, 0, __WASI_WHENCE_CUR, &position), ISDIR, __WASI_ERRNO_BADF, __WASI_ERRNO_NOTCAPABLE);
  __wasi_fdstat_t stat;
  OK(w_fd_fdstat_get(folder, &stat));
  CHECK(stat.fs_filetype == __WASI_FILETYPE_DIRECTORY && (stat.fs_rights_base & RIGHT(FD_SEEK)) == 0);
  OK(w_fd_close(folder));
  OK(w_path_remove_directory(root, S("seeking")));
}

// Goes over the entries as a C library does, 256 bytes at a time; `last_next` is the cookie before the last entry.
static int count_entries(fd_t folder, uint64_t cookie, uint64_t *last_next, char *last_name) {
  int total = 0;
  for (;;) {
    char buffer[256];
    uint32_t used;
    OK(w_fd_readdir(folder, buffer, sizeof buffer, cookie, &used));
    for (uint32_t place = 0; place + sizeof(__wasi_dirent_t) <= used;) {
      __wasi_dirent_t entry;
      memcpy(&entry, buffer + place, sizeof entry);
      if (place + sizeof entry + entry.d_namlen > used) break;
      if (last_next != NULL) *last_next = cookie;
      if (last_name != NULL) sprintf(last_name, "%.*s", (int)entry.d_namlen, buffer + place + sizeof entry);
      cookie = entry.d_next;
      place += sizeof entry + entry.d_namlen;
      total += 1;
    }
    if (used < sizeof buffer) return total;
  }
}

static void read_directory(void) {
  fd_t folder = new_directory(root_directory(), "readdir");
  uint64_t before_last;
  char last[64], again[64], name[32];
  CHECK(count_entries(folder, 0, NULL, last) == 2);
  new_file(folder, "file");
  CHECK(count_entries(folder, 0, &before_last, last) == 3);
  CHECK(count_entries(folder, before_last, NULL, again) == 1 && strcmp(last, again) == 0);
  OK(w_path_unlink_file(folder, S("file")));
  for (int number = 0; number < 1000; number += 1) {
    sprintf(name, "file.%d", number);
    new_file(folder, name);
  }
  CHECK(count_entries(folder, 0, NULL, NULL) == 1002);
  for (int number = 0; number < 1000; number += 1) {
    sprintf(name, "file.%d", number);
    OK(w_path_unlink_file(folder, S(name)));
  }
  CHECK(count_entries(folder, 0, NULL, NULL) == 2);
}

static void close_preopen(void) {
  fd_t folder = root_directory();
  CHECK(folder > 3);
  OK(w_fd_close(3));
  __wasi_fdstat_t stat;
  OK(w_fd_fdstat_get(folder, &stat));
  CHECK(stat.fs_filetype == __WASI_FILETYPE_DIRECTORY);
  FAILS(w_fd_fdstat_get(3, &stat), BADF);
}

static void overwrite_preopen(void) {
  fd_t folder = new_directory(root_directory(), "overwrite");
  __wasi_filestat_t before, after;
  OK(w_fd_filestat_get(folder, &before));
  OK(w_fd_renumber(folder, 3));
  OK(w_fd_filestat_get(3, &after));
  CHECK(before.dev == after.dev && before.ino == after.ino);
  __wasi_fdstat_t stat;
  FAILS(w_fd_fdstat_get(folder, &stat), BADF);
  OK(w_fd_close(3));
}

const struct named_case file_cases[] = {
    {"fopen-with-access", fopen_ok},
    {"fopen-with-no-access", fopen_denied},
    {"fdopendir-with-access", list_folder},
    {"lseek", seek_libc},
    {"pread-with-access", pread_libc},
    {"pwrite-with-access", pwrite_libc},
    {"pwrite-with-append", append_libc},
    {"stat-dev-ino", device_and_inode},
    {"fd_advise", advise},
    {"fd_fdstat_set_rights", set_rights},
    {"fd_filestat_set", set_filestat},
    {"fd_flags_set", set_flags},
    {"file_allocate", allocate},
    {"file_pread_pwrite", pread_pwrite},
    {"file_seek_tell", seek_tell},
    {"file_truncation", truncation},
    {"file_unbuffered_write", unbuffered},
    {"fstflags_validate", time_flags},
    {"renumber", renumber},
    {"stdio", renumber_streams},
    {"dir_fd_op_failures", directory_operations},
    {"directory_seek", directory_seek},
    {"fd_readdir", read_directory},
    {"close_preopen", close_preopen},
    {"overwrite_preopen", overwrite_preopen},
    {NULL, NULL},
};
