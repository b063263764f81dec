// What plans may touch, checked once before they run.

#include "internal.h"

size_t latent_partial_width(const latent_op *op) {
  size_t panels = latent_panels(op->columns);
  if (op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN)
    return (panels + LATENT_PAIRED_GROUP_PANELS - 1) / LATENT_PAIRED_GROUP_PANELS * 16;
  size_t groups = (panels + LATENT_GROUP_PANELS - 1) / LATENT_GROUP_PANELS;
  return groups * (op->likelihood == LATENT_LIKELIHOOD_BERNOULLI ? 32 : 16);
}

// Kernels count the columns that are left in an int.
enum { LARGEST = INT32_MAX };

// Where an operand lies, in bytes: `rows` times `width`, a stride apart. Nowhere: no width.
typedef struct extent {
  uintptr_t start;
  uint64_t rows, width, stride;
  bool written;
} extent;
enum { MOST_EXTENTS = 16 };

typedef struct checker {
  const latent_buffer *buffers;
  size_t buffer_count;
  uint64_t rows;
  // Of the operation at hand, as far as it has been looked at.
  extent extents[MOST_EXTENTS];
  int extent_count;
} checker;

// Whether two share a byte; they may lie between each other's rows.
static bool overlap(const extent *a, const extent *b) {
  if (a->width == 0 || b->width == 0) return false;
  if (a->start > b->start) return overlap(b, a);
  const uint64_t from = b->start - a->start;
  if (from >= (a->rows - 1) * a->stride + a->width) return false;
  const uint64_t stride = a->rows > 1 ? a->stride : b->stride;
  if ((a->rows == 1 && b->rows == 1) || (a->rows > 1 && b->rows > 1 && a->stride != b->stride)) return true;
  // From a row of a to the next of b, and on to a's next.
  return from % stride < a->width || from % stride + b->width > stride;
}

static bool lie_apart(const checker *check) {
  for (int i = 0; i < check->extent_count; ++i)
    for (int j = 0; j < i; ++j)
      if ((check->extents[i].written || check->extents[j].written) && overlap(&check->extents[i], &check->extents[j]))
        return false;
  return true;
}

// True when `rows` times `width` elements from the operand's offset lie in its buffer, which operands_exist has
// found, and the offset in it.
static bool lies(checker *check, latent_operand operand, uint64_t rows, uint64_t width) {
  const latent_buffer *buffer = &check->buffers[operand.buffer];
  const uint64_t stride = operand.stride, count = (rows - 1) * stride + width;  // factors of 32 bits
  if (operand.buffer == 0 || !buffer->data || count > buffer->count - operand.offset) return false;
  check->extents[check->extent_count++] =
      (extent){(uintptr_t)buffer->data + operand.offset * sizeof(float), rows, width * sizeof(float),
               stride * sizeof(float), false};
  return true;
}

// `count` elements on end.
static bool holds(checker *check, latent_operand operand, uint64_t count) {
  return lies(check, operand, 1, count);
}

// A [rows x columns] matrix; with a stride that has room for whole panels they are the matrix's own,
// in the last row too.
static bool matrix(checker *check, latent_operand operand, uint64_t rows, uint64_t columns) {
  if (operand.stride < columns) return false;
  if (rows == 0 || columns == 0) {
    check->extents[check->extent_count++] = (extent){};
    return true;
  }
  if (operand.stride % 16 == 0) columns = latent_panels(columns) * 16;
  return lies(check, operand, rows, columns);
}

static bool panels_of(checker *check, latent_operand operand, uint64_t inner,
                      uint64_t columns) {
  return holds(check, operand, inner * latent_panels(columns) * 16);
}

// A forward product's weights, whichever way they lie.
static bool weights_fit(checker *check, const latent_op *op) {
  switch (op->layout) {
    case LATENT_LAYOUT_INNER_BY_COLUMNS: return matrix(check, op->weights, op->inner, op->columns);
    case LATENT_LAYOUT_COLUMNS_BY_INNER: return matrix(check, op->weights, op->columns, op->inner);
    default: return panels_of(check, op->weights, op->inner, op->columns);
  }
}

static bool optional(latent_operand operand, bool valid) { return operand.buffer == 0 || valid; }

// What has just been found to lie in its buffer is written by the operation.
static bool written(checker *check, bool fits) {
  if (fits) check->extents[check->extent_count - 1].written = true;
  return fits;
}
static bool writes(checker *check, latent_operand operand, uint64_t count) {
  return written(check, holds(check, operand, count));
}
static bool writes_matrix(checker *check, latent_operand operand, uint64_t rows, uint64_t columns) {
  return written(check, matrix(check, operand, rows, columns));
}

static bool updates(checker *check, const latent_op *op) {
  uint64_t bias = latent_panels(op->columns) * 16;
  return written(check, panels_of(check, op->weights, op->inner, op->columns)) &&
         written(check, panels_of(check, op->weights_first_moment, op->inner, op->columns)) &&
         written(check, panels_of(check, op->weights_second_moment, op->inner, op->columns)) &&
         optional(op->weights_transposed,
                  written(check, panels_of(check, op->weights_transposed, op->columns, op->inner))) &&
         writes(check, op->bias, bias) && writes(check, op->bias_first_moment, bias) &&
         writes(check, op->bias_second_moment, bias);
}

// Operands that an operation has no use for are followed as far as their address, so they have to be
// none or name a buffer. A latent_op ends with its operands.
static bool operands_exist(const checker *check, const latent_op *op) {
  const latent_operand *operands = &op->source, *end = (const latent_operand *)(op + 1);
  for (const latent_operand *operand = operands; operand < end; ++operand) {
    if (operand->buffer == 0) continue;
    if (operand->buffer >= check->buffer_count) return false;
    const latent_buffer *buffer = &check->buffers[operand->buffer];
    if (buffer->data && operand->offset > buffer->count) return false;
  }
  return true;
}

// Draws of z: not where an operation knows none, and no more rows than a run can count.
static bool samples_fit(const checker *check, const latent_op *op) {
  bool knows = op->kind != LATENT_OP_LOAD_ROWS && op->kind != LATENT_OP_KL_GATE &&
               op->kind != LATENT_OP_ADAM && op->kind != LATENT_OP_LIST_ONES &&
               !op->ones;
  return op->samples <= 1 || (knows && check->rows * op->samples <= LARGEST);
}

static bool operands_fit(checker *check, const latent_op *op) {
  // Rows of the batch, and with their draws.
  uint64_t batch = check->rows, rows = batch * latent_samples(op);
  uint64_t padded = latent_panels(op->columns) * 16, size = op->dimensions;
  bool paired = op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN;
  switch (op->kind) {
    case LATENT_OP_LOAD_ROWS:
      return holds(check, op->source, 0) && op->source.stride >= op->columns &&
             holds(check, op->row_index, rows) && writes_matrix(check, op->output, rows, op->columns) &&
             optional(op->epsilon, writes_matrix(check, op->epsilon, rows, size));
    case LATENT_OP_LINEAR_FORWARD:
      return matrix(check, op->input, rows, op->inner) &&
             weights_fit(check, op) &&
             optional(op->bias, holds(check, op->bias,
                                      op->layout == LATENT_LAYOUT_PANELS ? padded : op->columns)) &&
             writes_matrix(check, op->output, rows, op->columns);
    case LATENT_OP_LIKELIHOOD_FORWARD: {
      uint64_t expected = paired ? 2 * 16 * latent_panels(size) : size;
      uint64_t variances = op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED     ? 1
                           : op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL ? size
                                                                                   : 0;
      return op->columns == expected && matrix(check, op->input, rows, op->inner) &&
             panels_of(check, op->weights, op->inner, op->columns) &&
             optional(op->bias, holds(check, op->bias, padded)) &&
             matrix(check, op->target, batch, size) &&
             (variances == 0 || holds(check, op->variance, variances)) &&
             writes_matrix(check, op->partial, rows, latent_partial_width(op)) &&
             optional(op->gradient, writes_matrix(check, op->gradient, rows, op->columns));
    }
    case LATENT_OP_LIKELIHOOD_ROWS:
      return matrix(check, op->partial, rows, latent_partial_width(op)) &&
             writes(check, op->log_density, rows);
    case LATENT_OP_REPARAMETERIZE:
      return matrix(check, op->input, batch, 2 * size) && holds(check, op->row_index, batch) &&
             writes_matrix(check, op->output, rows, size) && (!op->drawn || rows == batch) &&
             writes_matrix(check, op->epsilon, rows, size) &&
             writes_matrix(check, op->log_variance, batch, size) && writes(check, op->kl, batch) &&
             optional(op->log_density, writes(check, op->log_density, rows));
    case LATENT_OP_KL_GATE:
      return matrix(check, op->input, rows, 2 * size) &&
             matrix(check, op->log_variance, rows, size) && writes(check, op->gate, size);
    case LATENT_OP_REPARAMETERIZE_BACKWARD:
      return matrix(check, op->input, batch, 2 * size) &&
             ((op->objective == LATENT_OBJECTIVE_SCORE && op->gradient.buffer == 0) ||
              matrix(check, op->gradient, rows, size)) &&
             optional(op->draw_weight, holds(check, op->draw_weight, rows)) &&
             matrix(check, op->epsilon, rows, size) &&
             matrix(check, op->log_variance, batch, size) &&
             optional(op->gate, holds(check, op->gate, size)) &&
             writes_matrix(check, op->output, batch, 2 * size);
    case LATENT_OP_LINEAR_BACKWARD_INPUT:
      return matrix(check, op->gradient, rows, op->columns) &&
             panels_of(check, op->weights_transposed, op->columns, op->inner) &&
             (op->activation == LATENT_ACTIVATION_IDENTITY ||
              matrix(check, op->input, rows, op->inner)) &&
             writes_matrix(check, op->output, rows, op->inner);
    case LATENT_OP_LINEAR_BACKWARD_WEIGHTS:
      return matrix(check, op->input, rows, op->inner) &&
             matrix(check, op->gradient, rows, op->columns) &&
             (op->update ? updates(check, op)
                         : written(check, panels_of(check, op->weights_gradient, op->inner, op->columns)) &&
                               writes(check, op->bias_gradient, padded));
    case LATENT_OP_DRAW_WEIGHTS:
      return holds(check, op->log_density, rows) && holds(check, op->input, rows) &&
             writes(check, op->output, batch) &&
             optional(op->draw_weight, writes(check, op->draw_weight, rows));
    case LATENT_OP_WEIGH_ROWS:
      return writes_matrix(check, op->gradient, rows, op->columns) && holds(check, op->draw_weight, rows);
    case LATENT_OP_ADAM:
      return updates(check, op) && panels_of(check, op->weights_gradient, op->inner, op->columns) &&
             holds(check, op->bias_gradient, padded);
    case LATENT_OP_LOG_DENSITY: {
      uint64_t variances = op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED     ? 1
                           : op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL ? size
                                                                                   : 0;
      return matrix(check, op->input, rows, size) && matrix(check, op->target, batch, size) &&
             writes(check, op->log_density, rows) &&
             (variances == 0 || holds(check, op->variance, variances)) &&
             optional(op->gradient, writes_matrix(check, op->gradient, rows, size)) &&
             (!paired || (matrix(check, op->log_variance, rows, size) &&
                          optional(op->output, writes_matrix(check, op->output, rows, size))));
    }
    case LATENT_OP_LIST_ONES:
      return matrix(check, op->input, rows, op->columns);
    case LATENT_OP_VARIANCE_BACKWARD: {
      uint64_t variances = op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED ? 1 : size;
      return matrix(check, op->gradient, rows, size) &&
             (op->update ? writes(check, op->variance, variances) : holds(check, op->variance, variances)) &&
             optional(op->draw_weight, holds(check, op->draw_weight, rows)) &&
             (!op->missing || matrix(check, op->target, batch, size)) &&
             (op->update ? writes(check, op->bias_first_moment, variances) &&
                               writes(check, op->bias_second_moment, variances)
                         : writes(check, op->bias_gradient, variances));
    }
  }
  return false;
}

static bool same(latent_operand a, latent_operand b) {
  return a.buffer == b.buffer && a.stride == b.stride && a.offset == b.offset;
}

// What a walk through a plan knows of its lists of ones: they are read without a look at what they
// hold, so they have to be there, complete, and of what their input still holds.
typedef struct lists {
  const latent_op *rows;      // the LIST_ONES of each row's columns
  bool columns;               // that of each column's rows has been
  bool rows_done, all_done;   // with a barrier after it
  extent input;               // what they are of
  bool stale;                 // it has been written over since
} lists;

static bool lists_fit(lists *lists, const checker *check, const latent_op *op) {
  if (lists->stale && (op->ones || op->kind == LATENT_OP_LIST_ONES)) return false;
  if (op->barrier) {
    lists->rows_done = lists->rows;
    lists->all_done = lists->columns;
  }
  if (op->kind == LATENT_OP_LIST_ONES && !op->split_columns) {
    if (lists->rows) return false;
    lists->rows = op;
    lists->input = check->extents[0];
    return true;
  }
  bool forward = op->kind == LATENT_OP_LINEAR_FORWARD;
  bool backward = op->kind == LATENT_OP_LINEAR_BACKWARD_WEIGHTS;
  if (op->kind == LATENT_OP_LIST_ONES) {
    if (!lists->rows_done || lists->columns) return false;
    lists->columns = true;
    return same(lists->rows->input, op->input) && lists->rows->columns == op->columns;
  }
  if (!op->ones) return true;
  return (forward ? lists->rows_done : backward && lists->all_done) &&
         same(lists->rows->input, op->input) && lists->rows->columns == op->inner;
}

latent_status latent_plan_check(const latent_op *ops, size_t count, const latent_buffer *buffers,
                                size_t buffer_count, uint32_t rows, size_t *operation) {
  checker check = {.buffers = buffers, .buffer_count = buffer_count, .rows = rows};
  lists lists = {};
  for (size_t i = 0; i < count; ++i) {
    const latent_op *op = &ops[i];
    if (operation) *operation = i;
    if ((unsigned)op->kind >= LATENT_OP_KIND_COUNT ||
        (unsigned)op->activation >= LATENT_ACTIVATION_COUNT ||
        (unsigned)op->likelihood >= LATENT_LIKELIHOOD_COUNT ||
        (unsigned)op->transform > LATENT_TRANSFORM_DEQUANTIZE ||
        (unsigned)op->source_kind > LATENT_SOURCE_BYTES ||
        (unsigned)op->objective >= LATENT_OBJECTIVE_COUNT ||
        (unsigned)op->layout >= LATENT_LAYOUT_COUNT ||
        (op->layout != LATENT_LAYOUT_PANELS && op->kind != LATENT_OP_LINEAR_FORWARD))
      return LATENT_ERROR_OPERATION;
    if (op->inner > LARGEST || op->columns > LARGEST || op->dimensions > LARGEST ||
        !operands_exist(&check, op) || !samples_fit(&check, op))
      return LATENT_ERROR_OPERAND;
    check.extent_count = 0;
    if (!operands_fit(&check, op) || !lists_fit(&lists, &check, op)) return LATENT_ERROR_OPERAND;
    if (!lie_apart(&check)) return LATENT_ERROR_OVERLAP;
    for (int j = 0; lists.rows && j < check.extent_count; ++j)
      if (check.extents[j].written && overlap(&check.extents[j], &lists.input)) lists.stale = true;
  }
  return LATENT_OK;
}
