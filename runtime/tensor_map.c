/*===- tensor_map.c - Boxes that TMA copies -------------------------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* After cuTensorMapEncodeTiled (CUDA Driver API) and "Tensors" of the PTX ISA.
|*
\*===----------------------------------------------------------------------===*/

#include "emulator.h"

#include <string.h>

static const int64_t *boxOf(const int64_t *map) { return map + MPC_RT_MAP_BOX; }

int64_t mpc_rt_box_bytes(const int64_t *map) {
  int64_t bytes = map[MPC_RT_MAP_ELEMENT];
  for (int64_t i = 0; i < map[MPC_RT_MAP_RANK]; ++i)
    bytes *= boxOf(map)[i];
  return bytes;
}

/* A swizzle of 32, 64 or 128 bytes xors the number of a piece of 16 bytes with
 * that of its 128 bytes, as far as it is within the swizzle. */
static int64_t swizzle(int64_t piece, int64_t bytes) {
  return bytes ? piece ^ (piece >> 3 & (bytes / 16 - 1)) : piece;
}

void mpc_rt_check_box(mpc_rt_block *block, const int64_t *map,
                      const mpc_rt_emulated_buffer *buffer, int64_t offset) {
  int64_t element = map[MPC_RT_MAP_ELEMENT], rank = map[MPC_RT_MAP_RANK];
  const int64_t *sizes = map + MPC_RT_MAP_SIZES,
                *strides = map + MPC_RT_MAP_STRIDES;
  int64_t inner = boxOf(map)[rank - 1] * element;
  const char *wrong = NULL;
  if (map[MPC_RT_MAP_OFFSET] * element % 16)
    wrong = "an address that is no multiple of 16 bytes";
  if (strides[rank - 1] != 1)
    wrong = "a last dimension that is not contiguous";
  for (int64_t i = 0; i < rank; ++i) {
    int64_t stride = strides[i] * element;
    if (i + 1 < rank && (stride % 16 || stride < 0 || stride >> 40))
      wrong = "strides that are no multiples of 16 bytes, or too large";
    if (sizes[i] < 1 || (sizes[i] - 1) >> 32)
      wrong = "sizes that are not in 1 to 2^32";
    if (boxOf(map)[i] < 1 || boxOf(map)[i] > 256)
      wrong = "a box whose sizes are not in 1 to 256";
  }
  if (inner % 16)
    wrong = "a box whose rows are no multiples of 16 bytes";
  if (map[MPC_RT_MAP_SWIZZLE] && inner > map[MPC_RT_MAP_SWIZZLE])
    wrong = "a box whose rows are longer than its swizzle";
  if (wrong)
    mpc_rt_emulation_fails(block, "has a tensor map of %s", wrong);
  if (offset % 128)
    mpc_rt_emulation_fails(block, "loads a box to a place in shared memory "
                                  "that is no multiple of 128 bytes");
  if (offset < 0 || offset + mpc_rt_box_bytes(map) > buffer->bytes)
    mpc_rt_emulation_fails(block, "loads a box to outside of a buffer");
}

/* One row of a box: elements outside of the tensor are zero. */
static void copyRow(const mpc_rt_event *event, const char *from, int64_t first,
                    int64_t to) {
  const int64_t *map = event->map;
  int64_t rank = map[MPC_RT_MAP_RANK], element = map[MPC_RT_MAP_ELEMENT];
  int64_t bytes = boxOf(map)[rank - 1] * element;
  int64_t size = (map + MPC_RT_MAP_SIZES)[rank - 1];
  char row[256 * 8] = {0};
  int64_t begin = first < 0 ? -first : 0;
  int64_t end =
      size - first < boxOf(map)[rank - 1] ? size - first : boxOf(map)[rank - 1];
  if (from && begin < end)
    memcpy(row + begin * element, from + (first + begin) * element,
           (end - begin) * element);
  for (int64_t i = 0; i < bytes; i += 16)
    memcpy(event->buffer->memory +
               16 * swizzle((to + i) / 16, map[MPC_RT_MAP_SWIZZLE]),
           row + i, 16);
}

void mpc_rt_copy_box(const mpc_rt_event *event) {
  const int64_t *map = event->map;
  int64_t rank = map[MPC_RT_MAP_RANK], element = map[MPC_RT_MAP_ELEMENT];
  int64_t rowBytes = boxOf(map)[rank - 1] * element;
  int64_t rows = mpc_rt_box_bytes(map) / rowBytes;
  const char *base =
      (const char *)map[MPC_RT_MAP_ADDRESS] + map[MPC_RT_MAP_OFFSET] * element;
  for (int64_t row = 0; row < rows; ++row) {
    const char *from = base;
    int64_t rest = row;
    /* Coordinates are those of the innermost dimension first. */
    for (int64_t d = rank - 2; d >= 0; --d) {
      int64_t at = event->coordinates[rank - 1 - d] + rest % boxOf(map)[d];
      rest /= boxOf(map)[d];
      if (at < 0 || at >= (map + MPC_RT_MAP_SIZES)[d])
        from = NULL;
      if (from)
        from += at * (map + MPC_RT_MAP_STRIDES)[d] * element;
    }
    copyRow(event, from, event->coordinates[0], event->offset + row * rowBytes);
  }
}
