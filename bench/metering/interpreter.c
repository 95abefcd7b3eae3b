// An interpreter of bytecode: one loop around one switch.
#include <stdint.h>
#include <stdio.h>

enum { PUSH, LOAD, STORE, ADD, SUB, MUL, MOD, LESS, JUMP, JUMP_IF_NOT, CALL, RETURN, PRINT, HALT };

// Counts the primes below 6000 by trial division; the division is a routine of its own.
static const int32_t CODE[] = {
    /*  0 */ PUSH, 2, STORE, 0, PUSH, 0, STORE, 1,
    /*  8 */ LOAD, 0, PUSH, 6000, LESS, JUMP_IF_NOT, 54,
    /* 15 */ PUSH, 2, STORE, 2,
    /* 19 */ LOAD, 2, LOAD, 2, MUL, LOAD, 0, PUSH, 1, ADD, LESS, JUMP_IF_NOT, 41,
    /* 32 */ CALL, 58, JUMP_IF_NOT, 48, LOAD, 2, JUMP, 68, HALT,
    /* 41 */ LOAD, 1, PUSH, 1, ADD, STORE, 1,
    /* 48 */ JUMP, 75, HALT, HALT, HALT, HALT,
    /* 54 */ LOAD, 1, PRINT, HALT,
    /* 58 */ LOAD, 0, LOAD, 2, MOD, RETURN, HALT, HALT, HALT, HALT,
    /* 68 */ PUSH, 1, ADD, STORE, 2, JUMP, 19,
    /* 75 */ LOAD, 0, PUSH, 1, ADD, STORE, 0, JUMP, 8,
};

static int32_t run(const int32_t *code) {
    int32_t stack[64], locals[8] = {0}, calls[16], *top = stack, *call = calls;
    for (const int32_t *at = code;;) {
        switch (*at++) {
        case PUSH: *top++ = *at++; break;
        case LOAD: *top++ = locals[*at++]; break;
        case STORE: locals[*at++] = *--top; break;
        case ADD: top--; top[-1] += *top; break;
        case SUB: top--; top[-1] -= *top; break;
        case MUL: top--; top[-1] *= *top; break;
        case MOD: top--; top[-1] %= *top; break;
        case LESS: top--; top[-1] = top[-1] < *top; break;
        case JUMP: at = code + *at; break;
        case JUMP_IF_NOT: at = *--top ? at + 1 : code + *at; break;
        case CALL: *call++ = (int32_t)(at + 1 - code); at = code + *at; break;
        case RETURN: at = code + *--call; break;
        case PRINT: return *--top;
        default: return -1;
        }
    }
}

int main(void) {
    int32_t primes = 0;
    for (int round = 0; round < 3; round++) primes += run(CODE);
    printf("%d\n", primes);
    return 0;
}
