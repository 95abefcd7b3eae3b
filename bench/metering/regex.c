// A backtracking matcher of regular expressions, one call for every step.
#include <stdio.h>
#include <string.h>

static int match_here(const char *pattern, const char *text);

static int single(const char *pattern, const char *text) {
    return *text && (*pattern == '.' || *pattern == *text);
}

static int match_star(const char *pattern, const char *text) {
    const char *at = text;
    while (single(pattern, at)) at++;
    for (; at >= text; at--)
        if (match_here(pattern + 2, at)) return 1;
    return 0;
}

static int match_here(const char *pattern, const char *text) {
    if (!*pattern) return 1;
    if (*pattern == '$' && !pattern[1]) return !*text;
    if (pattern[1] == '*') return match_star(pattern, text);
    if (pattern[1] == '?') return (single(pattern, text) && match_here(pattern + 2, text + 1)) || match_here(pattern + 2, text);
    return single(pattern, text) && match_here(pattern + 1, text + 1);
}

static int match(const char *pattern, const char *text) {
    if (*pattern == '^') return match_here(pattern + 1, text);
    do
        if (match_here(pattern, text)) return 1;
    while (*text++);
    return 0;
}

int main(void) {
    static const char *PATTERNS[] = {"^.*fox.*dog$", "a*a*b?c", "q.*k.*z", "the .*the", "^x", "o.*o.*o.*o.*x", "la?z?y d"};
    static char text[400];
    for (int i = 0; i < 6; i++) strcat(text, "the quick brown fox jumps over the lazy dog, ");
    strcat(text, "dog");
    int found = 0;
    for (int round = 0; round < 900; round++)
        for (unsigned i = 0; i < sizeof PATTERNS / sizeof *PATTERNS; i++) found += match(PATTERNS[i], text + round % 40);
    printf("%d\n", found);
    return 0;
}
