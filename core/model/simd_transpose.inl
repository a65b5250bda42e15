// Matrices of floats, or of any four bytes, turned about in squares. Included after simd_vector.inl.

// y[i, r] = rows[r][i]. The rows are lost.
FINTAG_INLINE void TransposeRows(F (&rows)[kLanes], float* y, int64_t y_stride) {
#ifdef __clang__
  for (int64_t i = 0; i < kLanes; ++i) {
    for (int64_t r = 0; r < kLanes; ++r) y[i * y_stride + r] = rows[r][i];
  }
#else
  // By log2(kLanes) rounds of interleaving the rows' halves.
  F other[kLanes];
  I low;
  I high;
  for (int32_t i = 0; i < kLanes; ++i) {
    low[i] = i / 2 + (i % 2 ? static_cast<int32_t>(kLanes) : 0);
    high[i] = low[i] + static_cast<int32_t>(kLanes / 2);
  }
  F* from = rows;
  F* to = other;
  for (int64_t round = 1; round < kLanes; round *= 2) {
    for (int64_t i = 0; i < kLanes / 2; ++i) {
      to[2 * i] = __builtin_shuffle(from[i], from[i + kLanes / 2], low);
      to[2 * i + 1] = __builtin_shuffle(from[i], from[i + kLanes / 2], high);
    }
    F* swap = from;
    from = to;
    to = swap;
  }
  for (int64_t i = 0; i < kLanes; ++i) Store(y + i * y_stride, from[i]);
#endif
}

FINTAG_INLINE void TransposeSquare(const float* x, int64_t x_stride, float* y, int64_t y_stride) {
  F rows[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) rows[i] = Load(x + i * x_stride);
  TransposeRows(rows, y, y_stride);
}

// y[c, r] = x[r, c] for `rows` rows and columns begin to end.
FINTAG_INLINE void TransposeStrided(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows,
                                    int64_t begin, int64_t end) {
  const int64_t square_rows = rows / kLanes * kLanes;
  int64_t c = begin;
  for (; c + kLanes <= end; c += kLanes) {
    for (int64_t r = 0; r < square_rows; r += kLanes) {
      TransposeSquare(x + r * x_stride + c, x_stride, y + c * y_stride + r, y_stride);
    }
    for (int64_t r = square_rows; r < rows; ++r) {
      for (int64_t i = 0; i < kLanes; ++i) y[(c + i) * y_stride + r] = x[r * x_stride + c + i];
    }
  }
  for (; c < end; ++c) {
    for (int64_t r = 0; r < rows; ++r) y[c * y_stride + r] = x[r * x_stride + c];
  }
}
