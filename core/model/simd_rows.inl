// Loops over the rows of a matrix: dropout, layer norm, GELU, column sums, transposition. Included once a processor
// level, after simd_vector.inl.

void DropoutRows(const float* x, float* y, int64_t begin, int64_t end, int64_t columns, const DropoutBits& dropout) {
  for (int64_t row = begin; row < end; ++row) {
    const uint32_t key = DropoutRow(dropout, static_cast<uint32_t>(row));
    for (int64_t c = 0; c < columns; c += kLanes) {
      const int64_t n = Lanes(columns - c);
      Store(y + row * columns + c, Load(x + row * columns + c, n) * DropoutFactors(dropout, key, c), n);
    }
  }
}

// The whole vectors of a row are summed four at a time: one chain of sums would be waited for.
constexpr int64_t kChains = 4;

FINTAG_INLINE float Sum(const F (&chains)[kChains]) { return Sum((chains[0] + chains[1]) + (chains[2] + chains[3])); }

// Calls body(c, lanes, chain) for a row's vectors.
template <typename Body>
FINTAG_INLINE void ForVectors(int64_t columns, const Body& body) {
  int64_t c = 0;
  for (; c + kChains * kLanes <= columns; c += kChains * kLanes) {
    for (int64_t chain = 0; chain < kChains; ++chain) body(c + chain * kLanes, kLanes, chain);
  }
  for (; c < columns; c += kLanes) body(c, Lanes(columns - c), 0);
}

void LayerNormForwardRows(const LayerNormForward& norm, int64_t begin, int64_t end) {
  const int64_t columns = norm.columns;
  for (int64_t row = begin; row < end; ++row) {
    const float* x = norm.x + row * columns;
    const float* residual = norm.residual ? norm.residual + row * columns : nullptr;
    float* y = norm.y + row * columns;
    float* normalized = norm.normalized ? norm.normalized + row * columns : y;
    const uint32_t key = DropoutRow(norm.dropout, static_cast<uint32_t>(row));

    F sums[kChains] = {};
    ForVectors(
        columns, [&](int64_t c, int64_t n, int64_t chain) __attribute__((always_inline)) {
          F value = Load(x + c, n);
          if (norm.dropout.threshold) value *= DropoutFactors(norm.dropout, key, c);
          if (residual) value += Load(residual + c, n);
          Store(normalized + c, value, n);
          sums[chain] += value;
        });
    const float mean = Sum(sums) / static_cast<float>(columns);
    F squares[kChains] = {};
    ForVectors(
        columns, [&](int64_t c, int64_t n, int64_t chain) __attribute__((always_inline)) {
          const F distance = Head(Load(normalized + c, n) - mean, n, 0);
          squares[chain] += distance * distance;
        });
    const float rstd = 1.0f / __builtin_sqrtf(Sum(squares) / static_cast<float>(columns) + norm.epsilon);
    ForVectors(
        columns, [&](int64_t c, int64_t n, int64_t /*chain*/) __attribute__((always_inline)) {
          const F value = (Load(normalized + c, n) - mean) * rstd;
          if (norm.normalized) Store(normalized + c, value, n);
          Store(y + c, value * Load(norm.weight + c, n) + Load(norm.bias + c, n), n);
        });
    if (norm.rstd) norm.rstd[row] = rstd;
  }
}

void LayerNormBackwardRows(const LayerNormBackward& norm, int64_t begin, int64_t end, float* dweight, float* dbias) {
  const int64_t columns = norm.columns;
  for (int64_t row = begin; row < end; ++row) {
    const float* dy = norm.dy + row * columns;
    const float* normalized = norm.normalized + row * columns;
    F sums[kChains] = {};
    F product_sums[kChains] = {};
    ForVectors(
        columns, [&](int64_t c, int64_t n, int64_t chain) __attribute__((always_inline)) {
          const F gradient = Load(dy + c, n);
          const F value = Load(normalized + c, n);
          const F scaled = gradient * Load(norm.weight + c, n);
          sums[chain] += scaled;
          product_sums[chain] += scaled * value;
          Store(dweight + c, Load(dweight + c, n) + gradient * value, n);
          Store(dbias + c, Load(dbias + c, n) + gradient, n);
        });
    const float mean = Sum(sums) / static_cast<float>(columns);
    const float product_mean = Sum(product_sums) / static_cast<float>(columns);
    const float rstd = norm.rstd[row];
    const uint32_t key = DropoutRow(norm.dropout, static_cast<uint32_t>(row));
    for (int64_t c = 0; c < columns; c += kLanes) {
      const int64_t n = Lanes(columns - c);
      F gradient = Load(dy + c, n) * Load(norm.weight + c, n);
      gradient = (gradient - mean - Load(normalized + c, n) * product_mean) * rstd;
      if (norm.dresidual) Store(norm.dresidual + row * columns + c, gradient, n);
      if (norm.dropout.threshold) gradient *= DropoutFactors(norm.dropout, key, c);
      Store(norm.dx + row * columns + c, gradient, n);
    }
  }
}

void GeluForward(const float* x, float* y, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t n = Lanes(count - i);
    const F value = Load(x + i, n);
    Store(y + i, Gelu(value), n);
  }
}

void GeluBackward(const float* dy, const float* x, float* dx, int64_t count) {
  constexpr float kDensity = 0.39894228040143268f;  // 1 / sqrt(2 pi)
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t n = Lanes(count - i);
    const F value = Load(x + i, n);
    F gauss;
    const F cdf = NormalCdf(value, &gauss);
    Store(dx + i, Load(dy + i, n) * (cdf + value * kDensity * gauss), n);
  }
}

void ColumnSums(const float* x, int64_t rows, int64_t columns, int64_t begin, int64_t end, float* sums) {
  int64_t c = begin;
  for (; c + 4 * kLanes <= end; c += 4 * kLanes) {
    F sum[4] = {};
    for (int64_t row = 0; row < rows; ++row) {
      const float* p = x + row * columns + c;
      for (int i = 0; i < 4; ++i) sum[i] += Load(p + i * kLanes);
    }
    for (int i = 0; i < 4; ++i) Store(sums + c + i * kLanes, sum[i]);
  }
  for (; c < end; c += kLanes) {
    const int64_t n = Lanes(end - c);
    F sum = {};
    for (int64_t row = 0; row < rows; ++row) sum += Load(x + row * columns + c, n);
    Store(sums + c, sum, n);
  }
}

void TransposeColumns(const float* x, float* y, int64_t rows, int64_t columns, int64_t begin, int64_t end) {
  TransposeStrided(x, columns, y, rows, rows, begin, end);
}

void Add(const float* x, float* y, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t n = Lanes(count - i);
    Store(y + i, Load(y + i, n) + Load(x + i, n), n);
  }
}

// A vector of bfloat16, rounded to even, where the processor need have no instruction for it. Not a number stays so.
typedef uint16_t Rounded __attribute__((vector_size(FINTAG_VECTOR_BYTES / 2)));
FINTAG_INLINE Rounded RoundBits(F value) {
  const U bits = reinterpret_cast<U>(value);
  const U rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return __builtin_convertvector(value == value ? rounded : (bits >> 16) | 0x40, Rounded);
}

void ScaledSumOfRow(const ScaledSum& sum) {
  for (int64_t i = 0; i < sum.count; i += kLanes) {
    const int64_t n = Lanes(sum.count - i);
    const F value = (Load(sum.a + i, n) + Load(sum.b + i, n)) * sum.factor + Load(sum.c + i, n);
    if (sum.rounded == nullptr) {
      Store(sum.y + i, value, n);
    } else {
      const Rounded rounded = RoundBits(value);
      __builtin_memcpy(sum.rounded + i, &rounded, static_cast<size_t>(n) * sizeof(uint16_t));
    }
  }
}
