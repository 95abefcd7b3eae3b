// Sorts whole numbers: a quicksort with its comparison in it, and the C library's with a comparison to call.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 20000 };
static int32_t numbers[COUNT];

static void fill(uint32_t seed) {
    for (int i = 0; i < COUNT; i++) numbers[i] = (int32_t)(seed = seed * 1664525u + 1013904223u);
}

static void quicksort(int32_t *from, int32_t *to) {
    while (to - from > 12) {
        int32_t pivot = from[(to - from) / 2], *low = from, *high = to - 1;
        while (low <= high) {
            while (*low < pivot) low++;
            while (*high > pivot) high--;
            if (low <= high) {
                int32_t swapped = *low;
                *low++ = *high;
                *high-- = swapped;
            }
        }
        quicksort(from, high + 1);
        from = low;
    }
    for (int32_t *at = from + 1; at < to; at++) {
        int32_t value = *at, *hole = at;
        for (; hole > from && hole[-1] > value; hole--) *hole = hole[-1];
        *hole = value;
    }
}

static int compare(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

int main(void) {
    uint32_t sum = 0;
    for (int round = 1; round <= 3; round++) {
        fill((uint32_t)round);
        quicksort(numbers, numbers + COUNT);
        for (int i = 0; i < COUNT; i += 100) sum = sum * 31 + (uint32_t)numbers[i];
    }
    fill(9);
    qsort(numbers, COUNT, sizeof *numbers, compare);
    for (int i = 0; i < COUNT; i += 100) sum = sum * 31 + (uint32_t)numbers[i];
    printf("%u\n", sum);
    return 0;
}
