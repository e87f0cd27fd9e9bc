/* The bus is what a firmware has to write: four callbacks over its SPI driver. The protocol is the plainest: a byte that says
 * what to do, four bytes of address, data. Below the line the chip itself is simulated; on a real board that part is hardware. */
#include "chip.h"

enum { HOLD = 1, RELEASE = 2, WRITE = 3, READ = 4 };

static uint32_t spi(const uint8_t *head, size_t head_length, const uint8_t *out, uint8_t *in, size_t length);

static uint32_t command(uint8_t code, uint32_t address, const uint8_t *out, uint8_t *in, size_t length)
{
    const uint8_t head[5] = {
        code, (uint8_t)(address >> 24), (uint8_t)(address >> 16), (uint8_t)(address >> 8), (uint8_t)address,
    };
    return spi(head, code == WRITE || code == READ ? 5 : 1, out, in, length);
}

static uint32_t bus_hold(void *context) { (void)context; return command(HOLD, 0, 0, 0, 0); }

static uint32_t bus_release(void *context) { (void)context; return command(RELEASE, 0, 0, 0, 0); }

static uint32_t bus_write(void *context, uint32_t address, const uint8_t *bytes, size_t length)
{
    (void)context;
    return command(WRITE, address, bytes, 0, length);
}

static uint32_t bus_read(void *context, uint32_t address, uint8_t *bytes, size_t length)
{
    (void)context;
    return command(READ, address, 0, bytes, length);
}

const spandrel_bus chip_bus = { 0, bus_hold, bus_release, bus_write, bus_read };

/* Where this chip keeps what images hold; sections that it does not keep are checked and dropped. */
const spandrel_window chip_windows[] = {
    { "EDGES\0\0", 0x0000, 0x1000 },
    { "TABLES\0", 0x1000, 0x1000 },
    { "ACCESS\0", 0x2000, 0x1000 },
    { "BLOBS\0\0", 0x3000, 0x1000 },
    { "CONFIGS", 0x4000, 0x1000 },
    { "PROGRAM", 0x5000, 0x1000 },
    { "WEIGHTS", 0x6000, 0x2000 },
};
const size_t chip_window_count = sizeof chip_windows / sizeof chip_windows[0];

/* ------------------------------------------------------------------------------------------ the simulated chip */

static uint8_t memory[0x8000];
static int held = 1;
static uint32_t written;

static uint32_t spi(const uint8_t *head, size_t head_length, const uint8_t *out, uint8_t *in, size_t length)
{
    uint32_t address = 0;
    for (size_t i = 1; i < head_length; i++) {
        address = address << 8 | head[i];
    }
    switch (head[0]) {
    case HOLD:
        held = 1;
        return 0;
    case RELEASE:
        held = 0;
        return 0;
    case WRITE:
        /* A chip that runs must not be written: 2. Beyond its memory: 1. */
        if (!held) {
            return 2;
        }
        if (address > sizeof memory || length > sizeof memory - address) {
            return 1;
        }
        for (size_t i = 0; i < length; i++) {
            memory[address + i] = out[i];
        }
        written += (uint32_t)length;
        return 0;
    case READ:
        if (address > sizeof memory || length > sizeof memory - address) {
            return 1;
        }
        for (size_t i = 0; i < length; i++) {
            in[i] = memory[address + i];
        }
        return 0;
    default:
        return 3;
    }
}

int chip_held(void) { return held; }

uint32_t chip_written(void) { return written; }

void chip_flip(uint32_t address, uint8_t bits) { memory[address] ^= bits; }
