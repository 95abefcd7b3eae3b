// Floating point in a loop that ends at another time for every point.
#include <stdio.h>

int main(void) {
    long inside = 0;
    for (int y = 0; y < 80; y++)
        for (int x = 0; x < 320; x++) {
            double cr = x / 120.0 - 2, ci = y / 40.0 - 1, zr = 0, zi = 0;
            int n = 0;
            for (; n < 300 && zr * zr + zi * zi < 4; n++) {
                double next = zr * zr - zi * zi + cr;
                zi = 2 * zr * zi + ci;
                zr = next;
            }
            inside += n;
        }
    printf("%ld\n", inside);
    return 0;
}
