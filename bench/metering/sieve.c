// The sieve of Eratosthenes: the shortest loops there are.
#include <stdio.h>
#include <string.h>

enum { SIZE = 1 << 18, ROUNDS = 10 };
static unsigned char composite[SIZE];

int main(void) {
    int primes = 0;
    for (int round = 0; round < ROUNDS; round++) {
        memset(composite, 0, sizeof composite);
        primes = 0;
        for (int i = 2; i < SIZE; i++) {
            if (composite[i]) continue;
            primes++;
            for (int j = 2 * i; j < SIZE; j += i) composite[j] = 1;
        }
    }
    printf("%d\n", primes);
    return 0;
}
