/* spandrel.h: images of neuromorphic chips and crossbars on the board, from C.
 *
 * Made by cbindgen from firmware-sim/capi/src: change it there. docs/firmware.md is the guide.
 *
 * Rules of every function:
 * - it returns a status: SPANDREL_OK, SPANDREL_MORE (call it again), or why it did nothing or stopped;
 * - it allocates nothing, keeps nothing static, and blocks on nothing but the callbacks of the bus;
 * - an object lies in memory that you lend as uint64_t words; it needs no closing, and must not be moved or copied;
 * - what an object was opened with (image bytes, words, windows, names, the image object) must stay as it is while the
 *   object is in use;
 * - an object may be used by one thread or interrupt level at a time; a callback that comes back to the object that called it
 *   gets SPANDREL_BUSY;
 * - `error` may be NULL. Otherwise it is filled in whenever the status is neither SPANDREL_OK nor SPANDREL_MORE.
 */


#ifndef SPANDREL_H
#define SPANDREL_H

#include <stddef.h>
#include <stdint.h>

// Done.
#define SPANDREL_OK 0

// Not done yet: call again, with more bytes where bytes are wanted.
#define SPANDREL_MORE 1

// A pointer is NULL or not aligned, or a callback is missing.
#define SPANDREL_BAD_POINTER 16

// Too few words were lent; `error.expected` has the number needed where an error is passed.
#define SPANDREL_TOO_SMALL 17

// No object of that kind lies there.
#define SPANDREL_BAD_OBJECT 18

// The object is in use by the call that called back, or a sample is under way.
#define SPANDREL_BUSY 19

// There is no such input, output or index, or a value is out of range.
#define SPANDREL_OUT_OF_RANGE 20

// The bytes break a rule of the format: damaged on the way, or written by another version.
#define SPANDREL_BAD_IMAGE 32

// The image is whole, and the policy does not take it: `error.rule` says why (`unsigned`, `rolled-back`, ...).
#define SPANDREL_REFUSED 33

// A callback of the bus, the port or the flash failed; `error.found` has what it returned.
#define SPANDREL_BUS 34

// The chip has no room for a section.
#define SPANDREL_NO_ROOM 35

// Loading has stopped before: open the loader anew.
#define SPANDREL_STOPPED 36

// A sample does not fit: too long, too short, or a value outside the raw type.
#define SPANDREL_BAD_SAMPLE 48

// The machine has stopped: image or lent words were changed underneath.
#define SPANDREL_FAULT 49

// A value, of the models or of a chip that was asked, is not the known answer.
#define SPANDREL_WRONG 64

// A byte of the chip's configuration is not the image's.
#define SPANDREL_DIFFERS 65

// A number in an error that does not apply.
#define SPANDREL_NONE UINT32_MAX

// The fault is on the way to the chip or back: what was written or read again is right.
#define SPANDREL_TRANSFER 1

// The fault is in the chip's configuration memory: it does not hold what was written, or no longer.
#define SPANDREL_CONFIGURATION 2

// The configuration is right, and the chip computes something else.
#define SPANDREL_COMPUTATION 3

// Words of 64 bits that an image object needs at most.
#define SPANDREL_IMAGE_WORDS 96

// Words of 64 bits that a machine needs at most, beside the image's own words.
#define SPANDREL_RUN_WORDS 120

// Words of 64 bits that a loader needs at most.
#define SPANDREL_LOADER_WORDS 120

// Words of 64 bits that a check of known answers needs at most.
#define SPANDREL_ANSWERS_WORDS 24

// Words of 64 bits that reading back needs at most.
#define SPANDREL_READBACK_WORDS 24

// Words of 64 bits that a check of cores needs at most.
#define SPANDREL_CORES_WORDS 24

// Words of 64 bits that a check of the network needs at most.
#define SPANDREL_NETWORK_WORDS 24

// Words of 64 bits that a self-test needs at most.
#define SPANDREL_SELF_TEST_WORDS 40

// Bytes in which flash is read and written: addresses and lengths are multiples of it.
#define SPANDREL_FLASH_UNIT 32

// Bytes in which flash is erased: both ends are multiples of it.
#define SPANDREL_FLASH_BLOCK 4096

// Words of 64 bits that an update needs at most.
#define SPANDREL_UPDATE_WORDS 136

// A check of known answers.
typedef struct spandrel_answers spandrel_answers;

// A check of a chip's cores, one at a time.
typedef struct spandrel_cores spandrel_cores;

// An image that was checked.
typedef struct spandrel_image spandrel_image;

// A loader. The chip is held before the first write and released after the last check: a half-configured chip never runs.
typedef struct spandrel_loader spandrel_loader;

// A check of what a chip's cores give together.
typedef struct spandrel_network spandrel_network;

// A check that reads configuration back.
typedef struct spandrel_readback spandrel_readback;

// A machine that runs an image.
typedef struct spandrel_run spandrel_run;

// A self-test.
typedef struct spandrel_self_test spandrel_self_test;

// An update under way of the slot that is not in use. Whatever happens to it, the slot in use stays until the update is complete.
typedef struct spandrel_update spandrel_update;

// Why, where, and what to do. Only the library writes it.
typedef struct spandrel_error {
  // The status that was returned.
  uint32_t status;
  // The rule, a stable name such as `section-checksum`; ends with NUL.
  char rule[32];
  // The image's section, empty if it is about none; ends with NUL.
  char section[12];
  // The field of the record, or what is too large; ends with NUL.
  char field[32];
  // The record of the section, or the instruction.
  uint32_t record;
  // The vector of known answers.
  uint32_t vector;
  // The configuration.
  uint32_t config;
  // The physical core that holds it.
  uint32_t core;
  // The column, or the number of the emitted signal.
  uint32_t unit;
  // Where the fault is, as the self-test judges: SPANDREL_TRANSFER, SPANDREL_CONFIGURATION or SPANDREL_COMPUTATION.
  uint32_t seat;
  // Where in the section, in bytes.
  uint64_t offset;
  // What should be there.
  int64_t expected;
  // What is there.
  int64_t found;
  // What to do about it: `way_out_length` bytes that do not end with NUL (print them with `%.*s`).
  const char *way_out;
  // Bytes of `way_out`.
  size_t way_out_length;
} spandrel_error;

// What a board accepts. All zero, with `room` set, accepts any image that is no longer.
typedef struct spandrel_policy {
  // Name of the chip, at most 24 bytes and NUL; NULL: any chip, and the next six are not looked at.
  const char *chip;
  // The least revision that images may be compiled for.
  uint32_t revision_least;
  // The last one.
  uint32_t revision_most;
  // Kind of core: 1 crossbar, 2 digital, 3 spiking.
  uint32_t kind;
  // Inputs of a core.
  uint32_t rows;
  // Outputs of a core.
  uint32_t columns;
  // Cores.
  uint32_t cores;
  // The pinned Ed25519 public key, 32 bytes; NULL: none, and signature and counter are not looked at.
  const uint8_t *key;
  // The least rollback counter: that of the image in use.
  uint32_t rollback;
  // The longest image in bytes.
  uint64_t room;
} spandrel_policy;

// What an image says of itself.
typedef struct spandrel_facts {
  // Length in bytes.
  uint64_t bytes;
  // Work units of one inference: the sum of the budgets of its steps.
  uint64_t work;
  // 32-bit words that running it needs.
  uint32_t ram_words;
  // 32-bit words that asking a chip for its answers needs: the most inputs of a vector.
  uint32_t ask_words;
  // Inputs.
  uint32_t inputs;
  // Decoders: readings of its outputs.
  uint32_t decoders;
  // Vectors of known answers.
  uint32_t vectors;
  // Revision of the chip that it was compiled for.
  uint32_t chip_revision;
  // Rollback counter.
  uint32_t rollback;
  // 1 if it is signed; whether by the right key, only the policy tells.
  uint32_t is_signed;
  // Name of the chip; ends with NUL.
  char chip[28];
  // SHA-256 of everything before the seal.
  uint8_t digest[32];
} spandrel_facts;

// What an input takes.
typedef struct spandrel_input {
  // Raw values of a sample.
  uint32_t length;
  // The least raw value.
  int32_t least;
  // The largest one.
  int32_t most;
} spandrel_input;

// Where emitted codes go. Set `count` and `lost` to 0 before each sample.
typedef struct spandrel_outputs {
  // Room for `capacity` codes, in the order in which the image emits them.
  int32_t *codes;
  // Room for the number of the output of each; NULL: nobody wants to know.
  uint16_t *numbers;
  // How many codes there is room for.
  uint32_t capacity;
  // How many there are.
  uint32_t count;
  // How many there was no room for.
  uint32_t lost;
} spandrel_outputs;

// A chip behind a bus. Each callback gets `context` and returns 0, or a number of its own that tells why it failed: the call
// that needed it then returns SPANDREL_BUS, with the number in `error.found`. Callbacks must return: no longjmp, no exception.
typedef struct spandrel_bus {
  // Whatever the callbacks need.
  void *context;
  // Holds the cores: nothing runs until they are released, and what runs is broken off.
  uint32_t (*hold)(void *context);
  // Lets the cores run from their reset state.
  uint32_t (*release)(void *context);
  // Writes configuration at an address of the chip.
  uint32_t (*write)(void *context, uint32_t address, const uint8_t *bytes, size_t length);
  // Reads configuration back.
  uint32_t (*read)(void *context, uint32_t address, uint8_t *bytes, size_t length);
} spandrel_bus;

// A window of the chip's address space that holds one section of images, in the image's order of bytes. Sections without a window
// are checked and not written.
typedef struct spandrel_window {
  // The section, such as `WEIGHTS`: eight bytes, filled up with zeros.
  uint8_t section[8];
  // Its first address.
  uint32_t address;
  // Its length in bytes.
  uint32_t room;
} spandrel_window;

// A question to one core: what a column reads, before sums and activation.
typedef struct spandrel_question {
  // The configuration.
  uint32_t config;
  // The physical core that holds it; SPANDREL_NONE if the image places it nowhere.
  uint32_t core;
  // The column.
  uint32_t unit;
  // Test mode: the shift of the range register; SPANDREL_NONE: as configured.
  uint32_t shift;
  // Test mode: 1 if what is read goes through a ReLU; 0 or SPANDREL_NONE: it is told as it was read.
  uint32_t relu;
  // A code for each row; if there are more than rows, those behind drive the bias rows in place of the bias code.
  const int32_t *inputs;
  // How many codes.
  uint32_t input_count;
} spandrel_question;

// A chip that answers. Callbacks keep the rules of `spandrel_bus`: 0, or a number of their own that comes back in `error.found`.
typedef struct spandrel_port {
  // Whatever the callbacks need.
  void *context;
  // Asks one core. The question and its inputs are there during the call only.
  uint32_t (*read)(void *context, const struct spandrel_question *question, int32_t *found);
  // Runs a sample, `count` raw values of input `input`, from the reset state. The chip keeps what it emits.
  uint32_t (*run)(void *context, uint32_t input, const int32_t *values, size_t count);
  // Signal `index` of those that the sample emitted, in their order. Behind the last one, set `there`, which is 1, to 0.
  uint32_t (*emitted)(void *context, uint32_t index, int32_t *code, uint32_t *there);
} spandrel_port;

// NOR flash. Callbacks keep the rules of `spandrel_bus`; their number comes back in `error.found`. Addresses count from 0, whatever the
// processor's are; flash that is written in smaller units, or erased in smaller blocks, does it several times in one call.
typedef struct spandrel_flash {
  // Whatever the callbacks need.
  void *context;
  // Its length in bytes.
  uint32_t capacity;
  // Reads.
  uint32_t (*read)(void *context, uint32_t address, uint8_t *bytes, size_t length);
  // Writes what was erased, each unit once. Must not return before it is done.
  uint32_t (*write)(void *context, uint32_t address, const uint8_t *bytes, size_t length);
  // Erases from `from` up to `to`, which stays: all bytes are 0xff then. Must not return before it is done.
  uint32_t (*erase)(void *context, uint32_t from, uint32_t to);
} spandrel_flash;

// Two slots of `half` bytes each, from `start` on: multiples of SPANDREL_FLASH_BLOCK. The first block of a slot is its record, the
// rest is room for the image.
typedef struct spandrel_slots {
  // Where slot A begins; slot B follows it.
  uint32_t start;
  // Bytes of a slot, at least two blocks.
  uint32_t half;
} spandrel_slots;

// The image in use.
typedef struct spandrel_active {
  // 0 slot A, 1 slot B; SPANDREL_NONE: no slot holds a whole image, and the rest is 0.
  uint32_t slot;
  // The number of its update; it wraps.
  uint32_t sequence;
  // Where in flash it begins.
  uint32_t offset;
  // Its length in bytes.
  uint32_t bytes;
  // SHA-256 of everything before the seal.
  uint8_t digest[32];
} spandrel_active;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of this library: major, minor and patch in a byte each, from the third byte down.
uint32_t spandrel_version(void);

// The exact number of 64-bit words that an image object needs on this target.
size_t spandrel_image_words(void);

// How long the image at the start of `bytes` is, from its header alone; nothing else is checked.
uint32_t spandrel_image_length(const uint8_t *bytes, size_t length, uint64_t *image_bytes);

// Checks the one whole image that `bytes` are, and opens it in `words` lent words. The bytes are read where they lie from now on.
uint32_t spandrel_image_open(uint64_t *memory,
                             size_t words,
                             const uint8_t *bytes,
                             size_t length,
                             struct spandrel_image **image,
                             struct spandrel_error *error);

// Whether the policy takes the image: chip, revision, limits, length, signature, counter. For images that run from flash; a loader
// asks by itself.
uint32_t spandrel_image_accept(const struct spandrel_image *image,
                               const struct spandrel_policy *policy,
                               struct spandrel_error *error);

// What the image says of itself.
uint32_t spandrel_image_facts(const struct spandrel_image *image, struct spandrel_facts *facts);

// What input `index`, from 0, takes.
uint32_t spandrel_image_input(const struct spandrel_image *image, uint32_t index, struct spandrel_input *input);

// The class that `count` emitted codes stand for, read with decoder `decoder`; the codes are those of the decoder's output.
uint32_t spandrel_image_class(const struct spandrel_image *image,
                              uint32_t decoder,
                              const int32_t *codes,
                              size_t count,
                              uint32_t *found);

// The exact number of 64-bit words that a machine needs on this target.
size_t spandrel_run_words(void);

// A machine in its reset state, on `ram_words` words: `spandrel_facts` tells how many it needs.
uint32_t spandrel_run_open(uint64_t *memory,
                           size_t words,
                           const struct spandrel_image *image,
                           uint32_t *ram,
                           size_t ram_words,
                           struct spandrel_run **run,
                           struct spandrel_error *error);

// Begins anew: state and counters are cleared, a sample under way is given up. Images that hold state between samples need it where
// a new sequence begins, others never.
uint32_t spandrel_run_reset(struct spandrel_run *run);

// Feeds raw values `first`, `first + 1`, ... of input `input`; a sample may come in pieces.
uint32_t spandrel_run_feed(struct spandrel_run *run,
                           uint32_t input,
                           uint32_t first,
                           const int32_t *values,
                           size_t count,
                           struct spandrel_error *error);

// As `spandrel_run_feed`, from bytes without sign: pixels as they come from a sensor.
uint32_t spandrel_run_feed_bytes(struct spandrel_run *run,
                                 uint32_t input,
                                 uint32_t first,
                                 const uint8_t *values,
                                 size_t count,
                                 struct spandrel_error *error);

// Starts the inference on what was fed.
uint32_t spandrel_run_start(struct spandrel_run *run, struct spandrel_error *error);

// Goes on for about `budget` work units, at least one piece of work. SPANDREL_MORE: step again. SPANDREL_OK: the sample is done, and
// its codes stand in `outputs`. SPANDREL_TOO_SMALL: it is done, and `outputs.lost` codes found no room.
uint32_t spandrel_run_step(struct spandrel_run *run,
                           uint64_t budget,
                           struct spandrel_outputs *outputs,
                           struct spandrel_error *error);

// `spandrel-state-1` of the machine's state, 32 bytes: the same on every target.
uint32_t spandrel_run_state_digest(struct spandrel_run *run, uint8_t *digest);

// `spandrel-output-1` of what the sample emitted, 32 bytes: the same on every target. SPANDREL_BUSY within a sample.
uint32_t spandrel_run_output_digest(struct spandrel_run *run, uint8_t *digest);

// The exact number of 64-bit words that a loader needs on this target.
size_t spandrel_loader_words(void);

// A loader that has seen nothing yet; the chip is not touched. Policy and bus are copied; the name in the policy and the windows
// are not.
uint32_t spandrel_loader_open(uint64_t *memory,
                              size_t words,
                              const struct spandrel_policy *policy,
                              const struct spandrel_bus *bus,
                              const struct spandrel_window *windows,
                              size_t window_count,
                              struct spandrel_loader **loader,
                              struct spandrel_error *error);

// Takes the next bytes, however many. SPANDREL_MORE: more are wanted. SPANDREL_OK: the image was whole, is accepted, and the chip
// runs. Otherwise the chip is held, and the loader takes no more.
uint32_t spandrel_loader_push(struct spandrel_loader *loader,
                              const uint8_t *bytes,
                              size_t length,
                              struct spandrel_error *error);

// The number of bytes taken: where a transfer that broke goes on.
uint32_t spandrel_loader_position(struct spandrel_loader *loader, uint64_t *position);

// Gives up an image that is not complete: the chip is held. A chip that was loaded runs on.
uint32_t spandrel_loader_stop(struct spandrel_loader *loader);

// The exact number of 64-bit words that a check of known answers needs on this target.
size_t spandrel_answers_words(void);

// A check of the image's known answers on the core models, which has not begun. It computes in the words that a machine needs: the
// same ones as a machine's, if that is opened or reset behind the check.
uint32_t spandrel_answers_open(uint64_t *memory,
                               size_t words,
                               const struct spandrel_image *image,
                               uint32_t *ram,
                               size_t ram_words,
                               struct spandrel_answers **answers,
                               struct spandrel_error *error);

// Goes on for about `budget` work units. SPANDREL_MORE: step again. SPANDREL_OK: all answers are met. SPANDREL_WRONG: `error` names
// vector, configuration, column, and both values.
uint32_t spandrel_answers_step(struct spandrel_answers *answers,
                               uint64_t budget,
                               struct spandrel_error *error);

// The exact number of 64-bit words that reading back needs on this target.
size_t spandrel_readback_words(void);

// A comparison of the chip's configuration with the image, which has not begun. With `pieces` 0 everything is read; otherwise so many
// pieces of 32 bytes, drawn with `seed`: another seed each time finds other damage.
uint32_t spandrel_readback_open(uint64_t *memory,
                                size_t words,
                                const struct spandrel_image *image,
                                const struct spandrel_bus *bus,
                                const struct spandrel_window *windows,
                                size_t window_count,
                                uint32_t pieces,
                                uint64_t seed,
                                struct spandrel_readback **readback,
                                struct spandrel_error *error);

// Reads about `budget` bytes, at least one piece. SPANDREL_MORE: step again. SPANDREL_OK: everything is as the image says.
// SPANDREL_DIFFERS: `error` names section, byte, configuration, core and column.
uint32_t spandrel_readback_step(struct spandrel_readback *readback,
                                uint32_t budget,
                                struct spandrel_error *error);

// The probability, in millionths and rounded down, that `drawn` pieces out of `pieces` meet at least one of `damaged`.
uint32_t spandrel_detection_ppm(uint64_t pieces, uint64_t damaged, uint32_t drawn);

// What the core models answer to a question: for a chip that is simulated, or a board that compares for itself. SPANDREL_OUT_OF_RANGE: the
// image has no such configuration, column or test mode, or another number of inputs.
uint32_t spandrel_image_read(const struct spandrel_image *image,
                             const struct spandrel_question *question,
                             int32_t *found,
                             struct spandrel_error *error);

// The exact number of 64-bit words that a check of cores needs on this target.
size_t spandrel_cores_words(void);

// A check of a chip's cores, which has not begun: each is asked, over `read` of the port, for its known answers, in test mode where the
// image wants it. Inputs are laid out in `ram`, for which `ask_words` of `spandrel_facts` are enough. The port is copied.
uint32_t spandrel_cores_open(uint64_t *memory,
                             size_t words,
                             const struct spandrel_image *image,
                             const struct spandrel_port *port,
                             uint32_t *ram,
                             size_t ram_words,
                             struct spandrel_cores **cores,
                             struct spandrel_error *error);

// Asks for about `budget` values, at least one. SPANDREL_MORE: step again. SPANDREL_OK: all answers are right, and `compared` (unless
// NULL) has their number: 0 if the image has none. SPANDREL_WRONG: `error` names vector, configuration, core, column, and both values.
// SPANDREL_BUS: a callback failed. After the last two a further step asks for that value again.
uint32_t spandrel_cores_step(struct spandrel_cores *cores,
                             uint32_t budget,
                             uint64_t *compared,
                             struct spandrel_error *error);

// The exact number of 64-bit words that a check of the network needs on this target.
size_t spandrel_network_words(void);

// A check of the whole network on a chip, which has not begun: over `run` and `emitted` of the port it runs the samples of the image's
// known answers. `ram` as for `spandrel_cores_open`. The port is copied.
uint32_t spandrel_network_open(uint64_t *memory,
                               size_t words,
                               const struct spandrel_image *image,
                               const struct spandrel_port *port,
                               uint32_t *ram,
                               size_t ram_words,
                               struct spandrel_network **network,
                               struct spandrel_error *error);

// As `spandrel_cores_step`; running a sample counts as one value. SPANDREL_WRONG: `error` names vector and emitted signal (`unit`),
// and both values; or, as rule `wrong-count`, how many signals there should be.
uint32_t spandrel_network_step(struct spandrel_network *network,
                               uint32_t budget,
                               uint64_t *compared,
                               struct spandrel_error *error);

// The exact number of 64-bit words that a self-test needs on this target.
size_t spandrel_self_test_words(void);

// A self-test that has not begun: it reads back (`pieces` and `seed` as for `spandrel_readback_open`), asks the cores, then the network
// (`ram` as for `spandrel_cores_open`), until the first fault. With `just_loaded` not 0 a wrong byte is written once more, with the chip
// held, to see whether it was transferred wrongly, and the chip stays held then; otherwise nothing is written. Bus and port are copied.
uint32_t spandrel_self_test_open(uint64_t *memory,
                                 size_t words,
                                 const struct spandrel_image *image,
                                 const struct spandrel_bus *bus,
                                 const struct spandrel_window *windows,
                                 size_t window_count,
                                 const struct spandrel_port *port,
                                 uint32_t *ram,
                                 size_t ram_words,
                                 uint32_t just_loaded,
                                 uint32_t pieces,
                                 uint64_t seed,
                                 struct spandrel_self_test **test,
                                 struct spandrel_error *error);

// Does about `budget` bytes or answers. SPANDREL_MORE: step again. SPANDREL_OK: nothing was found, and `compared` (unless NULL) has the
// number of answers: 0 if the image has none, and only its configuration was read. SPANDREL_DIFFERS: a byte is wrong, SPANDREL_WRONG:
// an answer is; `error.seat` says where the fault is. SPANDREL_BUS: a callback failed; the fault is there.
uint32_t spandrel_self_test_step(struct spandrel_self_test *test,
                                 uint32_t budget,
                                 uint64_t *compared,
                                 struct spandrel_error *error);

// Which image is in use: of the whole ones the later. Not in slices: it reads and hashes one image, and the other too if that one is
// damaged.
uint32_t spandrel_slots_active(const struct spandrel_flash *flash,
                               const struct spandrel_slots *slots,
                               struct spandrel_active *active,
                               struct spandrel_error *error);

// The exact number of 64-bit words that an update needs on this target.
size_t spandrel_update_words(void);

// An update that has seen nothing yet; nothing is erased. The policy's room becomes at most that of a slot, its counter at least that of
// the image in use. Policy, flash and slots are copied; the name in the policy is not. Reads and hashes as `spandrel_slots_active`, twice.
uint32_t spandrel_update_open(uint64_t *memory,
                              size_t words,
                              const struct spandrel_policy *policy,
                              const struct spandrel_flash *flash,
                              const struct spandrel_slots *slots,
                              struct spandrel_update **update,
                              struct spandrel_error *error);

// Takes the next bytes, however many. SPANDREL_MORE: more are wanted. SPANDREL_OK: the image was whole, is accepted, lies in flash as it
// came, and is the one in use from now on. Otherwise the slot in use stays, and the update has to be opened anew. The slot is erased
// when the header has come and is accepted; at the end flash is read again and hashed.
uint32_t spandrel_update_push(struct spandrel_update *update,
                              const uint8_t *bytes,
                              size_t length,
                              struct spandrel_error *error);

// The number of bytes taken: where a transfer that broke goes on.
uint32_t spandrel_update_position(struct spandrel_update *update, uint64_t *position);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SPANDREL_H */
