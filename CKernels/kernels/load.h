// Rows of the data set into a batch, binarized or dequantized on the way, so that a pass over the
// data costs no pass over memory of its own.

LATENT_INLINE vf bytes_load_first(const uint8_t *p, int count) {
  typedef uint8_t vb __attribute__((vector_size(16), aligned(1)));
  vb value = {};
  if (count >= 16) value = *(const vb *)p;
  else memcpy(&value, p, (size_t)count);
  return __builtin_convertvector(value, vf);
}

// Fetches a row of `bytes`: shuffled rows lie where no prefetcher looks for them.
LATENT_INLINE void prefetch_row(const void *row, size_t bytes) {
  for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch((const char *)row + at);
}

// One row, from source[columns] (bytes or floats) to out[columns, or stride where that is padded].
LATENT_INLINE void load_row(const latent_transform transform, const bool bytes, const latent_op *op,
                            const void *source, latent_stream stream, float *out) {
  const bool random = transform == LATENT_TRANSFORM_BINARIZE || transform == LATENT_TRANSFORM_DEQUANTIZE;
  const bool missing = op->missing;
  size_t columns = op->columns, stride = op->output.stride;
  vu words[4];
  for (size_t column = 0; column < columns; column += 16) {
    int count = (int)(columns - column < 16 ? columns - column : 16);
    if (random && column % 64 == 0) latent_philox(&stream, (uint32_t)(column / 64), words);
    vf raw = bytes ? bytes_load_first((const uint8_t *)source + column, count)
                   : vf_load_first((const float *)source + column, count);
    vf value = bytes ? raw / 255.0f : raw;
    switch (transform) {
      case LATENT_TRANSFORM_NONE: break;
      case LATENT_TRANSFORM_THRESHOLD:
        value = vf_select(value > 0.5f, vf_all(1.0f), (vf){});
        break;
      case LATENT_TRANSFORM_BINARIZE:
        value = vf_select(vf_uniform(words[column % 64 / 16]) < value, vf_all(1.0f), (vf){});
        break;
      case LATENT_TRANSFORM_DEQUANTIZE:
        value = ((bytes ? raw : raw * 255.0f) + vf_uniform(words[column % 64 / 16])) * 0x1p-8f;
        break;
    }
    // A value that is missing stays so through every transform, unless it is to be zero.
    if (!bytes) value = vf_select(raw == raw, value, missing ? (vf){} : raw);
    store_panel(out, column, value, columns, stride);
  }
}

static void execute_load_rows(const latent_task *task) {
  const latent_op *op = task->op;
  const latent_run *run = task->run;
  const latent_buffer *source = &task->buffers[op->source.buffer];
  const uint32_t *index = (const uint32_t *)task->buffers[op->row_index.buffer].data +
                          op->row_index.offset;
  float *output = latent_floats(task, op->output), *epsilon = latent_floats(task, op->epsilon);
  const bool bytes = op->source_kind == LATENT_SOURCE_BYTES;
  latent_purpose purpose = op->transform == LATENT_TRANSFORM_BINARIZE
                               ? LATENT_PURPOSE_BINARIZATION
                               : LATENT_PURPOSE_DEQUANTIZATION;
  size_t columns = op->columns, size = bytes ? 1 : sizeof(float);
  latent_range mine = latent_share(run->rows, task->thread, task->threads);
  for (size_t row = mine.start; row < mine.end; ++row) {
    size_t start = op->source.offset + (size_t)index[row] * op->source.stride;
    size_t next = row + 1 < mine.end ? op->source.offset + (size_t)index[row + 1] * op->source.stride
                                     : source->count;
    if (next < source->count) prefetch_row((const char *)source->data + next * size, columns * size);
    if (epsilon) {
      const latent_stream noise =
          latent_stream_make(run->seed, LATENT_PURPOSE_EPSILON, run->sample, index[row], run->epoch);
      draw_normals(&noise, op->dimensions, epsilon + row * op->epsilon.stride, op->epsilon.stride);
    }
    float *out = output + row * op->output.stride;
    // A plan's check cannot know row numbers: those outside the data give not-a-number, which shows.
    if (start > source->count || columns > source->count - start) {
      for (size_t column = 0; column < columns; column += 16)
        store_panel(out, column, vf_all(__builtin_nanf("")), columns, op->output.stride);
      continue;
    }
    const void *from = (const char *)source->data + start * size;
    latent_stream stream = latent_stream_make(run->seed, purpose, 0, index[row], run->epoch);
#define LATENT_LOAD(TRANSFORM)                                    \
  case TRANSFORM:                                                 \
    if (bytes) load_row(TRANSFORM, true, op, from, stream, out);  \
    else load_row(TRANSFORM, false, op, from, stream, out);       \
    break;
    switch (op->transform) {
      LATENT_LOAD(LATENT_TRANSFORM_NONE)
      LATENT_LOAD(LATENT_TRANSFORM_THRESHOLD)
      LATENT_LOAD(LATENT_TRANSFORM_BINARIZE)
      LATENT_LOAD(LATENT_TRANSFORM_DEQUANTIZE)
    }
#undef LATENT_LOAD
  }
}
