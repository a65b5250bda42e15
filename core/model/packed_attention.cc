#include "core/model/packed_attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/model/dropout_bits.h"
#include "core/model/fused_attention.h"
#include "core/model/parallel.h"
#include "core/model/product_parts.h"
#include "core/model/simd_kernels.h"

namespace fintag {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The work of one head of a sequence, in arbitrary units: scores, and the linear part beside them.
int64_t HeadCost(int64_t length) { return length * (length + 32); }

// Calls `run(sequence, head)` for every pair, in shares of about the same cost.
template <typename Run>
void ForEachHead(const int64_t* offsets, int64_t sequences, int64_t heads, const Run& run) {
  int64_t total = 0;
  for (int64_t s = 0; s < sequences; ++s) total += heads * HeadCost(offsets[s + 1] - offsets[s]);
  constexpr int64_t kSharesOfThread = 8;
  const int64_t threads = std::max<int64_t>(1, ParallelThreads());
  const int64_t shares = threads > 1 ? threads * kSharesOfThread : 1;
  ParallelEach(shares, [&](int64_t share) {
    const int64_t from = total * share / shares;
    const int64_t to = total * (share + 1) / shares;
    int64_t done = 0;
    for (int64_t s = 0; s < sequences && done < to; ++s) {
      const int64_t cost = HeadCost(offsets[s + 1] - offsets[s]);
      if (done + heads * cost <= from) {
        done += heads * cost;
        continue;
      }
      for (int64_t head = 0; head < heads; ++head, done += cost) {
        if (done >= from && done < to && cost > 0) run(s, head);
      }
    }
  });
}

struct Shape {
  Shape(const at::Tensor& qkv, const at::Tensor& offsets, int64_t heads)
      : offsets(offsets.const_data_ptr<int64_t>()),
        sequences(offsets.size(0) - 1),
        heads(heads),
        hidden(qkv.size(1) / 3),
        size(hidden / heads) {
    for (int64_t s = 0; s < sequences; ++s) longest = std::max(longest, this->offsets[s + 1] - this->offsets[s]);
  }

  const int64_t* offsets;
  int64_t sequences;
  int64_t heads;
  int64_t hidden;
  int64_t size;  // of a head
  int64_t longest = 0;
};

float ScaleOf(const Shape& shape) { return static_cast<float>(1 / std::sqrt(static_cast<double>(shape.size))); }

AttentionHead HeadOf(const Shape& shape, const float* qkv, int64_t sequence, int64_t head, float* out, float* lse,
                     const Dropout& dropout) {
  const int64_t first = shape.offsets[sequence];
  const float* q = qkv + first * 3 * shape.hidden + head * shape.size;
  AttentionHead result = {};
  result.q = q;
  result.k = q + shape.hidden;
  result.v = q + 2 * shape.hidden;
  result.stride = 3 * shape.hidden;
  result.length = shape.offsets[sequence + 1] - first;
  result.head_size = shape.size;
  result.scale = ScaleOf(shape);
  result.out = out + first * shape.hidden + head * shape.size;
  result.out_stride = shape.hidden;
  result.lse = lse ? lse + first * shape.heads + head : nullptr;
  result.lse_stride = shape.heads;
  result.dropout = BitsOf(dropout);
  result.dropout_row = static_cast<uint32_t>(first * shape.heads + head);
  result.dropout_step = static_cast<uint32_t>(shape.heads);
  return result;
}

// Rows of no sequence, which the loops do not touch.
void ZeroRest(const Shape& shape, at::Tensor& rows) {
  const int64_t used = shape.offsets[shape.sequences];
  if (used < rows.size(0)) rows.narrow(0, used, rows.size(0) - used).zero_();
}

// A buffer of the thread's own, kept from call to call: the work of a short head is less than an allocation.
float* Scratch(const Shape& shape) {
  thread_local std::vector<float> scratch;
  const size_t needed = static_cast<size_t>(AttentionScratch(shape.longest, RoundUp(shape.size, 16)));
  if (scratch.size() < needed) scratch.resize(needed);
  return scratch.data();
}

at::Tensor Forward(const at::Tensor& qkv, const at::Tensor& offsets, int64_t heads, const Dropout& dropout,
                   float* lse) {
  const Shape shape(qkv, offsets, heads);
  at::Tensor out = at::empty({qkv.size(0), shape.hidden}, qkv.options());
  ZeroRest(shape, out);
  const float* const data = qkv.const_data_ptr<float>();
  float* const out_data = out.mutable_data_ptr<float>();
  ForEachHead(shape.offsets, shape.sequences, heads, [&](int64_t sequence, int64_t head) {
    AttentionHead task = HeadOf(shape, data, sequence, head, out_data, lse, dropout);
    task.scratch = Scratch(shape);
    Simd().attention_forward(task);
  });
  return out;
}

at::Tensor ForwardRounded(const at::Tensor& qkv, const at::Tensor& offsets, int64_t heads) {
  const Shape shape(qkv, offsets, heads);
  if (shape.size % 2 != 0) return Forward(qkv.to(at::kFloat), offsets, heads, Dropout(), nullptr);
  at::Tensor out = at::empty({qkv.size(0), shape.hidden}, at::kFloat);
  ZeroRest(shape, out);
  const auto* const data = reinterpret_cast<const uint16_t*>(qkv.const_data_ptr<at::BFloat16>());
  float* const out_data = out.mutable_data_ptr<float>();
  ForEachHead(shape.offsets, shape.sequences, heads, [&](int64_t sequence, int64_t head) {
    const int64_t first = shape.offsets[sequence];
    const uint16_t* q = data + first * 3 * shape.hidden + head * shape.size;
    SimdRoundedAttention()({.q = q,
                            .k = q + shape.hidden,
                            .v = q + 2 * shape.hidden,
                            .stride = 3 * shape.hidden,
                            .length = shape.offsets[sequence + 1] - first,
                            .head_size = shape.size,
                            .scale = ScaleOf(shape),
                            .out = out_data + first * shape.hidden + head * shape.size,
                            .out_stride = shape.hidden,
                            .scratch = Scratch(shape)});
  });
  return out;
}

class PackedAttentionFunction : public torch::autograd::Function<PackedAttentionFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& qkv, const at::Tensor& offsets, int64_t heads,
                            double probability, int64_t key) {
    const at::Tensor input = qkv.contiguous();
    at::Tensor lse = at::empty({input.size(0), heads}, input.options());
    at::Tensor out =
        Forward(input, offsets, heads, {probability, static_cast<uint64_t>(key)}, lse.mutable_data_ptr<float>());
    context->save_for_backward({input, offsets, out, lse});
    context->saved_data["heads"] = heads;
    context->saved_data["probability"] = probability;
    context->saved_data["key"] = key;
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& qkv = saved[0];
    const int64_t heads = context->saved_data["heads"].toInt();
    const Dropout dropout{context->saved_data["probability"].toDouble(),
                          static_cast<uint64_t>(context->saved_data["key"].toInt())};
    const Shape shape(qkv, saved[1], heads);
    const at::Tensor dout = gradients[0].contiguous();
    at::Tensor dqkv = at::empty_like(qkv);
    ZeroRest(shape, dqkv);
    const float* const data = qkv.const_data_ptr<float>();
    const float* const dout_data = dout.const_data_ptr<float>();
    float* const gradient = dqkv.mutable_data_ptr<float>();
    // The loops only read what the forward pass wrote.
    float* const out = const_cast<float*>(saved[2].const_data_ptr<float>());
    float* const lse = const_cast<float*>(saved[3].const_data_ptr<float>());
    ForEachHead(shape.offsets, shape.sequences, heads, [&](int64_t sequence, int64_t head) {
      AttentionHead task = HeadOf(shape, data, sequence, head, out, lse, dropout);
      task.dout = dout_data + (task.out - out);
      task.dq = gradient + (task.q - data);
      task.dk = task.dq + shape.hidden;
      task.dv = task.dq + 2 * shape.hidden;
      task.scratch = Scratch(shape);
      Simd().attention_backward(task);
    });
    return {dqkv, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

// Where the packed rows stand in a padded batch of the sequences that are not empty.
struct Padding {
  at::Tensor rows;    // [sequences, longest]: the packed row, 0 in the padding
  at::Tensor padded;  // [sequences, longest], true in the padding
  at::Tensor places;  // [tokens]: the row's place in [sequences * longest]
};

Padding PaddingOf(const Shape& shape, at::Device device) {
  std::vector<int64_t> filled;
  for (int64_t s = 0; s < shape.sequences; ++s) {
    if (shape.offsets[s + 1] > shape.offsets[s]) filled.push_back(s);
  }
  const int64_t count = static_cast<int64_t>(filled.size());
  at::Tensor rows = at::zeros({count, shape.longest}, at::kLong);
  at::Tensor padded = at::ones({count, shape.longest}, at::kBool);
  std::vector<int64_t> places;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t begin = shape.offsets[filled[i]];
    const int64_t length = shape.offsets[filled[i] + 1] - begin;
    rows[i].narrow(0, 0, length).copy_(at::arange(begin, begin + length, at::kLong));
    padded[i].narrow(0, 0, length).fill_(false);
    for (int64_t j = 0; j < length; ++j) places.push_back(i * shape.longest + j);
  }
  return {rows.to(device), padded.to(device), at::tensor(places, at::kLong).to(device)};
}

at::Tensor OnDevice(const at::Tensor& qkv, const SequenceOffsets& offsets, int64_t heads, const Dropout& dropout) {
  const Shape shape(qkv, offsets.host, heads);
  if (shape.longest == 0 || !HasFusedAttention(qkv, heads)) {
    return PackedAttentionReference(qkv, offsets.host, heads, dropout);
  }
  const at::Tensor here = offsets.device.defined() ? offsets.device : offsets.host.to(qkv.device(), at::kInt);
  return FusedAttention(qkv, here, shape.longest, heads, dropout.probability);
}

}  // namespace

bool AttendsRounded() { return SimdRoundedAttention() != nullptr; }

at::Tensor PackedAttention(const at::Tensor& qkv, const SequenceOffsets& offsets, int64_t heads,
                           const Dropout& dropout) {
  if (!qkv.device().is_cpu()) return OnDevice(qkv, offsets, heads, dropout);
  if (qkv.scalar_type() == at::kBFloat16) return ForwardRounded(qkv.contiguous(), offsets.host, heads);
  if (!at::GradMode::is_enabled()) return Forward(qkv.contiguous(), offsets.host, heads, dropout, nullptr);
  return PackedAttentionFunction::apply(qkv, offsets.host, heads, dropout.probability,
                                        static_cast<int64_t>(dropout.key));
}

at::Tensor PackedAttentionReference(const at::Tensor& qkv, const at::Tensor& offsets, int64_t heads,
                                    const Dropout& dropout) {
  const Shape shape(qkv, offsets, heads);
  if (shape.longest == 0) return at::zeros({qkv.size(0), shape.hidden}, qkv.options());
  const Padding padding = PaddingOf(shape, qkv.device());
  const int64_t count = padding.rows.size(0);
  // [3, sequences, heads, longest, head size]
  const at::Tensor split = qkv.index_select(0, padding.rows.flatten())
                               .view({count, shape.longest, 3, heads, shape.size})
                               .permute({2, 0, 3, 1, 4});
  at::Tensor scores = at::matmul(split[0] / std::sqrt(static_cast<double>(shape.size)), split[1].transpose(-1, -2));
  scores =
      scores.masked_fill(padding.padded.view({count, 1, 1, shape.longest}), -std::numeric_limits<float>::infinity());
  at::Tensor probabilities = at::softmax(scores, -1);
  if (dropout.active()) {
    const at::Tensor mask = DropoutMask(dropout, qkv.size(0) * heads, shape.longest, qkv.device())
                                .view({qkv.size(0), heads, shape.longest})
                                .index_select(0, padding.rows.flatten())
                                .view({count, shape.longest, heads, shape.longest});
    probabilities = probabilities * mask.transpose(1, 2).to(probabilities.scalar_type());
  }
  const at::Tensor packed = at::matmul(probabilities, split[2])
                                .transpose(1, 2)
                                .reshape({count * shape.longest, shape.hidden})
                                .index_select(0, padding.places);
  const int64_t rest = qkv.size(0) - packed.size(0);
  return rest == 0 ? packed : at::cat({packed, at::zeros({rest, shape.hidden}, qkv.options())});
}

}  // namespace fintag
