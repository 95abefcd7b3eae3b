// Whole numbers in a loop with a choice in every round.
#include <stdint.h>
#include <stdio.h>

int main(void) {
    uint32_t longest = 0, best = 0;
    for (uint32_t start = 1; start < 60000; start++) {
        uint32_t steps = 0;
        for (uint64_t n = start; n != 1; steps++) n = n & 1 ? 3 * n + 1 : n / 2;
        if (steps > longest) longest = steps, best = start;
    }
    printf("%u %u\n", best, longest);
    return 0;
}
