// Random inputs for the encoder's tests.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "core/model/bert_tensors.h"
#include "core/model/checkpoint_folder.h"
#include "core/model/packed_batch.h"

namespace fintag {

inline double LargestDifference(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return a.numel() == 0 ? 0 : (a - b).abs().max().item<double>();
}

// [sequences + 1] offsets of the lengths.
inline at::Tensor OffsetsOf(const std::vector<int64_t>& lengths) {
  std::vector<int64_t> offsets = {0};
  for (int64_t length : lengths) offsets.push_back(offsets.back() + length);
  return at::tensor(offsets, at::kLong);
}

// From least to most, both included.
inline int64_t RandomSize(std::mt19937& random, int64_t least, int64_t most) {
  return std::uniform_int_distribution<int64_t>(least, most)(random);
}

// 1 to 64 sequences of 1 to 512 tokens, about 3,000 in all at most: where there are many, most are short.
inline std::vector<int64_t> RandomLengths(std::mt19937& random) {
  std::vector<int64_t> lengths(static_cast<size_t>(RandomSize(random, 1, 64)));
  const int64_t usual = 3000 / static_cast<int64_t>(lengths.size());
  for (int64_t& length : lengths) length = RandomSize(random, 1, std::clamp<int64_t>(usual, 1, 512));
  lengths[random() % lengths.size()] = 512;
  return lengths;
}

inline at::Tensor Leaf(at::IntArrayRef shape) { return at::randn(shape).requires_grad_(); }
inline at::Tensor CopyOfLeaf(const at::Tensor& leaf) { return leaf.detach().clone().requires_grad_(); }

inline BertConfig TinyConfig() {
  BertConfig config;
  config.vocabulary_size = 50;
  config.hidden_size = 24;
  config.layers = 3;
  config.heads = 3;
  config.intermediate_size = 40;
  config.max_positions = 70;
  config.tags = {"O", "B-ORG", "I-ORG"};
  return config;
}

// Every tensor that `config` calls for, drawn from N(0, 0.3); layer norms about 1.
inline Checkpoint RandomCheckpoint(const BertConfig& config) {
  Checkpoint checkpoint;
  checkpoint.config = config;
  std::vector<BertTensor> tensors = EncoderTensors(config);
  for (BertTensor& tensor : ClassifierTensors(config)) tensors.push_back(std::move(tensor));
  for (const BertTensor& tensor : tensors) {
    const double mean = tensor.name.ends_with("LayerNorm.weight") ? 1 : 0;
    checkpoint.tensors[tensor.name] = at::randn(tensor.shape) * 0.3 + mean;
  }
  return checkpoint;
}

inline PackedBatch RandomBatch(const std::vector<int64_t>& lengths, int64_t vocabulary) {
  PackedBatch batch;
  for (int64_t length : lengths) {
    const at::Tensor ids = at::randint(vocabulary, {length}, at::kInt);
    batch.Add(std::vector<int32_t>(ids.const_data_ptr<int32_t>(), ids.const_data_ptr<int32_t>() + length));
  }
  return batch;
}

}  // namespace fintag
