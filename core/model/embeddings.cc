#include "core/model/embeddings.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "core/model/parallel.h"
#include "core/model/simd_kernels.h"

namespace fintag {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kRowsPerTask = 32;

at::Tensor Forward(const at::Tensor& ids, const at::Tensor& positions, const EmbeddingTables& tables) {
  const int64_t hidden = tables.words.size(1);
  at::Tensor sum = at::empty({ids.size(0), hidden}, tables.words.options());
  const int64_t* id = ids.const_data_ptr<int64_t>();
  const int64_t* position = positions.const_data_ptr<int64_t>();
  const float* words = tables.words.const_data_ptr<float>();
  const float* places = tables.positions.const_data_ptr<float>();
  const float* type = tables.token_types.const_data_ptr<float>();
  float* out = sum.mutable_data_ptr<float>();
  ParallelFor(ids.size(0), kRowsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* row = out + i * hidden;
      std::memcpy(row, words + id[i] * hidden, static_cast<size_t>(hidden) * sizeof(float));
      Simd().add(type, row, hidden);
      Simd().add(places + position[i] * hidden, row, hidden);
    }
  });
  return sum;
}

// Tokens in the order of their key (word id or position), and where each distinct key's run of them begins.
struct Groups {
  std::vector<int64_t> tokens;
  std::vector<int64_t> keys;    // distinct, ascending
  std::vector<int64_t> begins;  // as many as keys, and one more
};

Groups GroupsOf(const at::Tensor& keys) {
  const int64_t* key = keys.const_data_ptr<int64_t>();
  Groups groups;
  groups.tokens.resize(static_cast<size_t>(keys.size(0)));
  std::iota(groups.tokens.begin(), groups.tokens.end(), 0);
  std::sort(groups.tokens.begin(), groups.tokens.end(),
            [key](int64_t a, int64_t b) { return key[a] != key[b] ? key[a] < key[b] : a < b; });
  for (size_t i = 0; i < groups.tokens.size(); ++i) {
    const int64_t current = key[groups.tokens[i]];
    if (groups.keys.empty() || groups.keys.back() != current) {
      groups.keys.push_back(current);
      groups.begins.push_back(static_cast<int64_t>(i));
    }
  }
  groups.begins.push_back(static_cast<int64_t>(groups.tokens.size()));
  return groups;
}

// For each group, the sum of its tokens' rows of `gradient`, written to the row of `to` that `place(group)` names.
template <typename Place>
void SumGroups(const Groups& groups, const at::Tensor& gradient, float* to, const Place& place) {
  const int64_t hidden = gradient.size(1);
  const float* from = gradient.const_data_ptr<float>();
  ParallelFor(static_cast<int64_t>(groups.keys.size()), kRowsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; ++group) {
      float* row = to + place(group) * hidden;
      const int64_t first = groups.begins[group];
      std::memcpy(row, from + groups.tokens[first] * hidden, static_cast<size_t>(hidden) * sizeof(float));
      for (int64_t i = first + 1; i < groups.begins[group + 1]; ++i) {
        Simd().add(from + groups.tokens[i] * hidden, row, hidden);
      }
    }
  });
}

at::Tensor WordGradient(const at::Tensor& ids, const at::Tensor& gradient, int64_t vocabulary) {
  const Groups groups = GroupsOf(ids);
  const int64_t count = static_cast<int64_t>(groups.keys.size());
  at::Tensor values = at::empty({count, gradient.size(1)}, gradient.options());
  SumGroups(groups, gradient, values.mutable_data_ptr<float>(), [](int64_t group) { return group; });
  at::Tensor indices = at::empty({1, count}, at::kLong);
  std::copy(groups.keys.begin(), groups.keys.end(), indices.mutable_data_ptr<int64_t>());
  return at::_sparse_coo_tensor_unsafe(indices, values, {vocabulary, gradient.size(1)}, values.options(),
                                       /*is_coalesced=*/true);
}

at::Tensor PositionGradient(const at::Tensor& positions, const at::Tensor& gradient, int64_t rows) {
  const Groups groups = GroupsOf(positions);
  at::Tensor result = at::zeros({rows, gradient.size(1)}, gradient.options());
  SumGroups(groups, gradient, result.mutable_data_ptr<float>(), [&](int64_t group) { return groups.keys[group]; });
  return result;
}

at::Tensor TypeGradient(const at::Tensor& gradient, int64_t rows) {
  at::Tensor result = at::zeros({rows, gradient.size(1)}, gradient.options());
  const int64_t columns = gradient.size(1);
  Simd().column_sums(gradient.const_data_ptr<float>(), gradient.size(0), columns, 0, columns,
                     result.mutable_data_ptr<float>());
  return result;
}

class EmbeddingFunction : public torch::autograd::Function<EmbeddingFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& ids, const at::Tensor& positions,
                            const at::Tensor& words, const at::Tensor& places, const at::Tensor& types) {
    context->save_for_backward({ids, positions});
    context->saved_data["words"] = words.size(0);
    context->saved_data["places"] = places.size(0);
    context->saved_data["types"] = types.size(0);
    return Forward(ids, positions, {words, places, types});
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor gradient = gradients[0].contiguous();
    return {at::Tensor(), at::Tensor(), WordGradient(saved[0], gradient, context->saved_data["words"].toInt()),
            PositionGradient(saved[1], gradient, context->saved_data["places"].toInt()),
            TypeGradient(gradient, context->saved_data["types"].toInt())};
  }
};

}  // namespace

at::Tensor EmbeddingSum(const at::Tensor& ids, const at::Tensor& positions, const EmbeddingTables& tables) {
  if (!tables.words.device().is_cpu()) return EmbeddingSumReference(ids, positions, tables);
  if (!at::GradMode::is_enabled()) return Forward(ids, positions, tables);
  return EmbeddingFunction::apply(ids, positions, tables.words, tables.positions, tables.token_types);
}

at::Tensor EmbeddingSumReference(const at::Tensor& ids, const at::Tensor& positions, const EmbeddingTables& tables) {
  const at::Tensor words =
      at::embedding(tables.words, ids, /*padding_idx=*/-1, /*scale_grad_by_freq=*/false, /*sparse=*/true);
  return words + tables.positions.index_select(0, positions) + tables.token_types[0];
}

}  // namespace fintag
