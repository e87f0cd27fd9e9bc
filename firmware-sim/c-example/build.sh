#!/usr/bin/env bash
# Builds the example: build.sh IMAGES OUT, where IMAGES is the folder with images.h, and OUT the ELF to write.
# Needs arm-none-eabi-gcc (Debian, Ubuntu: `apt-get install gcc-arm-none-eabi`) and the Rust target thumbv7em-none-eabi.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
images=$1 out=$2
target=thumbv7em-none-eabi
(cd "$here/.." && env -u RUSTFLAGS -u CARGO_BUILD_TARGET \
    cargo build --quiet --release --package spandrel-c --target $target --target-dir target)
arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=soft -O2 -g -std=c11 -Wall -Wextra -Werror \
    -ffreestanding -nostdlib -ffunction-sections -fdata-sections -Wl,--gc-sections \
    -I "$here/../capi" -I "$images" -T "$here/board.ld" \
    "$here/main.c" "$here/chip.c" "$here/board.c" "$here/../target/$target/release/libspandrel_c.a" -lgcc \
    -o "$out"
