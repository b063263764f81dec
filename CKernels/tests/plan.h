// Operations with exactly the memory that they need, for the tests of latent_plan_check.

#ifndef LATENT_TESTS_PLAN_H
#define LATENT_TESTS_PLAN_H

#include <stdio.h>
#include <string.h>

#include "latent_kernels.h"

enum { ROWS = 3, INNER = 5, COLUMNS = 20, SIZE = 20, MOST = 16 };

static int failures, checks;
static float memory[MOST + 1][4096];  // never followed: only its addresses count

// An operation with each operand in a buffer of its own, as large as it must be.
typedef struct plan {
  const char *name;
  latent_op op;
  uint32_t rows;
  bool padded;  // strides with room for whole panels
  size_t count;
  latent_buffer buffers[MOST + 1];
  struct {
    const char *name;
    latent_operand *place;
    size_t columns;  // of a matrix
    bool optional, empty, written;
  } operands[MOST];
} plan;

static inline size_t panels(size_t columns) { return (columns + 15) / 16 * 16; }

static inline void vector(plan *of, const char *name, latent_operand *place, size_t count) {
  of->operands[of->count].name = name;
  of->operands[of->count].place = place;
  of->operands[of->count].empty = count == 0;
  *place = (latent_operand){(uint32_t)++of->count, 0, 0};
  of->buffers[of->count] = (latent_buffer){memory[of->count], count};
}

static inline void matrix(plan *of, const char *name, latent_operand *place, size_t rows, size_t columns) {
  size_t stride = of->padded ? panels(columns) : columns + 1;
  vector(of, name, place, (rows - 1) * stride + (of->padded ? stride : columns));
  place->stride = (uint32_t)stride;
  of->operands[of->count - 1].columns = columns;
}

static inline void optional(plan *of) { of->operands[of->count - 1].optional = true; }
static inline void written(plan *of) { of->operands[of->count - 1].written = true; }

// Every operand there is, apart from each other, in rows of 64 in buffer 1: all of `memory`.
static const latent_buffer plenty = {memory, sizeof(memory) / sizeof(float)};
static inline void apart(latent_op *op) {
  latent_operand *operands = &op->source;
  const size_t count = (size_t)((latent_operand *)(op + 1) - operands);
  for (size_t i = 0; i < count; ++i) operands[i] = (latent_operand){1, 64, i * (plenty.count / count)};
}

static inline void check(const plan *of, latent_status expected, const char *operand, const char *what) {
  size_t operation = 77;
  latent_status status = latent_plan_check(&of->op, 1, of->buffers, of->count + 1, of->rows, &operation);
  ++checks;
  if (status == expected && operation == 0) return;
  fprintf(stderr, "FAILED: %s, %s %s: status %d of operation %zu, not %d\n", of->name, operand, what,
          (int)status, operation, (int)expected);
  ++failures;
}

static inline plan start(const char *name, latent_op_kind kind, bool padded) {
  return (plan){.name = name,
                .rows = ROWS,
                .padded = padded,
                .op = {.kind = kind, .inner = INNER, .columns = COLUMNS, .dimensions = SIZE}};
}

#endif
