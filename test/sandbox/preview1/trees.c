// What the public cases do not ask: limits, several trees, trees that may not change, ways out of one.
// Given are /small (64 KiB), /other, and /fixed, which is read-only.
#include "check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NO_ERROR(call) CHECK((call) >= 0)
#define FAILS_WITH(call, number) CHECK((call) == -1 && errno == (number))

static char block[16384];

static void no_space(void) {
  int file = open("/small/big", O_CREAT | O_RDWR, 0600);
  ssize_t total = 0, written;
  while ((written = write(file, block, sizeof block)) > 0) total += written;
  CHECK(errno == ENOSPC);
  CHECK(total > 60000 && total < 65536);
  FAILS_WITH(ftruncate(file, 1 << 20), ENOSPC);
  CHECK(posix_fallocate(file, 0, 1 << 20) == ENOSPC);
  FAILS_WITH(pwrite(file, "x", 1, 1LL << 40), ENOSPC);
  FAILS_WITH(mkdir("/small/folder", 0700), ENOSPC);
  FAILS_WITH(symlink("anywhere", "/small/link"), ENOSPC);
  FAILS_WITH(open("/small/more", O_CREAT | O_WRONLY, 0600), ENOSPC);
  // What is cut off is free again, and reads as zeros when the file grows back.
  NO_ERROR(pwrite(file, "mark", 4, 20000));
  NO_ERROR(ftruncate(file, 10000));
  NO_ERROR(ftruncate(file, 30000));
  char mark[4] = "????";
  CHECK(pread(file, mark, 4, 20000) == 4 && memcmp(mark, "\0\0\0\0", 4) == 0);
  // A file without a name keeps its bytes until it is closed.
  NO_ERROR(ftruncate(file, 60000));
  NO_ERROR(unlink("/small/big"));
  int second = open("/small/second", O_CREAT | O_RDWR, 0600);
  CHECK(write(second, block, sizeof block) < 6000);
  NO_ERROR(lseek(second, 0, SEEK_SET));
  NO_ERROR(close(file));
  CHECK(write(second, block, sizeof block) == sizeof block);
}

static void many_names(void) {
  char name[40];
  int count = 0;
  for (;; count += 1) {
    sprintf(name, "/small/file-%d", count);
    int file = open(name, O_CREAT | O_WRONLY, 0600);
    if (file < 0) break;
    close(file);
  }
  CHECK(errno == ENOSPC && count > 64 && count < 256);
  for (int number = 0; number < count; number += 1) {
    sprintf(name, "/small/file-%d", number);
    NO_ERROR(unlink(name));
  }
  NO_ERROR(mkdir("/small/room-again", 0700));
}

static void two_trees(void) {
  int file = open("/small/here", O_CREAT | O_WRONLY, 0600);
  NO_ERROR(close(file));
  FAILS_WITH(rename("/small/here", "/other/there"), EXDEV);
  FAILS_WITH(link("/small/here", "/other/there"), EXDEV);
  struct stat a, b;
  NO_ERROR(stat("/small/here", &a));
  NO_ERROR(stat("/other", &b));
  CHECK(a.st_dev != b.st_dev);
  FAILS_WITH(rename("/small/here", "/fixed/there"), EROFS);
}

static void read_only(void) {
  int file = open("/fixed/deep/text", O_RDONLY);
  char bytes[16];
  CHECK(read(file, bytes, sizeof bytes) == 5 && memcmp(bytes, "fixed", 5) == 0);
  CHECK(write(file, "x", 1) == -1);
  FAILS_WITH(open("/fixed/deep/text", O_WRONLY), EROFS);
  FAILS_WITH(open("/fixed/deep/text", O_RDONLY | O_TRUNC), EROFS);
  FAILS_WITH(open("/fixed/new", O_CREAT | O_WRONLY, 0600), EROFS);
  FAILS_WITH(mkdir("/fixed/folder", 0700), EROFS);
  FAILS_WITH(rmdir("/fixed/deep"), EROFS);
  FAILS_WITH(unlink("/fixed/deep/text"), EROFS);
  FAILS_WITH(symlink("a", "/fixed/b"), EROFS);
  FAILS_WITH(ftruncate(file, 0), EROFS);
  CHECK(futimens(file, NULL) == -1);
}

static void no_way_out(void) {
  FAILS_WITH(open("/small/out", O_RDONLY), EPERM);
  FAILS_WITH(open("/small/absolute", O_RDONLY), EPERM);
  FAILS_WITH(open("/small/circle/x", O_RDONLY), ELOOP);
  FAILS_WITH(symlink("/small/inner", "/small/new"), EPERM);
  int file = open("/small/inner-link", O_RDONLY);
  char bytes[16];
  CHECK(read(file, bytes, sizeof bytes) == 5 && memcmp(bytes, "inner", 5) == 0);
  CHECK(readlink("/small/out", bytes, sizeof bytes) == 15 && memcmp(bytes, "inner/../../etc", 15) == 0);
  // Going up by a link that leads down stays within.
  file = open("/small/deep-link/../file", O_RDONLY);
  CHECK(file >= 0);
  char name[300] = "/small/";
  memset(name + 7, 'n', 256);
  FAILS_WITH(open(name, O_CREAT | O_WRONLY, 0600), ENAMETOOLONG);
  name[262] = '\0';
  NO_ERROR(open(name, O_CREAT | O_WRONLY, 0600));
}

static void removed_folder(void) {
  NO_ERROR(mkdir("/small/gone", 0700));
  int folder = open("/small/gone", O_RDONLY | O_DIRECTORY);
  NO_ERROR(rmdir("/small/gone"));
  FAILS_WITH(openat(folder, "file", O_CREAT | O_WRONLY, 0600), ENOENT);
  FAILS_WITH(mkdirat(folder, "folder", 0700), ENOENT);
  FAILS_WITH(symlinkat("a", folder, "b"), ENOENT);
  NO_ERROR(mkdir("/small/moved", 0700));
  FAILS_WITH(renameat(AT_FDCWD, "/small/moved", folder, "x"), ENOENT);
  FAILS_WITH(mkdir("/small/moved", 0700), EEXIST);
  FAILS_WITH(rmdir("/small/moved/."), EINVAL);
}

// As `rm -r` does it: reading on after each removal must not skip an entry.
static void remove_while_reading(void) {
  char name[40];
  NO_ERROR(mkdir("/other/full", 0700));
  for (int number = 0; number < 300; number += 1) {
    sprintf(name, "/other/full/%d", number);
    NO_ERROR(close(open(name, O_CREAT | O_WRONLY, 0600)));
  }
  DIR *entries = opendir("/other/full");
  for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
    if (entry->d_name[0] == '.') continue;
    sprintf(name, "/other/full/%s", entry->d_name);
    NO_ERROR(unlink(name));
  }
  closedir(entries);
  NO_ERROR(rmdir("/other/full"));
}

// Leaves a mark, and fails when one is there already.
static void leave_mark(void) {
  int file = open("/small/inner/file", O_RDWR);
  char bytes[5];
  CHECK(read(file, bytes, 5) == 5 && memcmp(bytes, "inner", 5) == 0);
  CHECK(pwrite(file, "spoilt", 6, 0) == 6);
  NO_ERROR(open("/small/mark", O_CREAT | O_EXCL | O_WRONLY, 0600));
}

const struct named_case tree_cases[] = {
    {"no-space", no_space},
    {"many-names", many_names},
    {"two-trees", two_trees},
    {"read-only", read_only},
    {"no-way-out", no_way_out},
    {"removed-folder", removed_folder},
    {"remove-while-reading", remove_while_reading},
    {"leave-mark", leave_mark},
    {NULL, NULL},
};
