// Attention of one head of one sequence. Included once a processor level, after simd_transpose.inl.
// Query rows go in blocks, so that a block's scores stay in the cache; within a block all is small matrix products.

// Row-major c[m, n] (+)= a[m, k] b[k, n]; element (i, p) of a is a[i * a_row + p * a_column].
struct Product {
  const float* a;
  int64_t a_row;
  int64_t a_column;
  const float* b;
  int64_t b_stride;
  float* c;
  int64_t c_stride;
  int64_t m;
  int64_t n;
  int64_t k;
  const float* factor = nullptr;  // [m]: row i of the product times factor[i]
};

template <int64_t kRows, int kVectors, bool kAdd>
FINTAG_INLINE void ProductTile(const Product& product, int64_t i, int64_t j) {
  F sum[kRows][kVectors];
  float* c = product.c + i * product.c_stride + j;
  for (int64_t r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sum[r][v] = kAdd ? Load(c + r * product.c_stride + v * kLanes) : F{};
  }
  const float* a = product.a + i * product.a_row;
  const float* b = product.b + j;
  for (int64_t p = 0; p < product.k; ++p) {
    F row[kVectors];
    for (int v = 0; v < kVectors; ++v) row[v] = Load(b + v * kLanes);
    for (int64_t r = 0; r < kRows; ++r) {
      const F factor = Broadcast(a[r * product.a_row]);
      for (int v = 0; v < kVectors; ++v) sum[r][v] += factor * row[v];
    }
    a += product.a_column;
    b += product.b_stride;
  }
  if (product.factor != nullptr) {
    for (int64_t r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors; ++v) sum[r][v] *= product.factor[i + r];
    }
  }
  for (int64_t r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) Store(c + r * product.c_stride + v * kLanes, sum[r][v]);
  }
}

// Of 2 vectors, beside 2 of b and a factor: 27 of 32 registers, or 15 of 16.
constexpr int64_t kProductRows = kLanes == 16 ? 12 : 6;

template <int kVectors, bool kAdd>
FINTAG_INLINE void ProductColumns(const Product& product, int64_t j) {
  ForGroups<kProductRows>(
      0, product.m, [&]<int64_t kRows>(int64_t i) __attribute__((always_inline)) {
        ProductTile<kRows, kVectors, kAdd>(product, i, j);
      });
}

template <bool kAdd>
void Multiply(const Product& product) {
  int64_t j = 0;
  for (; j + 2 * kLanes <= product.n; j += 2 * kLanes) ProductColumns<2, kAdd>(product, j);
  for (; j + kLanes <= product.n; j += kLanes) ProductColumns<1, kAdd>(product, j);
  // Head sizes that are no multiple of the vector: small test models only.
  for (; j < product.n; ++j) {
    for (int64_t i = 0; i < product.m; ++i) {
      float sum = kAdd ? product.c[i * product.c_stride + j] : 0;
      for (int64_t p = 0; p < product.k; ++p) {
        sum += product.a[i * product.a_row + p * product.a_column] * product.b[p * product.b_stride + j];
      }
      product.c[i * product.c_stride + j] = product.factor != nullptr ? sum * product.factor[i] : sum;
    }
  }
}

// to[head size, padded] = from^T, its columns beyond the sequence 0.
FINTAG_INLINE void TransposeHead(const float* from, int64_t stride, const AttentionHead& head, int64_t padded,
                                 float* to) {
  for (int64_t d = 0; d < head.head_size; d += kLanes) {
    const int64_t columns = Lanes(head.head_size - d);
    for (int64_t j = 0; j < padded; j += kLanes) {
      F rows[kLanes];
      for (int64_t i = 0; i < kLanes; ++i) {
        rows[i] = j + i < head.length ? Load(from + (j + i) * stride + d, columns) : F{};
      }
      float* square = to + d * padded + j;
      if (columns == kLanes) {
        TransposeRows(rows, square, padded);
      } else {
        float all[kLanes * kLanes];
        TransposeRows(rows, all, kLanes);
        for (int64_t i = 0; i < columns; ++i) Store(square + i * padded, Load(all + i * kLanes));
      }
    }
  }
}

// `count` rows of scores, up to kLanes, the first that of query `first`, to their probabilities (after dropout) times
// their sum, in place; inverse[i]: row i's sum to the power of -1, kLanes of them.
FINTAG_INLINE void Softmax(const AttentionHead& head, int64_t first, int64_t count, float* scores, int64_t stride,
                           float* inverse) {
  const int64_t length = head.length;
  const int64_t whole = length / kLanes * kLanes;
  const int64_t left = length - whole;
  const float scale2 = head.scale * kLog2E;  // by powers of 2
  F lanes[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) {
    const float* row = scores + i * stride;
    F largest = left > 0 ? Head(Load(row + whole), left, -3.0e38f) : Broadcast(-3.0e38f);
    for (int64_t j = 0; j < whole; j += kLanes) largest = Maximum(largest, Load(row + j));
    lanes[i] = largest;
  }
  float maximum[kLanes];
  Store(maximum, ReduceRows<true>(lanes) * scale2);
  for (int64_t i = 0; i < count; ++i) {
    float* row = scores + i * stride;
    F sum = {};
    for (int64_t j = 0; j < whole; j += kLanes) {
      const F p = Exp2(Load(row + j) * scale2 - maximum[i]);
      Store(row + j, p);
      sum += p;
    }
    if (left > 0) {
      const F p = Head(Exp2(Load(row + whole) * scale2 - maximum[i]), left, 0);
      Store(row + whole, p);
      sum += p;
    }
    lanes[i] = sum;
  }
  const F total = ReduceRows<false>(lanes);
  Store(inverse, 1.0f / total);
  for (int64_t i = 0; i < count; ++i) {
    float* row = scores + i * stride;
    if (head.dropout.threshold) {
      const uint32_t key =
          DropoutRow(head.dropout, head.dropout_row + static_cast<uint32_t>(first + i) * head.dropout_step);
      for (int64_t j = 0; j < length; j += kLanes) Store(row + j, Load(row + j) * DropoutFactors(head.dropout, key, j));
    }
    if (head.lse) head.lse[(first + i) * head.lse_stride] = maximum[i] / kLog2E + __builtin_logf(total[i]);
  }
}

void AttentionForward(const AttentionHead& head) {
  const int64_t length = head.length;
  const int64_t padded = (length + 15) / 16 * 16;
  float* keys = head.scratch;
  float* scores = keys + head.head_size * padded;
  TransposeHead(head.k, head.stride, head, padded, keys);
  for (int64_t first = 0; first < length; first += AttentionRowBlock()) {
    const int64_t rows = length - first < AttentionRowBlock() ? length - first : AttentionRowBlock();
    Multiply<false>(
        {head.q + first * head.stride, head.stride, 1, keys, padded, scores, padded, rows, padded, head.head_size});
    float inverse[AttentionRowBlock()];
    for (int64_t i = 0; i < rows; i += kLanes) {
      Softmax(head, first + i, Lanes(rows - i), scores + i * padded, padded, inverse + i);
    }
    Multiply<false>({scores, padded, 1, head.v, head.stride, head.out + first * head.out_stride, head.out_stride, rows,
                     head.head_size, length, inverse});
  }
}

// With P the probabilities, M dropout's factors and D_i = dout_i . out_i:
//   dV = (P M)^T dout,  dS = P (dout V^T M - D) * scale,  dQ = dS K,  dK = dS^T Q.
void AttentionBackward(const AttentionHead& head) {
  const int64_t length = head.length;
  const int64_t size = head.head_size;
  const int64_t padded = (length + 15) / 16 * 16;
  float* keys = head.scratch;
  float* values = keys + size * padded;
  float* scores = values + size * padded;
  float* gradients = scores + AttentionRowBlock() * padded;
  const float scale2 = head.scale * kLog2E;
  TransposeHead(head.k, head.stride, head, padded, keys);
  TransposeHead(head.v, head.stride, head, padded, values);
  for (int64_t first = 0; first < length; first += AttentionRowBlock()) {
    const int64_t rows = length - first < AttentionRowBlock() ? length - first : AttentionRowBlock();
    const float* q = head.q + first * head.stride;
    const float* dout = head.dout + first * head.out_stride;
    const float* out = head.out + first * head.out_stride;
    Multiply<false>({q, head.stride, 1, keys, padded, scores, padded, rows, padded, size});
    Multiply<false>({dout, head.out_stride, 1, values, padded, gradients, padded, rows, padded, size});
    for (int64_t i = 0; i < rows; ++i) {
      float* score = scores + i * padded;
      float* gradient = gradients + i * padded;
      F dots = {};
      for (int64_t d = 0; d < size; d += kLanes) {
        const int64_t n = Lanes(size - d);
        dots += Load(dout + i * head.out_stride + d, n) * Load(out + i * head.out_stride + d, n);
      }
      const float dot = Sum(dots);
      const float lse2 = head.lse[(first + i) * head.lse_stride] * kLog2E;
      const uint32_t key =
          DropoutRow(head.dropout, head.dropout_row + static_cast<uint32_t>(first + i) * head.dropout_step);
      for (int64_t j = 0; j < length; j += kLanes) {
        const F p = Head(Exp2(Load(score + j) * scale2 - lse2), Lanes(length - j), 0);
        F dp = Load(gradient + j);
        F dropped = p;
        if (head.dropout.threshold) {
          const F factors = DropoutFactors(head.dropout, key, j);
          dropped *= factors;
          dp *= factors;
        }
        Store(score + j, dropped);
        Store(gradient + j, p * (dp - dot) * head.scale);
      }
    }
    Multiply<false>(
        {gradients, padded, 1, head.k, head.stride, head.dq + first * head.stride, head.stride, rows, size, length});
    const Product dk = {gradients, 1, padded, q, head.stride, head.dk, head.stride, length, size, rows};
    const Product dv = {scores, 1, padded, dout, head.out_stride, head.dv, head.stride, length, size, rows};
    if (first == 0) {
      Multiply<false>(dk);
      Multiply<false>(dv);
    } else {
      Multiply<true>(dk);
      Multiply<true>(dv);
    }
  }
}
