// latent_plan_check against operations made up at random: whatever it lets pass must run within its
// buffers, which lie between guard pages, and whatever it refuses must be refused in peace.
//
//   fuzz [--isa NAME] [--plans N]

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "step.h"

enum { BUFFERS = 28, OPERATIONS = 3 };  // enough for most operands to lie apart

static uint64_t state = 1;
static uint64_t below(uint64_t count) { return test_random(&state) % count; }

// Mostly small, sometimes at an edge of the type.
static uint64_t number(uint64_t small, uint64_t largest) {
  if (below(400) == 0) return largest - below(20);
  if (below(400) == 0) return largest / 2 + below(3);
  return below(small);
}

static latent_operand operand(void) {
  latent_operand made = {
      (uint32_t)(below(40) ? below(BUFFERS) : number(BUFFERS + 2, UINT32_MAX)),
      (uint32_t)(below(3) ? number(72, UINT32_MAX) : 16 * below(5)),
      below(3) ? 0 : number(200, UINT64_MAX),
  };
  return made;
}

static uint32_t size(void) { return (uint32_t)(below(4) ? below(36) : 16 * below(5)); }

static latent_op operation(void) {
  latent_op op = {
      .kind = (latent_op_kind)(below(50) ? below(LATENT_OP_KIND_COUNT) : number(20, UINT32_MAX)),
      .barrier = below(2),
      .split_columns = below(2),
      .update = below(2),
      .ones = below(4) == 0,
      .layout = (latent_layout)(below(3) ? 0 : below(LATENT_LAYOUT_COUNT + (below(50) == 0))),
      .activation = (latent_activation)below(LATENT_ACTIVATION_COUNT + (below(50) == 0)),
      .likelihood = (latent_likelihood)below(LATENT_LIKELIHOOD_COUNT + (below(50) == 0)),
      .transform = (latent_transform)below(LATENT_TRANSFORM_DEQUANTIZE + 1 + (below(50) == 0)),
      .missing = below(2),
      .objective = (latent_objective)below(LATENT_OBJECTIVE_COUNT + (below(50) == 0)),
      .source_kind = (latent_source)below(2 + (below(50) == 0)),
      .inner = below(100) ? size() : (uint32_t)number(70, UINT32_MAX),
      .columns = below(100) ? size() : (uint32_t)number(70, UINT32_MAX),
      .dimensions = below(100) ? size() : (uint32_t)number(70, UINT32_MAX),
      .samples = below(4) ? 0 : (uint32_t)number(5, UINT32_MAX),
  };
  // A likelihood's sizes go together; leave few to chance.
  if (below(8))
    op.columns = op.likelihood != LATENT_LIKELIHOOD_GAUSSIAN ? op.dimensions
                                                             : (op.dimensions + 15) / 16 * 32;
  latent_operand *operands = &op.source;
  size_t count = (size_t)((latent_operand *)(&op + 1) - operands);
  for (size_t i = 0; i < count; ++i) operands[i] = below(16) ? operand() : (latent_operand){};
  return op;
}

int main(int count, char **arguments) {
  const char *name = NULL;
  uint64_t plans = 100000;
  for (int i = 1; i + 1 < count; i += 2) {
    if (!strcmp(arguments[i], "--isa")) name = arguments[i + 1];
    if (!strcmp(arguments[i], "--plans")) plans = strtoull(arguments[i + 1], NULL, 10);
  }
  latent_pool *pools[2 * LATENT_ISA_COUNT];
  size_t pool_count = 0;
  for (int isa = 0; isa < LATENT_ISA_COUNT; ++isa)
    if (latent_isa_available((latent_isa)isa) &&
        (!name || !strcmp(name, latent_isa_name((latent_isa)isa))))
      for (int threads = 1; threads <= 2; ++threads)
        if (latent_pool_create(threads, (latent_isa)isa, &pools[pool_count++])) return 1;
  if (pool_count == 0) return 1;

  static guarded memory[2][BUFFERS - 1];
  static char message[200];
  static const size_t memories = 2 * (BUFFERS - 1);
  guarded_watch(message, memory[0], &memories);
  size_t sizes[BUFFERS - 1];
  for (int i = 0; i < BUFFERS - 1; ++i) {
    sizes[i] = i ? 60 + below(9000) : 16;
    for (int at_end = 0; at_end < 2; ++at_end)
      memory[at_end][i] = guarded_make(sizes[i] * sizeof(float), at_end);
  }
  uint64_t passed[LATENT_OP_KIND_COUNT] = {};
  int failures = 0;
  for (uint64_t plan = 1; plan <= plans && failures < 10; ++plan) {
    state = plan;
    int at_end = plan % 2;
    latent_buffer buffers[BUFFERS] = {};
    for (int i = 1; i < BUFFERS; ++i)
      if (below(30)) buffers[i] = (latent_buffer){memory[at_end][i - 1].start, sizes[i - 1]};
    latent_op ops[OPERATIONS];
    size_t op_count = 1 + below(OPERATIONS);
    for (size_t i = 0; i < op_count; ++i) ops[i] = operation();
    uint32_t rows = (uint32_t)number(12, UINT32_MAX);
    size_t bad = 0;
    snprintf(message, sizeof(message), "plan %llu, kind %d, %u rows, %u x %u, %u dimensions",
             (unsigned long long)plan, (int)ops[0].kind, rows, ops[0].inner, ops[0].columns,
             ops[0].dimensions);
    // Operations before the first bad one make a plan too.
    if (latent_plan_check(ops, op_count, buffers, BUFFERS, rows, &bad) != LATENT_OK) op_count = bad;
    // More time than an afternoon is no finding.
    bool quick = rows < 1000;
    for (size_t i = 0; i < op_count; ++i)
      quick &= ops[i].inner < 1000 && ops[i].columns < 1000 && ops[i].dimensions < 1000;
    if (op_count == 0 || !quick) continue;
    for (size_t i = 0; i < op_count; ++i) ++passed[ops[i].kind];
    const latent_run run = {.rows = rows, .seed = plan, .objective_scale = 1, .rate = 1};
    latent_plan_run(pools[plan % pool_count], ops, op_count, buffers, &run, NULL);
    for (int i = 0; i < BUFFERS - 1; ++i)
      if (!guarded_intact(&memory[at_end][i])) {
        fprintf(stderr, "FAILED: buffer %d was left: %s\n", i + 1, message);
        ++failures;
      }
  }
  uint64_t least = UINT64_MAX;
  printf("operations that ran:");
  for (int kind = 0; kind < LATENT_OP_KIND_COUNT; ++kind) {
    printf(" %llu", (unsigned long long)passed[kind]);
    if (passed[kind] < least) least = passed[kind];
  }
  printf("\n");
  for (size_t i = 0; i < pool_count; ++i) latent_pool_destroy(pools[i]);
  // A test that runs nothing finds nothing.
  if (least == 0 && plans >= 100000) fprintf(stderr, "FAILED: some operation never ran\n");
  return failures > 0 || (least == 0 && plans >= 100000);
}
