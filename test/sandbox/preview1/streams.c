// Arguments, environment, clocks, chance, exit, streams: what needs no file system.
#include "check.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void args_get_multiple(void) {
  uint32_t count, bytes;
  OK(w_args_sizes_get(&count, &bytes));
  CHECK(count == 4);
  uint8_t **list = malloc(count * sizeof *list), *text = malloc(bytes);
  OK(w_args_get(list, text));
  CHECK(strcmp((char *)list[2], "first") == 0 && strcmp((char *)list[3], "the \"second\" one") == 0);
  CHECK(list[0] == text && list[1] == text + strlen((char *)list[0]) + 1);
}

static void args_sizes_multiple(void) {
  uint32_t count, bytes;
  OK(w_args_sizes_get(&count, &bytes));
  CHECK(count == 4);
  CHECK(bytes == sizeof "preview1" + sizeof "args_sizes_get-multiple-arguments" + sizeof "first" + sizeof "the \"second\" one");
}

static void args_sizes_none(void) {
  uint32_t count, bytes;
  OK(w_args_sizes_get(&count, &bytes));
  CHECK(count == 2 && bytes == sizeof "preview1" + sizeof "args_sizes_get-no-arguments");
}

static void environ_get_multiple(void) {
  uint32_t count, bytes;
  OK(w_environ_sizes_get(&count, &bytes));
  CHECK(count == 2);
  uint8_t **list = malloc(count * sizeof *list), *text = malloc(bytes);
  OK(w_environ_get(list, text));
  CHECK(strcmp((char *)list[0], "a=text") == 0 && strcmp((char *)list[1], "b=e\xc3\xa9=\"x\"") == 0);
}

static void environ_sizes_multiple(void) {
  uint32_t count, bytes;
  OK(w_environ_sizes_get(&count, &bytes));
  CHECK(count == 2 && bytes == sizeof "a=text" + sizeof "b=e\xc3\xa9=\"x\"");
}

static void environ_sizes_none(void) {
  uint32_t count = 7, bytes = 7;
  OK(w_environ_sizes_get(&count, &bytes));
  CHECK(count == 0 && bytes == 0);
}

static void write_to_invalid(void) {
  struct span span = {"x", 1};
  uint32_t written;
  FAILS(w_fd_write(42, &span, 1, &written), BADF);
}

static void write_to_stdout(void) { CHECK(write_text(1, "hello") == 5); }
static void exit_failure(void) { exit(33); }
static void exit_success(void) { exit(0); }

static void random_some(void) {
  uint8_t bytes[256] = {0};
  OK(w_random_get(bytes, sizeof bytes));
  int different = 0;
  for (int place = 0; place < 256; place += 1) different += bytes[place] != 0;
  CHECK(different > 200);
}

static void random_none(void) {
  uint8_t byte = 7;
  OK(w_random_get(&byte, 0));
  CHECK(byte == 7);
}

static void random_big(void) {
  static uint8_t bytes[200000];
  OK(w_random_get(bytes, sizeof bytes));
  int zeros = 0;
  for (size_t place = 0; place < sizeof bytes; place += 1) zeros += bytes[place] == 0;
  CHECK(zeros > 400 && zeros < 1300);
}

static void resolution(clockid_t clock) {
  struct timespec time;
  CHECK(clock_getres(clock, &time) == 0);
  CHECK(time.tv_sec > 0 || time.tv_nsec > 0);
}
static void resolution_monotonic(void) { resolution(CLOCK_MONOTONIC); }
static void resolution_realtime(void) { resolution(CLOCK_REALTIME); }

static void time_monotonic(void) {
  struct timespec first, second;
  CHECK(clock_gettime(CLOCK_MONOTONIC, &first) == 0 && clock_gettime(CLOCK_MONOTONIC, &second) == 0);
  CHECK(second.tv_sec > first.tv_sec || (second.tv_sec == first.tv_sec && second.tv_nsec >= first.tv_nsec));
}

static void time_realtime(void) {
  struct timespec time;
  CHECK(clock_gettime(CLOCK_REALTIME, &time) == 0);
  CHECK(time.tv_sec > 1000000000 && time.tv_nsec >= 0 && time.tv_nsec < 1000000000);
}

static void clock_any_precision(void) {
  uint64_t first, second;
  OK(w_clock_time_get(1, 1, &first));
  OK(w_clock_time_get(1, 0, &first));
  OK(w_clock_time_get(1, 0, &second));
  CHECK(first <= second);
}

static void yield_once(void) { OK(w_sched_yield()); }

static void terminal(void) {
  fd_t root = root_directory();
  fd_t file = opened(root, "tty.cleanup", __WASI_OFLAGS_CREAT, RIGHT(FD_READ) | RIGHT(FD_WRITE));
  CHECK(isatty((int)file) == 0);
  OK(w_fd_close(file));
}

static void shutdown_invalid(void) {
  CHECK(shutdown(77, SHUT_RD) != 0 && errno == EBADF);
}

static void shutdown_no_socket(void) {
  CHECK(shutdown(1, SHUT_RD) != 0 && errno == ENOTSOCK);
}

static void poll_streams(void) {
  __wasi_subscription_t wanted[3];
  __wasi_event_t events[3];
  uint32_t count;
  memset(wanted, 0, sizeof wanted);
  wanted[0].userdata = 10;
  wanted[0].u.tag = __WASI_EVENTTYPE_CLOCK;
  wanted[0].u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
  wanted[0].u.u.clock.timeout = 200000000;
  wanted[1].userdata = 11;
  wanted[1].u.tag = __WASI_EVENTTYPE_FD_READ;
  OK(w_poll_oneoff(wanted, events, 2, &count));
  CHECK(count >= 1);
  for (uint32_t place = 0; place < count; place += 1) {
    CHECK(events[place].error == 0);
    CHECK(events[place].userdata == (events[place].type == __WASI_EVENTTYPE_CLOCK ? 10u : 11u));
  }
  for (int place = 1; place < 3; place += 1) {
    wanted[place].userdata = (uint64_t)place;
    wanted[place].u.tag = __WASI_EVENTTYPE_FD_WRITE;
    wanted[place].u.u.fd_write.file_descriptor = place;
  }
  int seen[3] = {0};
  OK(w_poll_oneoff(wanted, events, 3, &count));
  for (uint32_t place = 0; place < count; place += 1) {
    CHECK(events[place].error == 0 && events[place].type == __WASI_EVENTTYPE_FD_WRITE && events[place].userdata < 3);
    seen[events[place].userdata] = 1;
  }
  CHECK(seen[1] && seen[2]);
}

const struct named_case stream_cases[] = {
    {"args_get-multiple-arguments", args_get_multiple},
    {"args_sizes_get-multiple-arguments", args_sizes_multiple},
    {"args_sizes_get-no-arguments", args_sizes_none},
    {"environ_get-multiple-variables", environ_get_multiple},
    {"environ_sizes_get-multiple-variables", environ_sizes_multiple},
    {"environ_sizes_get-no-variables", environ_sizes_none},
    {"fd_write-to-invalid-fd", write_to_invalid},
    {"fd_write-to-stdout", write_to_stdout},
    {"proc_exit-failure", exit_failure},
    {"proc_exit-success", exit_success},
    {"random_get-non-zero-length", random_some},
    {"random_get-zero-length", random_none},
    {"big_random_buf", random_big},
    {"clock_getres-monotonic", resolution_monotonic},
    {"clock_getres-realtime", resolution_realtime},
    {"clock_gettime-monotonic", time_monotonic},
    {"clock_gettime-realtime", time_realtime},
    {"clock_time_get", clock_any_precision},
    {"sched_yield", yield_once},
    {"isatty", terminal},
    {"sock_shutdown-invalid_fd", shutdown_invalid},
    {"sock_shutdown-not_sock", shutdown_no_socket},
    {"poll_oneoff_stdio", poll_streams},
    {NULL, NULL},
};
