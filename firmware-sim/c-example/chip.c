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

/* The test port: needed only where a chip is asked for answers. On the wire these are three more commands, with the numbers of the
 * question, and codes, behind them; here the simulated chip is handed the call. */
static uint32_t core_read(const spandrel_question *question, int32_t *found);
static uint32_t sample_run(uint32_t input, const int32_t *values, size_t count);
static uint32_t sample_emitted(uint32_t index, int32_t *code, uint32_t *there);

static uint32_t port_read(void *context, const spandrel_question *question, int32_t *found)
{
    (void)context;
    return core_read(question, found);
}

static uint32_t port_run(void *context, uint32_t input, const int32_t *values, size_t count)
{
    (void)context;
    return sample_run(input, values, count);
}

static uint32_t port_emitted(void *context, uint32_t index, int32_t *code, uint32_t *there)
{
    (void)context;
    return sample_emitted(index, code, there);
}

const spandrel_port chip_port = { 0, port_read, port_run, port_emitted };

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

/* What it computes with; the library's models, in words of their own. */
static const spandrel_image *cores;
static uint64_t run_memory[SPANDREL_RUN_WORDS];
static uint32_t ram[1024];
static int32_t codes[16];
static uint32_t emitted;
static uint32_t drifting_core = SPANDREL_NONE, drifting_unit;
static int32_t drift, crossing;

static uint32_t core_read(const spandrel_question *question, int32_t *found)
{
    /* Cores that are held do not answer: 4. */
    if (held || cores == 0) {
        return 4;
    }
    uint32_t status = spandrel_image_read(cores, question, found, 0);
    if (question->core == drifting_core && question->unit == drifting_unit) {
        *found += drift;
    }
    return status;
}

static uint32_t sample_run(uint32_t input, const int32_t *values, size_t count)
{
    if (held || cores == 0) {
        return 4;
    }
    spandrel_run *run = 0;
    uint32_t status = spandrel_run_open(run_memory, SPANDREL_RUN_WORDS, cores, ram, sizeof ram / sizeof ram[0], &run, 0);
    if (status == SPANDREL_OK) {
        status = spandrel_run_feed(run, input, 0, values, count, 0);
    }
    if (status == SPANDREL_OK) {
        status = spandrel_run_start(run, 0);
    }
    spandrel_outputs outputs = { .codes = codes, .capacity = 16 };
    while (status == SPANDREL_OK || status == SPANDREL_MORE) {
        status = spandrel_run_step(run, 1000, &outputs, 0);
        if (status == SPANDREL_OK) {
            break;
        }
    }
    emitted = outputs.count;
    codes[1] += crossing;
    return status;
}

static uint32_t sample_emitted(uint32_t index, int32_t *code, uint32_t *there)
{
    if (index < emitted) {
        *code = codes[index];
    } else {
        *there = 0;
    }
    return 0;
}

void chip_cores(const spandrel_image *image) { cores = image; }

void chip_drift(uint32_t core, uint32_t unit, int32_t by)
{
    drifting_core = core;
    drifting_unit = unit;
    drift = by;
}

void chip_cross(int32_t by) { crossing = by; }
