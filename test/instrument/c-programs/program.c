#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
typedef unsigned (*Step)(unsigned);
static unsigned half(unsigned x) { return x / 2; }
static unsigned more(unsigned x) { return 3 * x + 1; }
static volatile Step steps[2] = {half, more};
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(void) {
  int *values = malloc(5000 * sizeof *values);
  for (int i = 0; i < 5000; i++) values[i] = (i * 7919) % 5003;
  qsort(values, 5000, sizeof *values, compare);
  unsigned x = 27, rounds = 0;
  while (x != 1) { x = steps[x & 1](x); rounds++; }
  char *text = calloc(1, 1 << 20);
  memset(text, 'a', 1000);
  memmove(text + 10, text, 900);
  double sum = 0;
  for (int i = 1; i < 1000; i++) sum += sin(i) / sqrt(i);
  printf("%d %u %zu %.6f\n", values[4999], rounds, strlen(text), sum);
  switch (rounds % 5) { case 0: return 3; case 1: return 4; case 2: return 5; default: return 6; }
}
