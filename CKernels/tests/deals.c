// What operations deal to threads, for shapes and threads of all kinds: every panel of every row to one of them; rows
// whole blocks at a time where a copy takes them so; and where all is split by rows the same rows as in any other
// operation, since the next one goes on with them without a barrier.

#include <stdio.h>
#include <string.h>

#include "../internal.h"

#define LATENT_INLINE static inline __attribute__((unused))
#define LATENT_TILE_ROWS 8
#define LATENT_TILE_PANELS 3
// How high a tile is does not tell whose it is.
LATENT_INLINE size_t latent_strip(size_t left, bool even) { return even && left > 8 ? 8 : left; }
#include "../kernels/blocks.h"

enum { MOST_ROWS = 140, MOST_COLUMNS = 900 };
static size_t cases, failures;

static bool deal(bool split, size_t columns, size_t group_panels, size_t rows, int threads, latent_dealing how) {
  static unsigned char taken[(MOST_COLUMNS + 15) / 16][MOST_ROWS];
  const latent_op op = {.split_columns = split};
  const size_t groups = (latent_panels(columns) + group_panels - 1) / group_panels;
  memset(taken, 0, sizeof(taken));
  for (int thread = 0; thread < threads; ++thread) {
    const latent_task task = {.op = &op, .thread = thread, .threads = threads};
    const latent_range own = latent_share(rows, thread, threads);
    latent_block blocks[2];
    const int count = latent_blocks(&task, columns, group_panels, rows, how, blocks);
    for (int i = 0; i < count; ++i) {
      const latent_block *part = &blocks[i];
      if (part->group_end > groups || part->row_end > rows || part->row % how.block) return false;
      if (!split && how.block == 1 && (part->row != own.start || part->row_end != own.end)) return false;
      for (size_t group = part->group; group < part->group_end; ++group)
        for (size_t row = part->row; row < part->row_end; ++row) taken[group][row] += 1;
    }
  }
  for (size_t group = 0; group < groups; ++group)
    for (size_t row = 0; row < rows; ++row)
      if (taken[group][row] != 1) return false;
  return true;
}

int main(void) {
  const latent_dealing dealings[] = {product_dealing, {16, 32, 33, 17}, {16, 32, 33, 32}, {1, 1, 1, 1}};
  for (size_t columns = 1; columns < MOST_COLUMNS; columns += columns < 120 ? 1 : 29)
    for (size_t group_panels = 2; group_panels <= 3; ++group_panels)
      for (int threads = 1; threads <= 9; ++threads)
        for (size_t rows = 1; rows < MOST_ROWS; rows += rows < 24 ? 1 : 13)
          for (int way = 0; way < 8; ++way) {
            if (group_panels == 2 && columns % 32) continue;  // pairs of panels
            cases += 1;
            if (deal(way % 2, columns, group_panels, rows, threads, dealings[way / 2])) continue;
            failures += 1;
            fprintf(stderr, "FAILED: %zu rows, %zu columns by %zu panels, %d threads, way %d\n", rows, columns,
                    group_panels, threads, way);
          }
  printf("%zu dealings, %zu failed\n", cases, failures);
  return failures > 0 || cases == 0;
}
