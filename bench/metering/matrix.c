// Multiplies matrices of doubles: three nested loops.
#include <stdio.h>

enum { SIZE = 128, ROUNDS = 4 };
static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

int main(void) {
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) a[i][j] = i - j, b[i][j] = i + j;
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) {
                double sum = round;
                for (int k = 0; k < SIZE; k++) sum += a[i][k] * b[k][j];
                c[i][j] += sum;
            }
    double trace = 0;
    for (int i = 0; i < SIZE; i++) trace += c[i][i];
    printf("%.0f\n", trace);
    return 0;
}
