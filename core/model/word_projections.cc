#include "core/model/word_projections.h"

#include <algorithm>
#include <utility>

#include "core/model/parallel.h"
#include "core/model/simd_kernels.h"

namespace fintag {
namespace {

// FIN's 47,000 tokens are 2,833 words; the first 2,048 that come are 0.93 of them.
constexpr int64_t kKeptWords = 2048;
constexpr int64_t kRowsPerTask = 32;

}  // namespace

WordProjections::WordProjections(const EmbeddingTables& tables, const LayerNorm& norm, const Dense& layer,
                                 Precision precision, bool rounded)
    : words_(tables.words.detach()),
      norm_weight_(norm.weight.detach()),
      rounded_(rounded),
      weight_(PackWeight(layer.weight, at::zeros_like(layer.bias), *BestProduct(precision))),
      bias_(at::mv(layer.weight.detach(), norm.bias.detach()) + layer.bias.detach()),
      places_(Product(tables.positions.detach() + tables.token_types.detach()[0])),
      kept_(at::empty({std::min(kKeptWords, words_.size(0)), weight_.out}, at::kFloat)),
      kept_of_word_(std::make_unique<std::atomic<const float*>[]>(static_cast<size_t>(words_.size(0)))) {}

at::Tensor WordProjections::Product(const at::Tensor& x) const {
  return PackedLinear((x - x.mean(1, /*keepdim=*/true)) * norm_weight_, weight_);
}

at::Tensor WordProjections::Project(const at::Tensor& ids, const at::Tensor& positions, const at::Tensor& rstd) const {
  at::Tensor result = at::empty({ids.size(0), weight_.out}, rounded_ ? at::kBFloat16 : at::kFloat);
  at::Tensor fresh;
  const std::vector<const float*> words = WordProducts(ids, fresh);
  const int64_t* position = positions.const_data_ptr<int64_t>();
  const float* factor = rstd.const_data_ptr<float>();
  const ScaledSum first{.a = nullptr,
                        .b = places_.const_data_ptr<float>(),
                        .factor = 0,
                        .c = bias_.const_data_ptr<float>(),
                        .y = rounded_ ? nullptr : result.mutable_data_ptr<float>(),
                        .rounded = rounded_ ? static_cast<uint16_t*>(result.mutable_data_ptr()) : nullptr,
                        .count = weight_.out};
  ParallelFor(ids.size(0), kRowsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      ScaledSum row = first;
      row.a = words[i];
      row.b += position[i] * row.count;
      row.factor = factor[i];
      if (rounded_) {
        row.rounded += i * row.count;
      } else {
        row.y += i * row.count;
      }
      Simd().scaled_sum(row);
    }
  });
  return result;
}

std::vector<const float*> WordProjections::WordProducts(const at::Tensor& ids, at::Tensor& fresh) const {
  const int64_t* id = ids.const_data_ptr<int64_t>();
  std::vector<const float*> products(static_cast<size_t>(ids.size(0)));
  std::vector<int64_t> missing;
  for (size_t i = 0; i < products.size(); ++i) {
    products[i] = kept_of_word_[id[i]].load(std::memory_order_acquire);
    if (products[i] == nullptr) missing.push_back(id[i]);
  }
  if (missing.empty()) return products;
  std::sort(missing.begin(), missing.end());
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
  fresh = Product(words_.index_select(0, at::tensor(missing, at::kLong)));
  const float* product = fresh.const_data_ptr<float>();
  for (size_t i = 0; i < products.size(); ++i) {
    if (products[i] != nullptr) continue;
    const auto found = std::lower_bound(missing.begin(), missing.end(), id[i]);
    products[i] = product + (found - missing.begin()) * weight_.out;
  }
  for (const int64_t word : missing) {
    Keep(word, product);
    product += weight_.out;
  }
  return products;
}

void WordProjections::Keep(int64_t word, const float* product) const {
  // Two threads that meet a word at once may both keep it; the products are the same.
  if (kept_count_.load(std::memory_order_relaxed) >= kept_.size(0)) return;
  const int64_t slot = kept_count_.fetch_add(1, std::memory_order_relaxed);
  if (slot >= kept_.size(0)) return;
  float* kept = kept_.mutable_data_ptr<float>() + slot * weight_.out;
  std::copy_n(product, weight_.out, kept);
  kept_of_word_[word].store(kept, std::memory_order_release);
}

int64_t WordProjections::bytes() const {
  return weight_.bytes() + static_cast<int64_t>(bias_.nbytes() + places_.nbytes() + kept_.nbytes()) +
         words_.size(0) * static_cast<int64_t>(sizeof kept_of_word_[0]);
}

}  // namespace fintag
