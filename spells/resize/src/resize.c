/*
 * resize: a PNG or JPEG on stdin, a PNG on stdout that fits a square box.
 *
 * The box is read from /resources/size.txt and is 320 pixels when that file is absent. The picture keeps its aspect
 * ratio and is never enlarged. The work is done in horizontal strips, and a line goes to stderr after each of them.
 *
 * Exit codes: 0 done, 1 something outside the picture went wrong, 2 the picture cannot be used.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_NO_STDIO
#define STBI_NO_SIMD
#define STBI_NO_THREAD_LOCALS
#define STBI_MAX_DIMENSIONS 8192
#include <stb_image.h>

#define STB_IMAGE_RESIZE_IMPLEMENTATION
#define STB_IMAGE_RESIZE_STATIC
#include <stb_image_resize.h>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#include <stb_image_write.h>

enum { EXIT_OTHER = 1, EXIT_BAD_PICTURE = 2 };
enum { DEFAULT_BOX = 320, MAX_BOX = 4096 };
enum { STRIPS = 10 };

/* Decoding needs memory for every pixel: this many fit the 64 MB of the manifest, with 8 bits a channel. */
enum { MAX_PIXELS = 3000000 };
enum { MAX_INPUT_BYTES = 16 << 20 };

static const char SIZE_FILE[] = "/resources/size.txt";

typedef struct {
    unsigned char *bytes;
    size_t length;
} Buffer;

typedef struct {
    unsigned char *pixels;
    int width, height, channels;
} Picture;

static void fail(int code, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

static void fail(int code, const char *format, ...)
{
    char message[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fprintf(stderr, "resize: %s\n", message);
    exit(code);
}

static int read_box(void)
{
    FILE *file = fopen(SIZE_FILE, "r");
    if (file == NULL) {
        if (errno == ENOENT || errno == EBADF || errno == ENOTCAPABLE) return DEFAULT_BOX;
        fail(EXIT_OTHER, "%s: %s", SIZE_FILE, strerror(errno));
    }
    char text[32];
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';

    char *end;
    long box = strtol(text, &end, 10);
    end += strspn(end, " \t\r\n");
    if (end == text || *end != '\0' || box < 1 || box > MAX_BOX)
        fail(EXIT_OTHER, "%s must hold one number from 1 to %d", SIZE_FILE, MAX_BOX);
    return (int)box;
}

static Buffer read_input(void)
{
    Buffer input = { NULL, 0 };
    size_t capacity = 0;
    for (;;) {
        if (input.length == capacity) {
            capacity = capacity ? capacity * 2 : 256 << 10;
            if (capacity > MAX_INPUT_BYTES) fail(EXIT_BAD_PICTURE, "the input is larger than %d bytes", MAX_INPUT_BYTES);
            input.bytes = realloc(input.bytes, capacity);
            if (input.bytes == NULL) fail(EXIT_OTHER, "out of memory");
        }
        ssize_t got = read(STDIN_FILENO, input.bytes + input.length, capacity - input.length);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail(EXIT_OTHER, "stdin: %s", strerror(errno));
        if (got == 0) return input;
        input.length += (size_t)got;
    }
}

static Picture decode(Buffer input)
{
    Picture picture = { 0 };
    int length = (int)input.length;

    if (!stbi_info_from_memory(input.bytes, length, &picture.width, &picture.height, &picture.channels))
        fail(EXIT_BAD_PICTURE, "not a PNG or JPEG that can be read: %s", stbi_failure_reason());
    fprintf(stderr, "decoding %dx%d\n", picture.width, picture.height);
    if ((long long)picture.width * picture.height > MAX_PIXELS)
        fail(EXIT_BAD_PICTURE, "%dx%d is more than %d pixels", picture.width, picture.height, MAX_PIXELS);

    picture.pixels = stbi_load_from_memory(input.bytes, length, &picture.width, &picture.height, &picture.channels, 0);
    if (picture.pixels == NULL) fail(EXIT_BAD_PICTURE, "the picture cannot be decoded: %s", stbi_failure_reason());
    return picture;
}

static int scaled(int side, int longest, int box)
{
    int result = (int)(((long long)side * box + longest / 2) / longest);
    return result < 1 ? 1 : result;
}

/* Each strip is the same filter over its own part of the source, so the seams cannot be seen. */
static void resize_strip(const Picture *source, const Picture *target, int top, int bottom)
{
    int has_alpha = source->channels == 2 || source->channels == 4;
    size_t stride = (size_t)target->width * target->channels;

    int ok = stbir_resize_region(
        source->pixels, source->width, source->height, 0,
        target->pixels + stride * top, target->width, bottom - top, (int)stride, STBIR_TYPE_UINT8,
        source->channels, has_alpha ? source->channels - 1 : STBIR_ALPHA_CHANNEL_NONE, 0,
        STBIR_EDGE_CLAMP, STBIR_EDGE_CLAMP, STBIR_FILTER_MITCHELL, STBIR_FILTER_MITCHELL, STBIR_COLORSPACE_SRGB, NULL,
        0.0f, (float)top / (float)target->height, 1.0f, (float)bottom / (float)target->height);
    if (!ok) fail(EXIT_OTHER, "out of memory");
}

static Picture shrink(Picture source, int box)
{
    int longest = source.width > source.height ? source.width : source.height;
    if (longest <= box) {
        fputs("resizing 100 %, it fits already\n", stderr);
        return source;
    }

    Picture target = { NULL, scaled(source.width, longest, box), scaled(source.height, longest, box), source.channels };
    target.pixels = malloc((size_t)target.width * target.height * target.channels);
    if (target.pixels == NULL) fail(EXIT_OTHER, "out of memory");

    for (int strip = 0; strip < STRIPS; strip++) {
        int top = target.height * strip / STRIPS, bottom = target.height * (strip + 1) / STRIPS;
        if (top < bottom) resize_strip(&source, &target, top, bottom);
        fprintf(stderr, "resizing %d %%\n", (strip + 1) * 100 / STRIPS);
    }
    return target;
}

static void write_output(void *context, void *data, int size)
{
    long *written = context;
    const char *bytes = data;
    for (int done = 0; done < size;) {
        ssize_t put = write(STDOUT_FILENO, bytes + done, (size_t)(size - done));
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) fail(EXIT_OTHER, "stdout: %s", strerror(errno));
        done += (int)put;
    }
    *written += size;
}

int main(void)
{
    /* Watchers read stderr live: every line leaves in one write, at once. */
    static char line[256];
    setvbuf(stderr, line, _IOLBF, sizeof line);

    int box = read_box();
    Buffer input = read_input();
    Picture picture = decode(input);
    free(input.bytes);

    Picture result = shrink(picture, box);

    fputs("encoding\n", stderr);
    long written = 0;
    int stride = result.width * result.channels;
    if (!stbi_write_png_to_func(write_output, &written, result.width, result.height, result.channels, result.pixels, stride))
        fail(EXIT_OTHER, "out of memory");
    fprintf(stderr, "done %dx%d, %ld bytes\n", result.width, result.height, written);
    return 0;
}
