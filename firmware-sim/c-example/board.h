/* What this example needs of a board: a way to say something, and an end. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

void say(const char *text);
void say_number(int64_t number);
void say_hex(const uint8_t *bytes, uint32_t count);
/* Ends the program: 0 passed, 1 failed. */
__attribute__((noreturn)) void end(uint32_t code);

#endif
