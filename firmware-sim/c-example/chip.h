/* A chip on SPI: the bus that the library is given, and the chip that is simulated behind it. */
#ifndef CHIP_H
#define CHIP_H

#include "spandrel.h"

/* The bus of this board's chip, and the windows of its configuration memory. */
extern const spandrel_bus chip_bus;
extern const spandrel_window chip_windows[];
extern const size_t chip_window_count;

/* Its test port: questions to single cores, and samples. */
extern const spandrel_port chip_port;

/* For the example: whether the cores are held, how many bytes were written, and a bit of configuration memory that flips. */
int chip_held(void);
uint32_t chip_written(void);
void chip_flip(uint32_t address, uint8_t bits);

/* The simulated chip's cores are the library's models of this image. A column of a core that reads `by` too much; and a signal, the
 * second of each sample, that comes out `by` too large, whatever the cores read. */
void chip_cores(const spandrel_image *image);
void chip_drift(uint32_t core, uint32_t unit, int32_t by);
void chip_cross(int32_t by);

#endif
