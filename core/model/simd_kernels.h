// The inner loops of the encoder on the CPU, over raw pointers, in one version for each level of the processor
// (AVX-512, AVX2, any). What they compute is defined by the plain versions beside their callers: dropout.cc,
// layer_norm.cc, packed_attention.cc, linear.cc.
#pragma once

#include <cstdint>

namespace fintag {

// Dropout (dropout.h) as the loops take it; scale 1 and threshold 0 drop nothing.
struct DropoutBits {
  uint32_t k0 = 0;
  uint32_t k1 = 0;
  uint32_t threshold = 0;
  float scale = 1;
};

struct LayerNormForward {
  const float* x;         // [rows, columns]
  const float* residual;  // [rows, columns] or null
  const float* weight;    // [columns]
  const float* bias;      // [columns]
  float* y;               // [rows, columns]
  float* normalized;      // [rows, columns] or null: the input less its mean, times reciprocal deviation
  float* rstd;            // [rows] or null: that reciprocal deviation
  int64_t columns;
  float epsilon;
  DropoutBits dropout;
};

struct LayerNormBackward {
  const float* dy;          // [rows, columns]
  const float* normalized;  // [rows, columns]
  const float* rstd;        // [rows]
  const float* weight;      // [columns]
  float* dx;                // [rows, columns]
  float* dresidual;         // [rows, columns] or null; where null, dropout must drop nothing or dx alone is wanted
  int64_t columns;
  DropoutBits dropout;
};

// y = (a + b) factor + c, element by element; in bfloat16 where `rounded` is not null.
struct ScaledSum {
  const float* a;  // all [count]
  const float* b;
  float factor;
  const float* c;
  float* y;
  uint16_t* rounded;
  int64_t count;
};

// One head of one sequence. Row i of q, k, v, dq, dk, dv is `stride` floats after row i - 1; of out, dout
// `out_stride`; of lse `lse_stride`.
struct AttentionHead {
  const float* q;
  const float* k;
  const float* v;
  int64_t stride;
  int64_t length;
  int64_t head_size;
  float scale;  // 1 / sqrt(head_size)
  float* out;   // written forward, read backward
  int64_t out_stride;
  float* lse;  // log of the softmax's denominator, [length]; may be null forward
  int64_t lse_stride;
  DropoutBits dropout;
  uint32_t dropout_row;   // of row 0
  uint32_t dropout_step;  // from row to row
  const float* dout = nullptr;
  float* dq = nullptr;
  float* dk = nullptr;
  float* dv = nullptr;
  float* scratch = nullptr;  // AttentionScratch(length, head_size) floats
};

constexpr int64_t AttentionRowBlock() { return 48; }
inline int64_t AttentionScratch(int64_t length, int64_t head_size) {
  const int64_t padded = (length + 15) / 16 * 16;
  return 2 * (head_size + AttentionRowBlock()) * padded;
}

// Alike, for tagging: queries, keys, values and probabilities in bfloat16, sums in float32.
struct RoundedAttentionHead {
  const uint16_t* q;
  const uint16_t* k;
  const uint16_t* v;
  int64_t stride;  // even
  int64_t length;
  int64_t head_size;  // even
  float scale;
  float* out;
  int64_t out_stride;
  float* scratch;  // AttentionScratch(length, head_size rounded up to 16) floats
};

// Null where the processor (or this build) has no instructions for bfloat16.
using RoundedAttention = void (*)(const RoundedAttentionHead& head);
RoundedAttention SimdRoundedAttention();

struct SimdKernels {
  const char* level;  // "avx512", "avx2", "generic"
  // Rows begin to end of [rows, columns].
  void (*dropout)(const float* x, float* y, int64_t begin, int64_t end, int64_t columns, const DropoutBits& dropout);
  void (*layer_norm_forward)(const LayerNormForward& norm, int64_t begin, int64_t end);
  // Adds the rows' parts of the parameters' gradients to dweight and dbias, [columns].
  void (*layer_norm_backward)(const LayerNormBackward& norm, int64_t begin, int64_t end, float* dweight, float* dbias);
  void (*gelu_forward)(const float* x, float* y, int64_t count);
  void (*gelu_backward)(const float* dy, const float* x, float* dx, int64_t count);
  // sums[c] = sum over rows of x[r, c] for columns begin to end.
  void (*column_sums)(const float* x, int64_t rows, int64_t columns, int64_t begin, int64_t end, float* sums);
  // y[c, r] = x[r, c] for columns begin to end.
  void (*transpose)(const float* x, float* y, int64_t rows, int64_t columns, int64_t begin, int64_t end);
  void (*add)(const float* x, float* y, int64_t count);  // y += x
  void (*scaled_sum)(const ScaledSum& sum);
  void (*attention_forward)(const AttentionHead& head);
  void (*attention_backward)(const AttentionHead& head);
};

// The best that this processor runs.
const SimdKernels& Simd();

// The level of that name, or null where this processor (or this build) lacks it: for tests.
const SimdKernels* SimdLevel(const char* level);

}  // namespace fintag
