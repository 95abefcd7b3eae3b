// The four kinds of work of EEMBC's CoreMark, written anew: linked lists, matrices, a state machine and CRC-16.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ITEMS = 200, SIZE = 30, ROUNDS = 50 };

typedef struct item {
    struct item *next;
    int16_t value, index;
} item;

static uint16_t crc16(uint16_t crc, uint16_t data) {
    for (int bit = 0; bit < 16; bit++) {
        uint16_t carry = (uint16_t)((data ^ crc) & 1);
        data >>= 1;
        crc >>= 1;
        if (carry) crc ^= 0xa001;
    }
    return crc;
}

static int by_value(const item *a, const item *b) { return a->value - b->value; }
static int by_index(const item *a, const item *b) { return a->index - b->index; }

static item *merge_sort(item *list, int (*compare)(const item *, const item *)) {
    if (!list || !list->next) return list;
    item *slow = list, *fast = list->next;
    while (fast && fast->next) slow = slow->next, fast = fast->next->next;
    item *other = slow->next;
    slow->next = NULL;
    list = merge_sort(list, compare);
    other = merge_sort(other, compare);
    item head, *tail = &head;
    while (list && other) {
        item **from = compare(list, other) <= 0 ? &list : &other;
        tail->next = *from;
        tail = *from;
        *from = tail->next;
    }
    tail->next = list ? list : other;
    return head.next;
}

static item *reverse(item *list) {
    item *done = NULL;
    while (list) {
        item *next = list->next;
        list->next = done;
        done = list;
        list = next;
    }
    return done;
}

static uint16_t lists(item *items, uint16_t crc, int seed) {
    for (int i = 0; i < ITEMS; i++) {
        items[i].value = (int16_t)((i * 7919 + seed) & 0x7ff);
        items[i].index = (int16_t)i;
        items[i].next = i + 1 < ITEMS ? &items[i + 1] : NULL;
    }
    item *list = merge_sort(items, by_value);
    for (int wanted = 0; wanted < 64; wanted++) {
        for (item *at = list; at; at = at->next)
            if ((at->value & 0x3f) == wanted) {
                crc = crc16(crc, (uint16_t)at->index);
                break;
            }
        list = reverse(list);
    }
    list = merge_sort(list, by_index);
    for (item *at = list; at; at = at->next) crc = crc16(crc, (uint16_t)at->value);
    return crc;
}

static uint16_t matrices(int32_t *product, int16_t *a, int16_t *b, uint16_t crc, int seed) {
    for (int i = 0; i < SIZE * SIZE; i++) {
        a[i] = (int16_t)((i * seed) % 251);
        b[i] = (int16_t)((i + seed) % 127);
    }
    for (int row = 0; row < SIZE; row++)
        for (int column = 0; column < SIZE; column++) {
            int32_t sum = 0;
            for (int k = 0; k < SIZE; k++) {
                int32_t one = a[row * SIZE + k] * b[k * SIZE + column];
                sum += ((one >> 2) & 0x0f) * ((one >> 5) & 0x7f);
            }
            product[row * SIZE + column] = sum;
        }
    for (int i = 0; i < SIZE * SIZE; i++) crc = crc16(crc, (uint16_t)product[i]);
    return crc;
}

enum state { START, SIGN, DIGITS, FRACTION, EXPONENT, SCIENTIFIC, INVALID, STATES };

static enum state next_number(const char **text, int *transitions) {
    enum state state = START;
    const char *at = *text;
    for (; *at && state != INVALID; at++) {
        char c = *at;
        if (c == ',') {
            at++;
            break;
        }
        int digit = c >= '0' && c <= '9';
        enum state before = state;
        switch (state) {
        case START: state = digit ? DIGITS : c == '+' || c == '-' ? SIGN : c == '.' ? FRACTION : INVALID; break;
        case SIGN: state = digit ? DIGITS : c == '.' ? FRACTION : INVALID; break;
        case DIGITS: state = digit ? DIGITS : c == '.' ? FRACTION : INVALID; break;
        case FRACTION: state = digit ? FRACTION : c == 'e' || c == 'E' ? EXPONENT : INVALID; break;
        case EXPONENT: state = c == '+' || c == '-' ? SCIENTIFIC : INVALID; break;
        case SCIENTIFIC: state = digit ? SCIENTIFIC : INVALID; break;
        default: break;
        }
        if (state != before) transitions[before]++;
    }
    *text = at;
    return state;
}

static uint16_t states(uint16_t crc) {
    static const char TEXT[] = "5012,1234,-874,+122,35.54400,.1234500,-110.700,+0.64400,5.500e+3,-.123e-2,-87e+832,"
                               "+0.6e-12,T0.3e-1F,-T.T++Tq,1T3.4e4z,34.0e-T^";
    int ends[STATES] = {0}, transitions[STATES] = {0};
    for (int round = 0; round < 4; round++)
        for (const char *at = TEXT; *at;) ends[next_number(&at, transitions)]++;
    for (int i = 0; i < STATES; i++) crc = crc16(crc16(crc, (uint16_t)ends[i]), (uint16_t)transitions[i]);
    return crc;
}

int main(void) {
    static item items[ITEMS];
    static int32_t product[SIZE * SIZE];
    static int16_t a[SIZE * SIZE], b[SIZE * SIZE];
    uint16_t crc = 0;
    for (int round = 0; round < ROUNDS; round++) {
        crc = lists(items, crc, round);
        crc = matrices(product, a, b, crc, round + 1);
        crc = states(crc);
    }
    printf("%04x\n", crc);
    return 0;
}
