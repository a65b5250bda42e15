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
  for (int64_t r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) Store(c + r * product.c_stride + v * kLanes, sum[r][v]);
  }
}

// Of 2 vectors, beside 2 of b and a factor: 27 of 32 registers, or 15 of 16.
constexpr int64_t kProductRows = kLanes == 16 ? 12 : 6;

template <int kVectors, bool kAdd>
FINTAG_INLINE void ProductColumns(const Product& product, int64_t j) {
  ForGroups<kProductRows>(0, product.m, [&]<int64_t kRows>(int64_t i) __attribute__((always_inline)) {
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
      product.c[i * product.c_stride + j] = sum;
    }
  }
}

// to[head size, padded] = from^T, its columns beyond the sequence 0.
FINTAG_INLINE void TransposeHead(const float* from, int64_t stride, const AttentionHead& head, int64_t padded,
                                 float* to) {
  TransposeStrided(from, stride, to, padded, head.length, 0, head.head_size);
  for (int64_t d = 0; d < head.head_size; ++d) {
    for (int64_t j = head.length; j < padded; ++j) to[d * padded + j] = 0;
  }
}

void AttentionForward(const AttentionHead& head) {
  const int64_t length = head.length;
  const float scale2 = head.scale * kLog2E;  // softmax by powers of 2
  const int64_t padded = (length + 15) / 16 * 16;
  float* keys = head.scratch;
  float* scores = keys + head.head_size * padded;
  TransposeHead(head.k, head.stride, head, padded, keys);
  for (int64_t first = 0; first < length; first += AttentionRowBlock()) {
    const int64_t rows = length - first < AttentionRowBlock() ? length - first : AttentionRowBlock();
    Multiply<false>(
        {head.q + first * head.stride, head.stride, 1, keys, padded, scores, padded, rows, padded, head.head_size});
    for (int64_t i = 0; i < rows; ++i) {
      float* row = scores + i * padded;
      F largest = Broadcast(-3.0e38f);
      for (int64_t j = 0; j < length; j += kLanes) {
        largest = Maximum(largest, Head(Load(row + j), Lanes(length - j), -3.0e38f));
      }
      const float maximum = Maximum(largest) * scale2;
      F sum = {};
      for (int64_t j = 0; j < length; j += kLanes) {
        const F p = Head(Exp2(Load(row + j) * scale2 - maximum), Lanes(length - j), 0);
        Store(row + j, p);
        sum += p;
      }
      const float total = Sum(sum);
      const uint32_t key =
          DropoutRow(head.dropout, head.dropout_row + static_cast<uint32_t>(first + i) * head.dropout_step);
      const float inverse = 1.0f / total;
      for (int64_t j = 0; j < length; j += kLanes) {
        F p = Load(row + j) * inverse;
        if (head.dropout.threshold) p *= DropoutFactors(head.dropout, key, j);
        Store(row + j, p);
      }
      if (head.lse) head.lse[(first + i) * head.lse_stride] = maximum / kLog2E + __builtin_logf(total);
    }
    Multiply<false>({scores, padded, 1, head.v, head.stride, head.out + first * head.out_stride, head.out_stride, rows,
                     head.head_size, length});
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
