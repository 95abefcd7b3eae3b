// Parses a JSON text into a tree on the heap, writes it out again and frees it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { NUL, BOOL, NUMBER, STRING, ARRAY, OBJECT } kind;
typedef struct value {
    kind kind;
    double number;
    char *text, *key;
    struct value *child, *next;
} value;

static const char *at;
static char *out;

static void space(void) {
    while (*at == ' ' || *at == '\n' || *at == '\t') at++;
}

static char *string(void) {
    const char *start = ++at;
    while (*at != '"') at += *at == '\\' ? 2 : 1;
    char *copy = malloc((size_t)(at - start) + 1), *to = copy;
    for (const char *from = start; from < at; from++) {
        if (*from == '\\') from++;
        *to++ = *from;
    }
    *to = 0;
    at++;
    return copy;
}

static double number(void) {
    double result = 0, scale = 1;
    int negative = *at == '-';
    if (negative) at++;
    while (*at >= '0' && *at <= '9') result = result * 10 + (*at++ - '0');
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9';) result += (*at++ - '0') * (scale /= 10);
    return negative ? -result : result;
}

static value *parse(void) {
    value *v = calloc(1, sizeof *v);
    space();
    if (*at == '"') v->kind = STRING, v->text = string();
    else if (*at == 't' || *at == 'f') v->kind = BOOL, v->number = *at == 't', at += *at == 't' ? 4 : 5;
    else if (*at == 'n') at += 4;
    else if (*at != '[' && *at != '{') v->kind = NUMBER, v->number = number();
    else {
        char close = *at == '[' ? ']' : '}';
        v->kind = *at++ == '[' ? ARRAY : OBJECT;
        value **tail = &v->child;
        for (space(); *at != close; space()) {
            char *key = NULL;
            if (v->kind == OBJECT) key = string(), space(), at++;
            *tail = parse();
            (*tail)->key = key;
            tail = &(*tail)->next;
            space();
            if (*at == ',') at++;
        }
        at++;
    }
    return v;
}

static void put(const char *text) {
    while (*text) *out++ = *text++;
}

static void put_string(const char *text) {
    *out++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') *out++ = '\\';
        *out++ = *text;
    }
    *out++ = '"';
}

static void write_out(const value *v) {
    switch (v->kind) {
    case NUL: put("null"); return;
    case BOOL: put(v->number ? "true" : "false"); return;
    case STRING: put_string(v->text); return;
    case NUMBER: {
        char digits[24], *d = digits + sizeof digits;
        *--d = 0;
        long whole = (long)v->number;
        if (whole < 0) *out++ = '-', whole = -whole;
        do *--d = (char)('0' + whole % 10);
        while (whole /= 10);
        put(d);
        return;
    }
    default:
        *out++ = v->kind == ARRAY ? '[' : '{';
        for (const value *child = v->child; child; child = child->next) {
            if (child->key) put_string(child->key), *out++ = ':';
            write_out(child);
            if (child->next) *out++ = ',';
        }
        *out++ = v->kind == ARRAY ? ']' : '}';
    }
}

static void release(value *v) {
    for (value *child = v->child, *next; child; child = next) next = child->next, release(child);
    free(v->text);
    free(v->key);
    free(v);
}

int main(void) {
    static char text[1 << 18], written[1 << 18];
    char *end = text;
    *end++ = '[';
    for (int i = 0; i < 900; i++)
        end += sprintf(end, "%s{\"id\": %d, \"name\": \"item \\\"%d\\\"\", \"price\": %d.5, \"tags\": [\"a\", \"bc\", \"def\"], \"ok\": %s, \"none\": null}",
                       i ? ", " : "", i, i * 7, i * 13 - 500, i % 3 ? "true" : "false");
    strcpy(end, "]");
    unsigned sum = 0;
    for (int round = 0; round < 8; round++) {
        at = text;
        out = written;
        value *v = parse();
        write_out(v);
        *out = 0;
        for (char *c = written; *c; c++) sum = sum * 31 + (unsigned char)*c;
        release(v);
    }
    printf("%u\n", sum);
    return 0;
}
