// The linear layer: Y = f(X W + b) and dX = (dY Wt) f'(X). dW = Xt dY is in weights.h.

LATENT_INLINE vf activate(latent_activation activation, vf x) {
  switch (activation) {
    case LATENT_ACTIVATION_RELU: return vf_max(vf_all(0.0f), x);
    case LATENT_ACTIVATION_TANH: return vf_tanh(x);
    case LATENT_ACTIVATION_SIGMOID: return vf_sigmoid(x);
    case LATENT_ACTIVATION_SOFTPLUS: return vf_softplus(x);
    case LATENT_ACTIVATION_ELU: return vf_elu(x);
    default: return x;
  }
}

// f'(x) told from y = f(x).
LATENT_INLINE vf activation_derivative(latent_activation activation, vf y) {
  switch (activation) {
    case LATENT_ACTIVATION_RELU: return vf_select(y > 0.0f, vf_all(1.0f), (vf){});
    case LATENT_ACTIVATION_TANH: return vf_fma(-y, y, vf_all(1.0f));
    case LATENT_ACTIVATION_SIGMOID: return vf_fma(-y, y, y);
    // 1 - e^-y; y >= 0
    case LATENT_ACTIVATION_SOFTPLUS: return 1.0f - vf_exp_negative(-y);
    case LATENT_ACTIVATION_ELU: return vf_select(y > 0.0f, vf_all(1.0f), y + 1.0f);
    default: return vf_all(1.0f);
  }
}

// values[rows x group of panels] on their way to output[rows x columns].
LATENT_INLINE void forward_epilogue(latent_activation activation, const float *values,
                                    float *output, size_t stride, size_t rows, size_t column,
                                    int panels, size_t columns) {
  for (size_t m = 0; m < rows; ++m)
    for (int p = 0; p < panels; ++p)
      store_panel(output + m * stride, column + 16 * (size_t)p,
                  activate(activation, vf_load(values + (m * LATENT_GROUP_PANELS + (size_t)p) * 16)),
                  columns, stride);
}

// values[rows][LATENT_GROUP_PANELS][16], of which `panels` count, activated to output[rows x op->output.stride].
static void forward_rows(const latent_op *op, const float *values, float *output, size_t rows,
                         size_t panel, int panels) {
#define LATENT_EPILOGUE(ACTIVATION)                                                             \
  case ACTIVATION:                                                                              \
    forward_epilogue(ACTIVATION, values, output, op->output.stride, rows, panel * 16, panels,   \
                     op->columns);                                                              \
    break;
  switch (op->activation) {
    LATENT_EPILOGUE(LATENT_ACTIVATION_IDENTITY)
    LATENT_EPILOGUE(LATENT_ACTIVATION_RELU)
    LATENT_EPILOGUE(LATENT_ACTIVATION_TANH)
    LATENT_EPILOGUE(LATENT_ACTIVATION_SIGMOID)
    LATENT_EPILOGUE(LATENT_ACTIVATION_SOFTPLUS)
    LATENT_EPILOGUE(LATENT_ACTIVATION_ELU)
  }
#undef LATENT_EPILOGUE
}

// Rows [row, row_end) of one group as sums of gathered rows, ordered by order_rows.
static void gathered_group(const latent_op *op, const latent_ones *ones, const uint8_t *order,
                           const float *zeros, const float *bias, size_t panel, int width, size_t row,
                           size_t row_end, const float *weights, float *output) {
  float sums[LATENT_GATHERED_ROWS][LATENT_GROUP_PANELS][16] __attribute__((aligned(64)));
  for (size_t rows; row < row_end; row += rows, order += rows * ones->blocks) {
    rows = row_end - row < LATENT_GATHERED_ROWS ? row_end - row : LATENT_GATHERED_ROWS;
    for (size_t m = 0; m < rows; ++m)
      for (int p = 0; p < width; ++p) vf_store(sums[m][p], bias ? vf_load(bias + 16 * p) : (vf){});
    gather_forward(width, ones, row, rows, order, weights, (size_t)op->inner * 16, zeros, sums[0][0]);
    forward_rows(op, sums[0][0], output + row * op->output.stride, rows, panel, width);
  }
}

// One group of weights [inner x columns] or [columns x inner] in plain rows, as packed[width][inner x 16].
static void pack_weights(const latent_op *op, const float *weights, size_t panel, int width,
                         float *packed) {
  for (int p = 0; p < width; ++p, packed += (size_t)op->inner * 16) {
    size_t column = (panel + (size_t)p) * 16, stride = op->weights.stride;
    size_t lanes = op->columns - column < 16 ? op->columns - column : 16;
    pack_panel(op->layout, op->inner, (int)lanes, weights + column_offset(op->layout, stride, column),
               stride, packed, 16);
  }
}

// Whether a group's tiles go from the registers to their place, where these are enough for its activation.
static bool goes_direct(bool enough, size_t panel, int width, size_t columns) {
  return enough && (panel + (size_t)width) * 16 <= columns;
}

// Rows [row, row_end) of a group's panels, as far as the next tile writes them, into L1 and out of the cores
// that read them last: stores that wait for their lines held up short products by a third.
static void fetch_outputs(const float *output, size_t stride, const latent_block *block, const latent_rows *at,
                          size_t panel, int width) {
  latent_rows next = *at;
  latent_next_strip(block, &next);
  for (size_t row = next.row; row < next.row + next.rows; ++row)
    for (size_t p = 0; p < (size_t)width; ++p)
      __builtin_prefetch(output + row * stride + (panel + p) * 16, 1);
}

// output[rows x columns] = f(input[rows x inner] W + bias)
static void execute_linear_forward(const latent_task *task) {
  const latent_op *op = task->op;
  const float *input = latent_floats(task, op->input);
  const float *weights = latent_floats(task, op->weights);
  const float *bias = latent_floats(task, op->bias);
  float *output = latent_floats(task, op->output);
  size_t panels = latent_panels(op->columns);
  latent_strides by = {op->input.stride, 1, (size_t)op->inner * 16, 16, weights, 16, false};
  const bool gathers = op->ones && op->layout == LATENT_LAYOUT_PANELS && ones_pay(task, op->inner);
  latent_ones ones;
  float *zeros = task->scratch;  // lines as far from each other as panels of weights
  uint8_t *order = NULL;         // behind them
  if (gathers) {
    ones = ones_of(task, op->inner);
    order = (uint8_t *)(zeros + LATENT_GROUP_PANELS * by.w_panel);
    for (size_t p = 0; p < LATENT_GROUP_PANELS; ++p) vf_store(zeros + p * by.w_panel, (vf){});
  }
  const bool piecewise =
      op->activation == LATENT_ACTIVATION_IDENTITY || op->activation == LATENT_ACTIVATION_RELU;
  latent_block blocks[2];
  int count = latent_blocks(task, op->columns, LATENT_GROUP_PANELS, task->run->rows, product_dealing, blocks);
  latent_tile tile;
  for (int b = 0; b < count; ++b) {
    if (gathers) order_rows(&ones, blocks[b].row, blocks[b].row_end, order);
    for (size_t group = blocks[b].group; group < blocks[b].group_end; ++group) {
      const latent_group at_group = latent_group_at(group, panels, LATENT_GROUP_PANELS);
      size_t panel = at_group.panel;
      int width = at_group.width;
      by.half = latent_half(at_group, op->columns);
      const float *group_weights = weights + panel * by.w_panel;
      const float *start = bias ? bias + panel * 16 : NULL;
      float whole_bias[LATENT_GROUP_PANELS * 16];
      if (op->layout != LATENT_LAYOUT_PANELS) {
        pack_weights(op, weights, panel, width, task->scratch);
        group_weights = task->scratch;
        for (int p = 0; bias && p < width; ++p)
          vf_store(whole_bias + 16 * p, load_panel(bias, (panel + (size_t)p) * 16, op->columns, 1));
        start = bias ? whole_bias : NULL;
      }
      if (gathers && !(start && has_minus_zero(start, width))) {
        gathered_group(op, &ones, order, zeros, start, panel, width, blocks[b].row, blocks[b].row_end,
                       group_weights, output);
        continue;
      }
      const bool direct = goes_direct(piecewise, panel, width, op->columns);
      for (latent_rows at = latent_first_strip(&blocks[b]); at.rows; latent_next_strip(&blocks[b], &at)) {
        if (op->layout == LATENT_LAYOUT_PANELS)
          by.soon = latent_soon(&blocks[b], group, width, &at, group_weights + (size_t)width * by.w_panel,
                                by.w_panel, input, op->input.stride);
        float *out = output + at.row * op->output.stride;
        if (direct) fetch_outputs(output, op->output.stride, &blocks[b], &at, panel, width);
        latent_ending to = direct ? latent_to(out + panel * 16, op->output.stride) : latent_to_tile(&tile);
        if (direct && op->activation == LATENT_ACTIVATION_RELU) to.floor = 0;
        tile_group((int)at.rows, width, op->inner, input + at.row * op->input.stride, group_weights, &by,
                   start, &to);
        if (!direct) forward_rows(op, tile.values[0][0], out, at.rows, panel, width);
      }
    }
  }
}

// A tile of dX [rows x panels x 16] times the activation's slope at its stored output,
// stored[rows x stored_stride], to output[rows x stride].
LATENT_INLINE void input_epilogue(latent_activation activation, const latent_tile *tile,
                                  const float *stored, size_t stored_stride, float *output,
                                  size_t stride, size_t rows, size_t column, int panels,
                                  size_t columns) {
  for (size_t m = 0; m < rows; ++m)
    for (int p = 0; p < panels; ++p) {
      vf value = vf_load(tile->values[m][p]);
      if (activation != LATENT_ACTIVATION_IDENTITY)
        value *= activation_derivative(
            activation,
            load_panel(stored + m * stored_stride, column + 16 * (size_t)p, columns, stored_stride));
      store_panel(output + m * stride, column + 16 * (size_t)p, value, columns, stride);
    }
}

// The slope that a tile of dX meets in registers, where there is one.
static latent_gate input_gate(latent_activation activation) {
  switch (activation) {
    case LATENT_ACTIVATION_RELU: return LATENT_GATE_POSITIVE;
    case LATENT_ACTIVATION_TANH: return LATENT_GATES_TANH ? LATENT_GATE_TANH : LATENT_GATE_NONE;
    default: return LATENT_GATE_NONE;
  }
}

// output dX[rows x inner] = (gradient dY[rows x columns] Wt) * f'(input X[rows x inner])
static void execute_linear_backward_input(const latent_task *task) {
  const latent_op *op = task->op;
  const float *gradient = latent_floats(task, op->gradient);
  const float *weights = latent_floats(task, op->weights_transposed);
  const float *stored = latent_floats(task, op->input);
  float *output = latent_floats(task, op->output);
  const latent_gate gate = input_gate(op->activation);
  size_t panels = latent_panels(op->inner);
  latent_strides by = {op->gradient.stride, 1, (size_t)op->columns * 16, 16, weights, 16, false};
  latent_block blocks[2];
  int count = latent_blocks(task, op->inner, LATENT_GROUP_PANELS, task->run->rows, product_dealing, blocks);
  latent_tile tile;
  for (int b = 0; b < count; ++b)
    for (size_t group = blocks[b].group; group < blocks[b].group_end; ++group) {
      const latent_group at_group = latent_group_at(group, panels, LATENT_GROUP_PANELS);
      size_t panel = at_group.panel;
      int width = at_group.width;
      by.half = latent_half(at_group, op->inner);
      const bool direct =
          goes_direct(gate || op->activation == LATENT_ACTIVATION_IDENTITY, panel, width, op->inner);
      for (latent_rows at = latent_first_strip(&blocks[b]); at.rows; latent_next_strip(&blocks[b], &at)) {
        const float *group_weights = weights + panel * by.w_panel;
        by.soon = latent_soon(&blocks[b], group, width, &at, group_weights + (size_t)width * by.w_panel,
                              by.w_panel, gradient, op->gradient.stride);
        const float *x = stored ? stored + at.row * op->input.stride : NULL;
        float *out = output + at.row * op->output.stride;
        fetch_outputs(output, op->output.stride, &blocks[b], &at, panel, width);
        latent_ending to = direct ? latent_to(out + panel * 16, op->output.stride) : latent_to_tile(&tile);
        if (direct && gate) {
          to.gate = gate;
          to.gate_at = x + panel * 16;
          to.gate_row = op->input.stride;
        }
        tile_group((int)at.rows, width, op->columns, gradient + at.row * op->gradient.stride,
                   group_weights, &by, NULL, &to);
        if (direct) continue;
#define LATENT_EPILOGUE(ACTIVATION)                                                             \
  case ACTIVATION:                                                                              \
    input_epilogue(ACTIVATION, &tile, x, op->input.stride, out, op->output.stride, at.rows,     \
                   panel * 16, width, op->inner);                                               \
    break;
        switch (op->activation) {
          LATENT_EPILOGUE(LATENT_ACTIVATION_IDENTITY)
          LATENT_EPILOGUE(LATENT_ACTIVATION_RELU)
          LATENT_EPILOGUE(LATENT_ACTIVATION_TANH)
          LATENT_EPILOGUE(LATENT_ACTIVATION_SIGMOID)
          LATENT_EPILOGUE(LATENT_ACTIVATION_SOFTPLUS)
          LATENT_EPILOGUE(LATENT_ACTIVATION_ELU)
        }
#undef LATENT_EPILOGUE
      }
    }
}
