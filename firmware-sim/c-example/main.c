/* An image in flash and a chip on SPI: load, verify, infer; and see what is refused, and which fault is found by what.
 *
 * images.h holds arrays `good_image`, `damaged_image`, `unsigned_image` and `old_image`, the public key `pinned_key`, and two
 * samples. The simulated chip's cores are the library's models of them.
 *
 * Every line that starts with a word and a blank is for programs: see the test firmware-sim/capi/tests/example.rs. */
#include "board.h"
#include "chip.h"
#include "images.h"
#include "spandrel.h"

/* All memory the library gets. The compiler's type aligns it. */
static uint64_t image_memory[SPANDREL_IMAGE_WORDS];
static uint64_t loader_memory[SPANDREL_LOADER_WORDS];
static uint64_t run_memory[SPANDREL_RUN_WORDS];
static uint64_t answers_memory[SPANDREL_ANSWERS_WORDS];
static uint64_t readback_memory[SPANDREL_READBACK_WORDS];
static uint64_t cores_memory[SPANDREL_CORES_WORDS];
static uint64_t network_memory[SPANDREL_NETWORK_WORDS];
static uint64_t self_test_memory[SPANDREL_SELF_TEST_WORDS];
static uint32_t ram[1024];

static spandrel_error error;

static void report(const char *what, uint32_t status)
{
    say(what);
    say(" ");
    say_number(status);
    if (status != SPANDREL_OK) {
        say(" ");
        say(error.rule);
        say("\n  section ");
        say(error.section);
        say(", expected ");
        say_number(error.expected);
        say(", found ");
        say_number(error.found);
        say("; ");
        char way_out[160];
        size_t i = 0;
        for (; i < error.way_out_length && i + 1 < sizeof way_out; i++) {
            way_out[i] = error.way_out[i];
        }
        way_out[i] = 0;
        say(way_out);
    }
    say("\n");
}

/* Loads an image in pieces, as they would come over a wire. */
static uint32_t load(const char *name, const uint8_t *bytes, size_t length)
{
    const spandrel_policy policy = { .key = pinned_key, .rollback = 5, .room = 1 << 20 };
    spandrel_loader *loader = 0;
    uint32_t status = spandrel_loader_open(loader_memory, SPANDREL_LOADER_WORDS, &policy, &chip_bus, chip_windows,
                                           chip_window_count, &loader, &error);
    for (size_t at = 0; (status == SPANDREL_OK || status == SPANDREL_MORE) && at < length;) {
        size_t piece = length - at < 64 ? length - at : 64;
        status = spandrel_loader_push(loader, bytes + at, piece, &error);
        at += piece;
        if (status == SPANDREL_OK) {
            break;
        }
    }
    say("load ");
    report(name, status);
    say(chip_held() ? "chip held\n" : "chip running\n");
    return status;
}

/* Compares the chip's configuration with the image: 256 bytes a slice. */
static uint32_t read_back(const spandrel_image *image)
{
    spandrel_readback *check = 0;
    uint32_t status = spandrel_readback_open(readback_memory, SPANDREL_READBACK_WORDS, image, &chip_bus, chip_windows,
                                             chip_window_count, 0, 0, &check, &error);
    if (status == SPANDREL_OK) {
        do {
            status = spandrel_readback_step(check, 256, &error);
        } while (status == SPANDREL_MORE);
    }
    report("read-back", status);
    return status;
}

/* What was asked of the chip and found: nothing was if `compared` is 0, whatever the status. */
static uint32_t told(const char *what, uint32_t status, uint64_t compared)
{
    report(what, status);
    if (status == SPANDREL_OK) {
        say("compared ");
        say_number((int64_t)compared);
        say("\n");
        return compared == 0 ? SPANDREL_WRONG : SPANDREL_OK;
    }
    say("named vector ");
    say_number((int32_t)error.vector);
    say(" core ");
    say_number((int32_t)error.core);
    say(" unit ");
    say_number((int32_t)error.unit);
    say(" seat ");
    say_number((int32_t)error.seat);
    say("\n");
    return status;
}

/* Asks each core of the chip for its answers, four a slice. */
static uint32_t ask_cores(const spandrel_image *image)
{
    spandrel_cores *check = 0;
    uint64_t compared = 0;
    uint32_t status = spandrel_cores_open(cores_memory, SPANDREL_CORES_WORDS, image, &chip_port, ram,
                                          sizeof ram / sizeof ram[0], &check, &error);
    if (status == SPANDREL_OK) {
        do {
            status = spandrel_cores_step(check, 4, &compared, &error);
        } while (status == SPANDREL_MORE);
    }
    return told("cores", status, compared);
}

/* Runs the samples of the known answers on the chip. */
static uint32_t ask_network(const spandrel_image *image)
{
    spandrel_network *check = 0;
    uint64_t compared = 0;
    uint32_t status = spandrel_network_open(network_memory, SPANDREL_NETWORK_WORDS, image, &chip_port, ram,
                                            sizeof ram / sizeof ram[0], &check, &error);
    if (status == SPANDREL_OK) {
        do {
            status = spandrel_network_step(check, 4, &compared, &error);
        } while (status == SPANDREL_MORE);
    }
    return told("network", status, compared);
}

/* All of it in order, while the chip is in use: nothing is written. */
static uint32_t self_test(const spandrel_image *image)
{
    spandrel_self_test *test = 0;
    uint64_t compared = 0;
    uint32_t status = spandrel_self_test_open(self_test_memory, SPANDREL_SELF_TEST_WORDS, image, &chip_bus, chip_windows,
                                              chip_window_count, &chip_port, ram, sizeof ram / sizeof ram[0], 0, 0, 0,
                                              &test, &error);
    if (status == SPANDREL_OK) {
        do {
            status = spandrel_self_test_step(test, 64, &compared, &error);
        } while (status == SPANDREL_MORE);
    }
    return told("self-test", status, compared);
}

static uint32_t known_answers(const spandrel_image *image)
{
    spandrel_answers *check = 0;
    uint32_t status = spandrel_answers_open(answers_memory, SPANDREL_ANSWERS_WORDS, image, ram,
                                            sizeof ram / sizeof ram[0], &check, &error);
    uint32_t slices = 0;
    if (status == SPANDREL_OK) {
        do {
            status = spandrel_answers_step(check, 20, &error);
            slices++;
        } while (status == SPANDREL_MORE);
    }
    report("known-answers", status);
    say("slices ");
    say_number(slices);
    say("\n");
    return status;
}

static uint32_t infer(const spandrel_image *image, const uint8_t *sample, size_t length)
{
    spandrel_run *run = 0;
    uint32_t status = spandrel_run_open(run_memory, SPANDREL_RUN_WORDS, image, ram, sizeof ram / sizeof ram[0], &run, &error);
    if (status == SPANDREL_OK) {
        status = spandrel_run_feed_bytes(run, 0, 0, sample, length, &error);
    }
    if (status == SPANDREL_OK) {
        status = spandrel_run_start(run, &error);
    }
    int32_t codes[16];
    spandrel_outputs outputs = { .codes = codes, .capacity = 16 };
    if (status == SPANDREL_OK) {
        do {
            status = spandrel_run_step(run, 20, &outputs, &error);
        } while (status == SPANDREL_MORE);
    }
    if (status != SPANDREL_OK) {
        report("inference", status);
        return status;
    }
    uint32_t class = 0;
    uint8_t state[32], output[32];
    status = spandrel_image_class(image, 0, codes, outputs.count, &class) | spandrel_run_state_digest(run, state) |
             spandrel_run_output_digest(run, output);
    say("sample class ");
    say_number(class);
    say(" codes");
    for (uint32_t i = 0; i < outputs.count; i++) {
        say(" ");
        say_number(codes[i]);
    }
    say("\nstate ");
    say_hex(state, 32);
    say("\noutput ");
    say_hex(output, 32);
    say("\n");
    return status;
}

int main(void)
{
    spandrel_image *image = 0;
    uint32_t status =
        spandrel_image_open(image_memory, SPANDREL_IMAGE_WORDS, good_image, sizeof good_image, &image, &error);
    report("image", status);
    if (status != SPANDREL_OK) {
        return 1;
    }
    int good = 1;
    /* None of these may reach the chip's cores. The damage lies behind what is written; the other two are refused before. */
    good &= load("damaged", damaged_image, sizeof damaged_image) == SPANDREL_BAD_IMAGE && chip_held();
    uint32_t before = chip_written();
    good &= load("unsigned", unsigned_image, sizeof unsigned_image) == SPANDREL_REFUSED && chip_held();
    good &= load("rolled-back", old_image, sizeof old_image) == SPANDREL_REFUSED && chip_held();
    good &= chip_written() == before;

    good &= load("good", good_image, sizeof good_image) == SPANDREL_OK && !chip_held();
    good &= read_back(image) == SPANDREL_OK;
    good &= known_answers(image) == SPANDREL_OK;
    good &= infer(image, sample_0, sizeof sample_0) == SPANDREL_OK;
    good &= infer(image, sample_1, sizeof sample_1) == SPANDREL_OK;

    chip_cores(image);
    good &= ask_cores(image) == SPANDREL_OK && ask_network(image) == SPANDREL_OK && self_test(image) == SPANDREL_OK;
    /* A column drifts: the configuration is still right, and only the answers tell. */
    chip_drift(1, 2, 1);
    good &= read_back(image) == SPANDREL_OK;
    good &= ask_cores(image) == SPANDREL_WRONG && error.core == 1 && error.unit == 2;
    good &= self_test(image) == SPANDREL_WRONG && error.seat == SPANDREL_COMPUTATION;
    chip_drift(SPANDREL_NONE, 0, 0);
    /* What joins cores is broken: each of them is right, and samples are not. */
    chip_cross(1);
    good &= ask_cores(image) == SPANDREL_OK;
    good &= ask_network(image) == SPANDREL_WRONG && error.unit == 1;
    chip_cross(0);

    /* Configuration memory fades: it is seen, named, and mended by loading again. */
    chip_flip(0x6003, 0x10);
    good &= read_back(image) == SPANDREL_DIFFERS;
    good &= self_test(image) == SPANDREL_DIFFERS && error.seat == SPANDREL_CONFIGURATION;
    good &= load("again", good_image, sizeof good_image) == SPANDREL_OK && read_back(image) == SPANDREL_OK;

    say(good ? "verdict passed\n" : "verdict failed\n");
    return good ? 0 : 1;
}
